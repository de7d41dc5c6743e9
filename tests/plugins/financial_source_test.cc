// How bronze behaves towards a service that is slow, busy, broken or lying.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "plugins/financial/quote_page.h"
#include "tests/plugins/financial_fixture.h"

using namespace batuta;

namespace {

const Run run{"01980000-0000-7000-8000-00000000000a"};
const std::string one = quote("2026-11-20T10:05:00Z", "PETR4", "9.5", "10", "9", "9.2", "1");

// Answers `first`, then good pages.
std::function<Reply(const std::string&)> once(Reply first) {
  return
      [first, count = 0](const std::string&) mutable { return count++ == 0 ? first : page({one}); };
}

}  // namespace

TEST_CASE("the request names tickers, window and page as the service wants them") {
  Financial world([](const std::string&) { return page({one}); });
  world.tickers = {"PETR4", "A&B"};
  (void)world.complete("financial_bronze", run);
  CHECK(world.server.targets() ==
        std::vector<std::string>{"/v1/quotes?tickers=PETR4,A%26B&start=2026-11-20T10%3A00%3A00Z&"
                                 "end=2026-11-20T12%3A00%3A00Z"});
}

TEST_CASE("busy and failing answers are tried again") {
  for (const Reply& reply :
       {Reply{429, "{}", "Retry-After: 0\r\n"}, Reply{500, "oops", ""}, Reply{503, "", ""}}) {
    Financial world(once(reply));
    CHECK(world.complete("financial_bronze", run)["records"] == 1);
    CHECK(world.server.targets().size() == 2);
  }
}

TEST_CASE("a service that stays down fails the attempt, which may be retried") {
  Financial world([](const std::string&) { return Reply{500, "", ""}; });
  world.bronze_parameters = {{"max_tries", 2}};
  const auto failed = world.execute("financial_bronze", run);
  CHECK(world.returned != 0);
  CHECK(failed->failure_kind == BATUTA_FAIL_RETRYABLE);
  CHECK(failed->failure.find("HTTP 500 after 2 tries") != std::string::npos);
  CHECK(failed->outputs.empty());
}

TEST_CASE("a refused request is not tried again") {
  for (const int status : {400, 401, 403, 404}) {
    Financial world([status](const std::string&) { return Reply{status, "", ""}; });
    const auto host = world.execute("financial_bronze", run);
    CHECK(world.returned != 0);
    CHECK(host->failure_kind == BATUTA_FAIL_FINAL);
    CHECK(world.server.targets().size() == 1);
  }
}

TEST_CASE("an answer that is not a page fails the attempt and is kept for people") {
  for (const char* body :
       {"", "not json", "[]", "{\"quotes\":{}}", "{\"quotes\":[1,]}",
        "{\"quotes\":[],\"quotes\":[]}", "{\"quotes\":[],\"next_page_token\":1}"}) {
    CAPTURE(body);
    Financial world([body](const std::string&) { return Reply{200, body, ""}; });
    const auto host = world.execute("financial_bronze", run);
    CHECK(world.returned != 0);
    CHECK(host->failure_kind == BATUTA_FAIL_RETRYABLE);
    CHECK(host->failure.find("kept as raw/financial/quotes") != std::string::npos);
    CHECK(host->outputs.empty());
  }
}

TEST_CASE("a service that repeats its page token cannot keep the task for ever") {
  Financial world([](const std::string&) { return page({one}, "same"); });
  const auto host = world.execute("financial_bronze", run);
  CHECK(world.returned != 0);
  CHECK(host->failure.find("page token") != std::string::npos);
}

TEST_CASE("a record's numbers keep their digits whatever the layout of the page") {
  const auto parsed = financial::parse_quote_page(
      "{ \"next_page_token\" : \"a\\\"b\" ,\n \"quotes\" : [ { \"open\" : 0.10 "
      ",\"x\":{\"open\":7}, "
      "\"low\":-1.50E+01\n, \"ticker\":\"a\\\\\\\"]}\", \"high\" : null } , [ ] ] }");
  REQUIRE(parsed.ok());
  CHECK(parsed->next_page_token == "a\"b");
  REQUIRE(parsed->records.size() == 2);
  const auto& fields = parsed->records[0].fields;
  CHECK(fields[2] == "0.10");
  CHECK(fields[6] == "-1.50E+01");
  CHECK(fields[1] == "a\\\"]}");
  CHECK_FALSE(fields[5].has_value());
  CHECK(parsed->records[0].payload.starts_with("{ \"open\""));
  CHECK(parsed->records[1].payload == "[ ]");
}

TEST_CASE("a cancelled extract stops between requests") {
  Financial world([](const std::string&) { return Reply{503, "", ""}; });
  FakeHost host;
  host.stop = true;
  host.context = {{"execution_id", "x"},       {"task_id", "t"},
                  {"lake", world.lake.path()}, {"scratch", world.lake.path()},
                  {"window_start", run.start}, {"window_end", run.end}};
  host.parameters = {{"tickers", {"A"}}};
  host.secrets["quotes_api"] = world.server.connection();
  CHECK(host.run("financial_bronze") != 0);
  CHECK(host.outputs.empty());
  CHECK(world.server.targets().size() <= 1);
}
