// How bronze behaves towards a service that is slow, busy, broken or lying.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "plugins/contract/json_slices.h"
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
  (void)world.complete("contract_bronze", run);
  CHECK(world.server.targets() ==
        std::vector<std::string>{"/v1/quotes?tickers=PETR4,A%26B&start=2026-11-20T10%3A00%3A00Z&"
                                 "end=2026-11-20T12%3A00%3A00Z"});
}

TEST_CASE("busy and failing answers are tried again") {
  for (const Reply& reply :
       {Reply{429, "{}", "Retry-After: 0\r\n"}, Reply{500, "oops", ""}, Reply{503, "", ""}}) {
    Financial world(once(reply));
    CHECK(world.complete("contract_bronze", run)["records"] == 1);
    CHECK(world.server.targets().size() == 2);
  }
}

TEST_CASE("a service that stays down fails the attempt, which may be retried") {
  Financial world([](const std::string&) { return Reply{500, "", ""}; });
  world.bronze_parameters = {{"max_tries", 2}};
  const auto failed = world.execute("contract_bronze", run);
  CHECK(world.returned != 0);
  CHECK(failed->failure_kind == BATUTA_FAIL_RETRYABLE);
  CHECK(failed->failure.find("HTTP 500 after 2 tries") != std::string::npos);
  CHECK(failed->outputs.empty());
}

TEST_CASE("a refused request is not tried again") {
  for (const int status : {400, 401, 403, 404}) {
    Financial world([status](const std::string&) { return Reply{status, "", ""}; });
    const auto host = world.execute("contract_bronze", run);
    CHECK(world.returned != 0);
    CHECK(host->failure_kind == BATUTA_FAIL_FINAL);
    CHECK(world.server.targets().size() == 1);
  }
}

TEST_CASE("an answer that is not a page fails the attempt and is kept for people") {
  for (const char* body : {"", "not json", "[]", "{\"quotes\":{}}", "{\"quotes\":[1,]}",
                           "{\"quotes\":[],\"quotes\":[]}"}) {
    CAPTURE(body);
    Financial world([body](const std::string&) { return Reply{200, body, ""}; });
    const auto host = world.execute("contract_bronze", run);
    CHECK(world.returned != 0);
    CHECK(host->failure_kind == BATUTA_FAIL_RETRYABLE);
    CHECK(host->failure.find("kept as raw/financial/quotes") != std::string::npos);
    CHECK(host->outputs.empty());
  }
}

TEST_CASE("a service that repeats its page token cannot keep the task for ever") {
  Financial world([](const std::string&) { return page({one}, "same"); });
  const auto host = world.execute("contract_bronze", run);
  CHECK(world.returned != 0);
  CHECK(host->failure.find("leads back to a page that was read already") != std::string::npos);
}

TEST_CASE("a record's numbers keep their digits whatever the layout of the page") {
  const std::string_view page_text =
      "{ \"next_page_token\" : \"a\\\"b\" ,\n \"quotes\" : [ { \"open\" : 0.10 "
      ",\"x\":{\"open\":7}, "
      "\"low\":-1.50E+01\n, \"ticker\":\"a\\\\\\\"]}\", \"high\" : null } , [ ] ], \"a/b\": 1 }";
  using namespace from_contract;
  const auto text = [&](const char* pointer) {
    const auto slice = slice_at(page_text, pointer);
    return slice ? slice_text(*slice).value_or("null") : std::string("nothing");
  };
  CHECK(text("/next_page_token") == "a\"b");
  CHECK(text("/quotes/0/open") == "0.10");
  CHECK(text("/quotes/0/x/open") == "7");
  CHECK(text("/quotes/0/low") == "-1.50E+01");
  CHECK(text("/quotes/0/ticker") == "a\\\"]}");
  CHECK(text("/quotes/0/high") == "null");
  CHECK(text("/quotes/1") == "[ ]");
  CHECK(text("/quotes/2") == "nothing");
  CHECK(text("/quotes/x") == "nothing");
  CHECK(text("/a~1b") == "1");
  CHECK(array_slices(*slice_at(page_text, "/quotes")).size() == 2);
}

TEST_CASE("a cancelled extract stops between requests") {
  Financial world([](const std::string&) { return Reply{503, "", ""}; });
  FakeHost host;
  host.stop = true;
  host.context = {{"execution_id", "x"},       {"task_id", "t"},
                  {"lake", world.lake.path()}, {"scratch", world.lake.path()},
                  {"window_start", run.start}, {"window_end", run.end}};
  host.parameters = Financial::extract_parameters({"A"});
  host.secrets["quotes_api"] = world.server.connection();
  CHECK(host.run("contract_bronze") != 0);
  CHECK(host.outputs.empty());
  CHECK(world.server.targets().size() <= 1);
}

TEST_CASE("a source that is asked for windows alone is asked for nothing without one") {
  Financial world([](const std::string&) { return Reply{400, "", "everything is too much"}; });
  for (const char* end : {run.start.c_str(), ""}) {
    FakeHost host;
    host.context = {{"execution_id", "x"},
                    {"task_id", "t"},
                    {"lake", world.lake.path()},
                    {"scratch", world.lake.path()}};
    if (*end != '\0') host.context.update({{"window_start", run.start}, {"window_end", end}});
    host.parameters = Financial::extract_parameters({"A"});
    host.secrets["quotes_api"] = world.server.connection();
    CHECK(host.run("contract_bronze") != 0);
  }
  CHECK(world.server.targets().empty());
}
