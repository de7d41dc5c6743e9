// Retries and doubt against a network of the test's own: no server, no waiting.
#include <doctest/doctest.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "common/store_requests.h"
#include "stores/object_storage.h"

using namespace batuta;
using namespace batuta::stores;
using batuta::lakelog::Put;

namespace {

// Answers what is next in line and keeps what was asked and how long was waited.
struct Line {
  std::deque<Result<HttpAnswer>> answers;
  std::vector<HttpRequest> asked;
  std::vector<Duration> pauses;
  bool echo_mark = false;  // a look at the object finds the mark of the first put

  void say(int status, std::vector<std::pair<std::string, std::string>> headers = {},
           std::string body = {}) {
    answers.push_back(HttpAnswer{status, std::move(headers), std::move(body)});
  }
  void hang_up() { answers.push_back(Error{Errc::unavailable, "cut", ""}); }

  std::unique_ptr<ObjectStorage> storage() {
    const Location location = *parse_location("s3://lake/p");
    Options options;
    options.access_key = "A";
    options.secret_key = "S";
    options.region = "eu-west-1";
    Surroundings surroundings{[this](const HttpRequest& request) -> Result<HttpAnswer> {
                                asked.push_back(request);
                                REQUIRE(!answers.empty());
                                auto answer = std::move(answers.front());
                                answers.pop_front();
                                if (echo_mark && request.method == "HEAD")
                                  answer->headers = {{"x-amz-meta-batuta-put", mark_of(0)}};
                                return answer;
                              },
                              [] { return *parse_iso("2026-11-20T00:00:00Z"); },
                              [this](Duration pause) { pauses.push_back(pause); }, nullptr};
    return std::make_unique<ObjectStorage>(location, "", *s3_dialect(location, options),
                                           std::move(surroundings));
  }
  std::string mark_of(std::size_t request) const {
    for (const auto& [name, value] : asked.at(request).headers)
      if (name == "x-amz-meta-batuta-put") return value;
    return {};
  }
};

}  // namespace

TEST_CASE("an object that is there is another's only if its mark says so") {
  Line line;
  line.say(412);
  line.say(200);  // as somebody's own tool put it
  CHECK(*line.storage()->put_if_absent("a", "1") == Put::exists);
  // libcurl itself may have sent it twice, on a kept connection that was closed.
  Line twice;
  twice.echo_mark = true;
  twice.say(412);
  twice.say(200);
  CHECK(*twice.storage()->put_if_absent("a", "1") == Put::done);
}

TEST_CASE("after an unheard put an object that is there is looked at: whose mark does it bear?") {
  for (const bool own : {true, false}) {
    CAPTURE(own);
    Line line;
    line.echo_mark = own;
    line.hang_up();
    line.say(412);
    line.say(200, {{"x-amz-meta-batuta-put", "another's"}});
    CHECK(*line.storage()->put_if_absent("a", "1") == (own ? Put::done : Put::exists));
    CHECK(line.asked.back().method == "HEAD");
    CHECK(line.mark_of(0) == line.mark_of(1));
  }
}

TEST_CASE("a refusal after an unheard put is no answer to whether it was put") {
  Line line;
  line.echo_mark = true;
  line.hang_up();
  line.say(403);
  line.say(200);
  CHECK(*line.storage()->put_if_absent("a", "1") == Put::done);
  Line blind;
  blind.hang_up();
  blind.say(403);
  blind.say(403);
  const auto put = blind.storage()->put_if_absent("a", "1");
  REQUIRE(!put.ok());
  CHECK(put.error().message.find("whether it was put is not known") != std::string::npos);
}

TEST_CASE("a put of which nothing is known is no success, and says so") {
  Line line;
  for (int i = 0; i < 12; ++i) line.hang_up();
  const auto put = line.storage()->put_if_absent("a", "1");
  REQUIRE(!put.ok());
  CHECK(put.error().code == Errc::unavailable);
  CHECK(put.error().message.find("whether it was put is not known") != std::string::npos);
}

TEST_CASE("requests are counted by store, operation and outcome, each try of them") {
  store_requests().take_new();  // of other tests
  Line line;
  line.say(503);
  line.hang_up();
  line.say(200);
  REQUIRE(line.storage()->put("a", "1"));
  line.say(404);
  CHECK(!line.storage()->stat("a").ok());
  line.say(412);
  line.say(200);
  CHECK(*line.storage()->put_if_absent("a", "1") == Put::exists);
  line.say(403);
  CHECK(!line.storage()->remove("a").ok());
  line.say(500);
  line.say(200, {}, "1");
  CHECK(*line.storage()->read("a") == "1");
  std::map<std::string, std::int64_t> times;
  for (const StoreRequestCount& one : store_requests().take_new()) {
    CHECK(one.of.store == "s3://lake");  // without the prefix
    times[one.of.operation + " " + one.of.outcome] = one.times;
  }
  CHECK(times == std::map<std::string, std::int64_t>{{"put throttled", 1},
                                                     {"put unanswered", 1},
                                                     {"put ok", 1},
                                                     {"put exists", 1},
                                                     {"look absent", 1},
                                                     {"look ok", 1},
                                                     {"remove refused", 1},
                                                     {"read failed", 1},
                                                     {"read ok", 1}});
}

TEST_CASE("pauses grow, are bounded, and heed what the store asks for") {
  Line line;
  for (int i = 0; i < 4; ++i) line.say(503);
  line.say(429, {{"retry-after", "7"}});
  line.say(200, {}, "x");
  CHECK(*line.storage()->read("a") == "x");
  REQUIRE(line.pauses.size() == 5);
  for (std::size_t i = 0; i < 4; ++i) {
    const Duration full = std::chrono::milliseconds(200) * (1 << i);
    CHECK(line.pauses[i] >= full / 2);
    CHECK(line.pauses[i] <= full);
  }
  CHECK(line.pauses[4] == std::chrono::seconds(7));

  Line stubborn;
  for (int i = 0; i < 6; ++i) stubborn.say(503, {{"retry-after", "86400"}});
  const auto read = stubborn.storage()->read("a");
  CHECK(read.error().code == Errc::unavailable);
  CHECK(stubborn.asked.size() == 6);
  for (const Duration pause : stubborn.pauses) CHECK(pause == std::chrono::seconds(10));
}

TEST_CASE("what will not change is not tried again") {
  for (const int status : {400, 401, 403, 404, 405, 409, 412, 501}) {
    CAPTURE(status);
    Line line;
    line.say(status);
    CHECK_FALSE(line.storage()->read("a").ok());
    CHECK(line.asked.size() == 1);
  }
  Line race;  // S3's word for two conditional puts at the same moment
  race.say(409, {}, "<Error><Code>ConditionalRequestConflict</Code></Error>");
  race.say(200);
  CHECK(*race.storage()->put_if_absent("a", "1") == Put::done);
}

TEST_CASE("a range that the store ignored is not taken for the range") {
  Line line;
  line.say(200, {}, "0123456789");
  CHECK(line.storage()->read("a", {2, 3}).error().message.find("ignores Range") !=
        std::string::npos);
}

TEST_CASE("a list that goes in circles, or is none, is an error and no empty lake") {
  Line line;
  const std::string page =
      "<ListBucketResult><IsTruncated>true</IsTruncated>"
      "<NextContinuationToken>again</NextContinuationToken></ListBucketResult>";
  line.say(200, {}, page);
  line.say(200, {}, page);
  CHECK(line.storage()->list("").error().message.find("circles") != std::string::npos);
  Line page_of_a_proxy;
  page_of_a_proxy.say(200, {}, "<html><body>Sign in</body></html>");
  CHECK(page_of_a_proxy.storage()->list("").error().code == Errc::unavailable);
  Line cut;
  cut.say(200, {}, "<ListBucketResult><Contents><Key>p/a</Key>");
  CHECK(cut.storage()->list("").error().code == Errc::unavailable);
}
