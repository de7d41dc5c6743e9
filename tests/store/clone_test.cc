#include "scheduler/store/clone.h"

#include <doctest/doctest.h>

#include "scheduler/store/sealed_conf.h"
#include "scheduler/store/sealed_value.h"
#include "scheduler/store/sqlite_history.h"
#include "scheduler/store/sqlite_registry.h"
#include "scheduler/store/sqlite_upkeep.h"
#include "tests/store/registry_conformance.h"
#include "tests/store/store_fixture.h"
#include "tests/support/ask.h"

namespace batuta::test {
namespace {

TEST_CASE("a cloned store tells what happened, and has no secret, no user, nothing that goes on") {
  TempFolder folder;
  const std::string path = folder.file("batuta.db");
  const std::string key = folder.file("secret.key");
  auto store = open_store(path);
  {
    SqliteRegistry registry(store->database(), key);
    REQUIRE(registry.set_variable({"channel", "#etl", "where"}).ok());
    REQUIRE(registry.set_variable({"api_token", "value-of-variable", ""}).ok());
    REQUIRE(registry.set_connection(slack_connection()).ok());
    REQUIRE(registry.set_user("ana", "admin", "hash-of-ana").ok());
    REQUIRE(registry.issue_token("ana", "api", at(0), std::chrono::hours(1)).ok());
  }
  RunRow asked = make_full_run(1);
  asked.conf_json = R"({"token":"password-of-run"})";
  REQUIRE(seal_conf(*SecretKey::read(key), asked.dag_id, {"token"}, asked.conf_json));
  commit(*store, new_run(asked, 3, TaskState::success));
  RunRow ended = asked;
  ended.ending.reset();
  commit(*store, end_run(ended, at(99)));
  commit(*store, new_run(make_run(2, "etl", "live"), 3, TaskState::running));
  Changes owed;
  owed.tables = {{"silver/quotes", 4, 2}};
  owed.publications = {make_publication(3, {RunSeq{2}, 1, unmapped, 5})};
  OutboxRow publish;
  publish.id = 3;
  publish.key = "silver/quotes";
  publish.publication = 3;
  publish.payload_json = "{}";
  publish.created_at = at(6);
  owed.outbox = {publish};
  Finished report;
  report.key = {RunSeq{1}, 0, unmapped, 1};
  report.result_json = R"({"token":"s3cret-value"})";
  report.shown_json = R"({"token":"***"})";
  report.hidden = {"s3cret-value"};
  seal_result(*SecretKey::read(key), report);
  owed.xcoms = {{RunSeq{1}, 0, unmapped, "return_value", report.result_json, at(1)},
                {RunSeq{1}, 1, unmapped, "return_value", "7", at(1)}};
  WaitRow wait;
  wait.run = RunSeq{2};
  wait.about = "a file";
  owed.waits = {wait};
  commit(*store, owed);

  const std::string to = folder.file("copy.db");
  const std::string to_key = folder.file("copy.key");
  const ClonedStore told = clone_store(path, key, to, to_key, at(100));
  CHECK(told.live_runs_left_out == 1);
  CHECK(told.without_value ==
        std::vector<std::string>{"variable api_token", "connection slack_alerts"});

  CHECK(quick_check(to).empty());
  const std::string bytes = read_file(to);
  for (const std::string& secret :
       {report.result_json.substr(20, 40), std::string("hash-of-ana")}) {
    CHECK(bytes.find(secret) == std::string::npos);
  }
  auto copy = open_store(to);
  const SqliteRegistry registry(copy->database(), to_key);
  CHECK(registry.users().empty());
  CHECK(registry.variable("channel")->value == "#etl");
  CHECK(registry.variable("api_token")->value.empty());
  CHECK(registry.connection("slack_alerts")->password.empty());
  CHECK(registry.connection("slack_alerts")->login == "bot");
  CHECK(copy->load().waits.empty());
  SqliteHistory history(to);
  CHECK(history.runs({}).total == 1);
  CHECK(history.run("etl", ended.dag_run_id)->conf_json == R"({"token":"***"})");
  CHECK(history.outbox(false, {}).total == 0);
  CHECK(history.publications(std::nullopt).empty());
  for (const DagRow& dag : history.dags()) CHECK(dag.is_paused);
  CHECK(history.xcom({RunSeq{1}, 0, unmapped}, "return_value")->value_json == R"({"token":"***"})");
  CHECK(history.xcom({RunSeq{1}, 1, unmapped}, "return_value")->value_json == "7");
  // The original is as it was.
  CHECK(SqliteHistory(path).runs({}).total == 2);
  CHECK(SqliteRegistry(store->database(), key).users().size() == 1);
}

TEST_CASE("a clone that fails leaves nothing behind") {
  TempFolder folder;
  auto store = open_store(folder.file("batuta.db"));
  {
    SqliteRegistry registry(store->database(), folder.file("secret.key"));
    REQUIRE(registry.set_variable({"a", "b", ""}).ok());
  }
  CHECK_THROWS_AS(clone_store(folder.file("batuta.db"), folder.file("no.key"),
                              folder.file("copy.db"), folder.file("copy.key"), at(1)),
                  StoreError);
  CHECK_FALSE(std::filesystem::exists(folder.file("copy.db")));
  CHECK_FALSE(std::filesystem::exists(folder.file("copy.key")));
}

}  // namespace
}  // namespace batuta::test
