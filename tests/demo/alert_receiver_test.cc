#include "scheduler/demo/alert_receiver.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "tests/demo/demo_fixture.h"

namespace batuta::demo {
namespace {

http::Request post(std::string body) {
  http::Request request;
  request.method = http::Method::post;
  request.path = "/services/T/B/x";
  request.body = std::move(body);
  return request;
}

}  // namespace

TEST_CASE("an alert is answered ok, printed as one line and kept in the file") {
  const auto path = std::filesystem::temp_directory_path() /
                    ("batuta_alerts_" + std::to_string(::getpid()) + ".jsonl");
  std::filesystem::remove(path);
  std::vector<std::string> lines;
  const auto handler =
      make_alert_handler({path, [&](const std::string& line) { lines.push_back(line); }});
  const auto answer =
      call(handler,
           post(R"({"text":"down\nfake alert\u001b[2J","channel":"#etl","username":"batuta"})"));
  CHECK(answer.status == 200);
  CHECK(answer.body == "ok");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0] == "alert #etl from batuta: down | fake alert?[2J");
  CHECK(call(handler, post(R"({"text":"two"})")).status == 200);
  std::ifstream file(path);
  std::string first, second;
  std::getline(file, first);
  std::getline(file, second);
  CHECK((*parse_untrusted(first))["channel"] == "#etl");
  CHECK((*parse_untrusted(second))["text"] == "two");
  std::filesystem::remove(path);
}

TEST_CASE("what is not an alert is refused as Slack refuses it") {
  const auto handler = make_alert_handler({"", [](const std::string&) {}});
  for (const char* body : {"", "[]", "{}", R"({"text":5})", R"({"text":""})", "{\"text\":"}) {
    const auto answer = call(handler, post(body));
    CHECK(answer.status == 400);
    CHECK(answer.body == "invalid_payload");
  }
  auto get = post("");
  get.method = http::Method::get;
  CHECK(call(handler, get).status == 405);
}

}  // namespace batuta::demo
