// What leaves the API small: lists, the OpenAPI document, the page's files.
#include <doctest/doctest.h>

#include "tests/api/fake_services.h"
#include "tests/http/gunzip.h"
#include "tests/http/unbrotli.h"

namespace batuta::http::compress_test {
namespace {

std::string header(const Response& response, std::string_view wanted) {
  for (const auto& [name, value] : response.headers) {
    if (name == wanted) return value;
  }
  return "";
}

CallExtra asking(std::vector<std::pair<std::string, std::string>> headers) {
  CallExtra extra;
  extra.headers = std::move(headers);
  return extra;
}

const CallExtra gzip_wanted = asking({{"accept-encoding", "gzip, deflate"}});

}  // namespace

TEST_CASE("a long list is packed for a client that takes gzip, and says the same") {
  TestApi api;
  const auto row = api.history.views.front();
  for (int i = 0; i < 200; ++i) api.history.views.push_back(row);
  const std::string target = "/api/v2/dags/demo/dagRuns/~/taskInstances?limit=200";
  const auto plain = api.call(Method::get, target);
  const auto small = api.call(Method::get, target, "", "admin", gzip_wanted);
  CHECK(header(plain, "Content-Encoding").empty());
  CHECK(header(small, "Content-Encoding") == "gzip");
  CHECK(header(small, "Vary") == "Accept-Encoding");
  CHECK(small.body.size() * 10 < plain.body.size());
  CHECK(gunzip(small.body) == plain.body);
  const auto refused =
      api.call(Method::get, target, "", "admin", asking({{"accept-encoding", "gzip;q=0"}}));
  CHECK(refused.body == plain.body);
  const auto brotli =
      api.call(Method::get, target, "", "admin", asking({{"accept-encoding", "br"}}));
  CHECK(header(brotli, "Content-Encoding") == "br");
  CHECK(header(brotli, "Vary") == "Accept-Encoding");
  CHECK(unbrotli(brotli.body) == plain.body);
  // What it says is the same, so is its tag.
  CHECK(header(brotli, "ETag") == header(plain, "ETag"));
}

TEST_CASE("short answers, errors and streams are sent as they are") {
  TestApi api;
  CHECK(
      header(api.call(Method::get, "/api/v2/version", "", "admin", gzip_wanted), "Content-Encoding")
          .empty());
  CHECK(
      header(api.call(Method::get, "/api/v2/nothing", "", "admin", gzip_wanted), "Content-Encoding")
          .empty());
  const auto events = api.call(Method::get, "/api/batuta/events", "", "admin", gzip_wanted);
  CHECK(events.stream);
  CHECK(header(events, "Content-Encoding").empty());
}

TEST_CASE(
    "an answer to a read bears a tag of what it says, and whoever has it is sent nothing more") {
  TestApi api;
  const std::string target = "/api/v2/dags/demo/dagRuns";
  const auto whole = api.call(Method::get, target);
  const std::string tag = header(whole, "ETag");
  CHECK(tag.starts_with("W/\""));
  for (const std::string& known : {tag, "\"other\", " + tag, std::string("*")}) {
    const auto same =
        api.call(Method::get, target, "", "admin", asking({{"if-none-match", known}}));
    CHECK(same.status == 304);
    CHECK(same.body.empty());
    CHECK(header(same, "ETag") == tag);
  }
  api.history.run_rows.front().note = "another";
  const auto changed = api.call(Method::get, target, "", "admin", asking({{"if-none-match", tag}}));
  CHECK(changed.status == 200);
  CHECK(header(changed, "ETag") != tag);
  // Rights come first, and neither refusals nor changes have one.
  CHECK(api.call(Method::get, target, "", "", asking({{"if-none-match", "*"}})).status == 401);
  CHECK(header(api.call(Method::get, target + "/none"), "ETag").empty());
  CHECK(header(api.call(Method::post, target + "/done/clear", "{}"), "ETag").empty());
}

TEST_CASE("the OpenAPI document has an ETag, and whoever has it is told so") {
  TestApi api;
  const auto whole = api.call(Method::get, "/openapi.json");
  const auto small = api.call(Method::get, "/openapi.json", "", "admin", gzip_wanted);
  CHECK(gunzip(small.body) == whole.body);
  const auto brotli =
      api.call(Method::get, "/openapi.json", "", "admin", asking({{"accept-encoding", "br"}}));
  CHECK(unbrotli(brotli.body) == whole.body);
  CHECK(header(brotli, "ETag") != header(whole, "ETag"));
  CHECK(header(brotli, "ETag") != header(small, "ETag"));
  const auto etag = header(whole, "ETag");
  CHECK(etag.size() > 10);
  CHECK(etag != header(small, "ETag"));
  CHECK(header(api.call(Method::get, "/api/v2/openapi.json"), "ETag") == etag);
  const auto again =
      api.call(Method::get, "/openapi.json", "", "admin", asking({{"if-none-match", etag}}));
  CHECK(again.status == 304);
  CHECK(again.body.empty());
  const auto other =
      api.call(Method::get, "/openapi.json", "", "admin", asking({{"if-none-match", "\"x\""}}));
  CHECK(other.status == 200);
}

TEST_CASE("a file of the page is sent in the form made at the build") {
  TestApi api;
  const auto plain = api.call(Method::get, "/", "", "");
  const auto small = api.call(Method::get, "/", "", "", gzip_wanted);
  CHECK(plain.body == "<!doctype html>");
  CHECK(header(plain, "Vary") == "Accept-Encoding");
  CHECK(small.body == "packed");
  CHECK(small.content_type == plain.content_type);
  CHECK(header(small, "Content-Encoding") == "gzip");
  CHECK(header(small, "ETag") == "\"i1-packed\"");
  const auto known =
      api.call(Method::get, "/", "", "",
               asking({{"accept-encoding", "gzip"}, {"if-none-match", "\"i1\", \"i1-packed\""}}));
  CHECK(known.status == 304);
  CHECK(header(plain, "Cache-Control") == "no-cache");
  // Without its headers the packed form would be garbage.
  CHECK(api.status(Method::get, "/index.html.gz", "", "") == 404);
}

TEST_CASE("a file under a hash is kept for ever, and sent as Brotli to who takes it") {
  TestApi api;
  const auto of = [&](const char* codings) {
    return api.call(Method::get, "/a/1f/app.js", "", "", asking({{"accept-encoding", codings}}));
  };
  const auto smallest = of("gzip, deflate, br");
  CHECK(smallest.body == "br");
  CHECK(header(smallest, "Content-Encoding") == "br");
  CHECK(header(smallest, "ETag") == "\"s1-br\"");
  CHECK(header(smallest, "Cache-Control") == "public, max-age=31536000, immutable");
  CHECK(of("gzip, br;q=0").body == "let a;");
  CHECK(of("*").body == "let a;");
  CHECK(header(of("gzip"), "Cache-Control") == "public, max-age=31536000, immutable");
  CHECK(api.status(Method::get, "/a/1f/app.js.br", "", "") == 404);
  CHECK(api.status(Method::get, "/a/20/app.js", "", "") == 404);  // of a page that is no more
}

}  // namespace batuta::http::compress_test
