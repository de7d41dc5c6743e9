#include "scheduler/outbox/event_sender.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

using namespace batuta;

namespace {

// Everything that the sender does outside, on its own thread, and a signal for each.
struct Outside {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> bodies;
  std::vector<std::int64_t> deleted;
  std::vector<OutboxRow> saved;
  HttpRequest last;
  std::vector<int> answers;  // of the next requests; then 200
  bool away = false;         // nobody answers
  int deletions_refused = 0;
  int saves_refused = 0, counts_refused = 0;
  std::int64_t kept_dead = 0;  // of earlier starts
  Time clock = *parse_iso("2026-11-20T12:00:00Z");

  EventSender::Hooks hooks() {
    EventSender::Hooks hooks;
    hooks.delete_rows = [this](const std::vector<std::int64_t>& ids) {
      std::lock_guard lock(mutex);
      if (deletions_refused > 0) return --deletions_refused, false;
      deleted.insert(deleted.end(), ids.begin(), ids.end());
      changed.notify_all();
      return true;
    };
    hooks.kept_dead = [this]() -> std::optional<std::int64_t> {
      std::lock_guard lock(mutex);
      if (counts_refused > 0) return --counts_refused, std::nullopt;
      return kept_dead;
    };
    hooks.save_row = [this](const OutboxRow& row) {
      std::lock_guard lock(mutex);
      if (saves_refused > 0) return --saves_refused, false;
      if (row.dead) ++kept_dead;
      saved.push_back(row);
      changed.notify_all();
      return true;
    };
    hooks.open = [](Connection& to) -> Status {
      if (to.password != R"({"$env":"T"})") return {Errc::forbidden, "not listed"};
      to.password = "tok";
      return success();
    };
    hooks.http = [this](const HttpRequest& request) -> Result<HttpAnswer> {
      std::lock_guard lock(mutex);
      if (away) return {Errc::unavailable, "refused"};
      last = request;
      last.cancelled = {};
      HttpAnswer answer;
      answer.status = 200;
      if (!answers.empty()) {
        answer.status = answers.front();
        answers.erase(answers.begin());
      }
      answer.body = "no\nsuch thing";
      if (answer.status == 200) bodies.push_back(request.body);
      return answer;
    };
    hooks.now = [this] {
      std::lock_guard lock(mutex);
      return clock;
    };
    return hooks;
  }

  template <class What>
  bool until(What what) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(20), what);
  }
};

OutboxRow row(std::int64_t id) {
  OutboxRow out;
  out.id = id;
  out.kind = OutboxKind::lineage;
  out.payload_json = "{\"n\":" + std::to_string(id) + "}";
  return out;
}

EventTransport over_http() {
  EventTransport transport;
  transport.url = "http://collector.example/api/v1/lineage";
  return transport;
}

using Ids = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("events go in the order of their rows and are forgotten when that is durable") {
  Outside outside;
  outside.deletions_refused = 1;
  EventTransport transport = over_http();
  transport.token = R"({"$env":"T"})";
  transport.gzip = [](std::string_view text) { return "small " + std::string(text); };
  EventSender sender(transport, outside.hooks());
  for (const std::int64_t id : {3, 1, 2}) sender.add(row(id));
  sender.start();
  REQUIRE(outside.until([&] { return outside.deleted == Ids{1, 2, 3}; }));
  sender.stop();
  CHECK(outside.bodies ==
        std::vector<std::string>{"small {\"n\":1}", "small {\"n\":2}", "small {\"n\":3}"});
  const auto header = [&](const std::string& name) {
    for (const auto& [key, value] : outside.last.headers) {
      if (key == name) return value;
    }
    return std::string();
  };
  CHECK(header("Authorization") == "Bearer tok");
  CHECK(header("Content-Encoding") == "gzip");
  CHECK(header("Content-Type") == "application/json");
  CHECK(sender.standing().sent == 3);
  CHECK(sender.standing().waiting == 0);
}

TEST_CASE("a collector that is away, or refuses everybody, holds all events back and is told") {
  for (const int status : {0, 401, 404, 503}) {
    Outside outside;
    outside.away = status == 0;
    if (status != 0) outside.answers = {status};
    EventSender sender(over_http(), outside.hooks());
    sender.add(row(1));
    sender.add(row(2));
    sender.start();
    REQUIRE(outside.until([&] { return outside.saved.size() == 1; }));
    CHECK(outside.deleted.empty());
    CHECK(outside.saved[0].id == 1);
    CHECK_FALSE(outside.saved[0].dead);
    CHECK(outside.saved[0].next_try_at == outside.clock + std::chrono::milliseconds(500));
    const EventStanding held = sender.standing();
    CHECK(held.trouble == (status == 0 ? std::string("refused")
                                       : "collector.example answers " + std::to_string(status) +
                                             ": no such thing"));
    CHECK(held.since == outside.clock);
    CHECK(held.waiting == 2);
    {
      std::lock_guard lock(outside.mutex);
      outside.away = false;
    }
    sender.retry_now(2);  // as `batuta outbox retry`
    REQUIRE(outside.until([&] { return outside.deleted == Ids{1, 2}; }));
    sender.stop();
    CHECK(sender.standing().trouble == "");
  }
}

TEST_CASE(
    "an event that the collector refuses is given up, kept for people, and holds nothing up") {
  Outside outside;
  outside.answers = {200, 422};
  EventSender sender(over_http(), outside.hooks());
  for (const std::int64_t id : {1, 2, 3}) sender.add(row(id));
  sender.start();
  REQUIRE(outside.until([&] { return outside.deleted == Ids{1, 3}; }));
  sender.stop();
  REQUIRE(outside.saved.size() == 1);
  CHECK(outside.saved[0].id == 2);
  CHECK(outside.saved[0].dead);
  CHECK(outside.saved[0].last_error == "collector.example answers 422: no such thing");
  CHECK(sender.standing().refused == 1);
  CHECK(sender.standing().waiting == 0);
}

TEST_CASE("of refused events a hundred are kept, further ones are counted alone") {
  Outside outside;
  for (int i = 1; i <= 116; ++i) outside.answers.push_back(i % 10 == 0 ? 200 : 400);
  EventSender sender(over_http(), outside.hooks());
  for (std::int64_t id = 1; id <= 117; ++id) sender.add(row(id));
  sender.start();
  REQUIRE(outside.until([&] { return !outside.deleted.empty() && outside.deleted.back() == 117; }));
  sender.stop();
  CHECK(outside.saved.size() == EventSender::most_dead);
  CHECK(sender.standing().refused == 105);
}

TEST_CASE("a collector that refuses whatever comes is what is wrong: its events wait") {
  Outside outside;
  outside.answers.assign(21, 400);
  EventSender sender(over_http(), outside.hooks());
  for (std::int64_t id = 1; id <= 40; ++id) sender.add(row(id));
  sender.start();
  REQUIRE(outside.until([&] { return outside.saved.size() == 21; }));
  CHECK_FALSE(outside.saved.back().dead);
  CHECK(outside.saved.back().last_error ==
        "collector.example answers 400: no such thing (so it did 20 times in a row)");
  CHECK(sender.standing().waiting == 20);
  CHECK(sender.standing().trouble != "");
  sender.retry_now(21);
  REQUIRE(outside.until([&] { return outside.deleted.size() == 20; }));
  sender.stop();
  CHECK(sender.standing().trouble == "");
}

TEST_CASE("a refused event is kept though the store takes no writes for a moment") {
  Outside outside;
  outside.answers = {400};
  outside.counts_refused = 1;
  outside.saves_refused = 1;
  EventSender sender(over_http(), outside.hooks());
  sender.add(row(1));
  sender.add(row(2));
  sender.start();
  REQUIRE(outside.until([&] { return outside.deleted == Ids{2}; }));
  sender.stop();
  REQUIRE(outside.saved.size() == 1);
  CHECK(outside.saved[0].id == 1);
  CHECK(outside.saved[0].dead);
  CHECK(sender.standing().refused == 1);
}

TEST_CASE(
    "refused events of earlier starts are among the hundred; one that was dropped makes room") {
  Outside outside;
  outside.answers = {400};
  outside.kept_dead = EventSender::most_dead;
  EventSender sender(over_http(), outside.hooks());
  sender.add(row(1));
  sender.start();
  REQUIRE(outside.until([&] { return outside.deleted == Ids{1}; }));
  {
    std::lock_guard lock(outside.mutex);
    CHECK(outside.saved.empty());
    outside.kept_dead = EventSender::most_dead - 1;
    outside.answers = {400};
  }
  sender.add(row(2));
  sender.wake();
  REQUIRE(outside.until([&] { return outside.saved.size() == 1; }));
  sender.stop();
  CHECK(outside.saved[0].id == 2);
  CHECK(outside.saved[0].dead);
  CHECK(outside.deleted == Ids{1});
}

TEST_CASE("a token that cannot be opened holds events back and names its setting") {
  Outside outside;
  EventTransport transport = over_http();
  transport.token = R"({"$env":"OTHER"})";
  EventSender sender(transport, outside.hooks());
  sender.add(row(1));
  sender.start();
  REQUIRE(outside.until([&] { return outside.saved.size() == 1; }));
  sender.stop();
  CHECK(outside.bodies.empty());
  CHECK(sender.standing().trouble == "lineage.token: not listed");
}

TEST_CASE(
    "events are lines of a file, after a line that was cut, once though the collector is away") {
  const std::string path = std::filesystem::temp_directory_path() /
                           ("lineage-" + to_string(make_uuid_v7(read_clock().wall)));
  std::ofstream(path) << "{\"cut";
  Outside outside;
  outside.away = true;
  EventTransport transport = over_http();
  transport.file = path;
  EventSender sender(transport, outside.hooks());
  sender.add(row(1));
  sender.add(row(2));
  sender.start();
  REQUIRE(outside.until([&] { return outside.saved.size() == 1; }));
  {
    std::lock_guard lock(outside.mutex);
    outside.away = false;
  }
  sender.retry_now(1);
  REQUIRE(outside.until([&] { return outside.deleted == Ids{1, 2}; }));
  sender.stop();
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  CHECK(text.str() == "{\"cut\n{\"n\":1}\n{\"n\":2}\n");
  std::filesystem::remove(path);
}

TEST_CASE("a file that cannot be written holds events back with path and cause") {
  Outside outside;
  EventTransport transport;
  transport.file = "/nowhere/lineage.jsonl";
  EventSender sender(transport, outside.hooks());
  sender.add(row(1));
  sender.start();
  REQUIRE(outside.until([&] { return outside.saved.size() == 1; }));
  sender.stop();
  CHECK(outside.saved[0].last_error ==
        "cannot open the file of lineage.file, /nowhere/lineage.jsonl: No such file or directory");
}

TEST_CASE("what waits when lineage is switched off is dropped and counted") {
  Outside outside;
  EventSender sender({}, outside.hooks());
  sender.resync({row(1), row(2)});
  sender.start();
  REQUIRE(outside.until([&] { return outside.deleted == Ids{1, 2}; }));
  sender.stop();
  CHECK(sender.standing().dropped == 2);
  CHECK(sender.standing().sent == 0);
}
