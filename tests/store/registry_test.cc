#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scheduler/store/sealed_conf.h"
#include "scheduler/store/sealed_value.h"
#include "scheduler/store/sqlite_history.h"
#include "scheduler/store/sqlite_registry.h"
#include "scheduler/store/sqlite_upkeep.h"
#include "tests/store/history_fixture.h"
#include "tests/store/registry_conformance.h"
#include "tests/store/store_fixture.h"
#include "tests/support/ask.h"

namespace batuta::test {
namespace {

struct Fixture {
  TempFolder folder;
  std::string path = folder.file("batuta.db");
  std::string key = folder.file("secret.key");
  std::unique_ptr<SqliteStore> store = open_store(path);
  std::unique_ptr<SqliteRegistry> registry = open_registry();

  std::unique_ptr<SqliteRegistry> open_registry() {
    return std::make_unique<SqliteRegistry>(store->database(), key);
  }
  void reopen() {
    registry.reset();
    store.reset();
    store = open_store(path);
    registry = open_registry();
  }
  std::string refusal() {
    registry.reset();
    try {
      registry = open_registry();
    } catch (const StoreError& error) {
      CHECK_FALSE(error.full());
      return error.what();
    }
    return {};
  }
};

class SqliteRegistryHarness {
 public:
  Registry& registry() { return *fixture_.registry; }
  void reopen() { fixture_.reopen(); }
  std::string hash(std::string_view password) { return hash_password(password); }
  std::vector<std::string> logged() {
    std::vector<std::string> events;
    for (const auto& view : SqliteHistory(fixture_.path).event_logs({{}, {"id"}, {}}).rows) {
      events.push_back(view.row.event + " " + view.row.owner);
    }
    return events;
  }

 private:
  Fixture fixture_;
};

BATUTA_REGISTRY_CONFORMANCE(SqliteRegistryHarness);

TEST_CASE_FIXTURE(Fixture,
                  "favourites are a user's own, of DAGs that there are, and go with either") {
  REQUIRE(registry->set_user("ana", "admin", "hash").ok());
  REQUIRE(registry->set_user("bob", "viewer", "hash").ok());
  commit(*store, new_run(make_run(1)));
  commit(*store, end_run(make_run(1), at(9)));
  SqliteHistory history(path);
  CHECK(registry->set_favorite("ana", "none", true).error().code == Errc::not_found);
  CHECK(registry->set_favorite("eve", "etl", true).error().code == Errc::not_found);
  REQUIRE(registry->set_favorite("ana", "etl", true).ok());
  CHECK(registry->set_favorite("ana", "etl", true).error().code == Errc::conflict);
  CHECK(registry->set_favorite("bob", "etl", false).error().code == Errc::conflict);
  CHECK(history.favorites("ana") == std::vector<std::string>{"etl"});
  CHECK(history.favorites("bob").empty());
  REQUIRE(registry->set_favorite("ana", "etl", false).ok());
  CHECK(history.favorites("ana").empty());
  REQUIRE(registry->set_favorite("bob", "etl", true).ok());
  REQUIRE(registry->delete_user("bob").ok());
  CHECK(history.favorites("bob").empty());
  REQUIRE(registry->set_favorite("ana", "etl", true).ok());
  Changes gone;
  gone.runs_removed.push_back({"etl", 0});
  gone.dags_deleted.push_back("etl");
  commit(*store, gone);
  CHECK(history.favorites("ana").empty());
  // What is below its runs goes with those that retention took.
  SqliteUpkeep upkeep(store->database());
  while (upkeep.prune_runs(at(0))) {
  }
  REQUIRE(upkeep.removed_runs().size() == 1);
  CHECK(upkeep.removed_runs()[0].seq == RunSeq{1});
}

TEST_CASE_FIXTURE(Fixture, "variables and connections survive a restart, secrets included") {
  REQUIRE(registry->set_variable({"channel", "value-of-variable", "where"}).ok());
  REQUIRE(registry->set_connection(slack_connection()).ok());
  reopen();
  const auto variable = registry->variable("channel");
  REQUIRE(variable);
  CHECK(variable->value == "value-of-variable");
  CHECK(variable->description == "where");
  const auto connection = registry->connection("slack_alerts");
  REQUIRE(connection);
  CHECK(connection->password == "hunter2-correct-horse");
  CHECK(connection->extra == R"({"channel":"battery-staple"})");
  CHECK(connection->port == 443);
  CHECK(registry->variables().size() == 1);
  CHECK(registry->connections().size() == 1);
}

TEST_CASE_FIXTURE(Fixture, "no secret is readable in any file but the key's") {
  REQUIRE(registry->set_variable({"channel", "value-of-variable", ""}).ok());
  REQUIRE(registry->set_connection(slack_connection()).ok());
  REQUIRE(registry->set_user("ana", "admin", hash_password("open-sesame")).ok());
  const auto token = registry->issue_token("ana", "api", at(0), std::chrono::hours(1));
  REQUIRE(token.ok());
  REQUIRE(backup_database(path, folder.file("backup.db")).ok());
  const std::string key_bytes = read_file(key);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const std::string bytes = read_file(entry.path());
    for (const std::string& secret :
         {std::string("value-of-variable"), std::string("hunter2-correct-horse"),
          std::string("battery-staple"), std::string("open-sesame"), *token}) {
      INFO(entry.path().string() << " holds " << secret);
      CHECK(bytes.find(secret) == std::string::npos);
    }
    if (entry.path() != key) CHECK(bytes.find(key_bytes) == std::string::npos);
  }
}

TEST_CASE_FIXTURE(Fixture, "the key file belongs to its owner alone") {
  struct stat info {};
  REQUIRE(::stat(key.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(info.st_size == 32);
  std::filesystem::permissions(key, std::filesystem::perms(0644));
  CHECK(refusal().find("chmod 600") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "a missing key is refused when something is sealed with it") {
  std::filesystem::remove(key);
  CHECK(refusal().empty());  // nothing sealed: a fresh key
  REQUIRE(registry->set_variable({"a", "b", ""}).ok());
  std::filesystem::remove(key);
  const std::string sentence = refusal();
  CHECK(sentence.find("missing") != std::string::npos);
  CHECK(sentence.find("Put the file back") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(key));
}

TEST_CASE_FIXTURE(Fixture, "another key, and a row moved to another name, do not open") {
  REQUIRE(registry->set_variable({"a", "secret", ""}).ok());
  const std::string right = read_file(key);
  std::ofstream(key, std::ios::binary) << std::string(32, 'k');
  CHECK(refusal().find("does not open") != std::string::npos);
  std::ofstream(key, std::ios::binary) << right;
  CHECK(refusal().empty());
  store->database().execute("UPDATE variable SET key = 'b'");
  CHECK(refusal().find("does not open") != std::string::npos);
  std::ofstream(key, std::ios::binary) << "short";
  CHECK(refusal().find("not a key") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "bad names, ports, roles and sizes are refused") {
  CHECK(registry->set_variable({"../x", "1", ""}).error().code == Errc::invalid);
  CHECK(registry->set_variable({"a", std::string((256 << 10) + 1, 'x'), ""}).error().code ==
        Errc::invalid);
  Connection c = slack_connection();
  c.port = 70000;
  CHECK(registry->set_connection(c).error().where == "port");
  c.id = "a/b";
  CHECK(registry->set_connection(c).error().where == "connection_id");
  CHECK(registry->set_user("ana", "root", "x").error().where == "role");
  CHECK(registry->set_user("", "admin", "x").error().where == "username");
  CHECK(registry->set_user("ana", "admin", "").error().where == "password");
}

TEST_CASE_FIXTURE(Fixture, "a password is checked, and an unknown user takes as long") {
  REQUIRE(registry->set_user("ana", "operator", hash_password("right")).ok());
  reopen();
  const auto user = registry->check_password("ana", "right");
  REQUIRE(user);
  CHECK(user->role == "operator");
  CHECK(user->created_at > at(0));
  using Clock = std::chrono::steady_clock;
  const auto before = Clock::now();
  CHECK_FALSE(registry->check_password("ana", "wrong"));
  const auto middle = Clock::now();
  CHECK_FALSE(registry->check_password("nobody", "right"));
  const auto after = Clock::now();
  CHECK(after - middle > (middle - before) / 4);
  CHECK_FALSE(registry->check_password("ana", ""));
}

TEST_CASE_FIXTURE(Fixture, "a token opens until it expires, is revoked, or its user goes") {
  REQUIRE(registry->set_user("ana", "operator", "hash").ok());
  const auto issue = [&] {
    auto token = registry->issue_token("ana", "api", at(0), std::chrono::seconds(10));
    REQUIRE(token.ok());
    return *token;
  };
  const std::string first = issue();
  const std::string second = issue();
  CHECK(first.size() == 7 + 43);
  CHECK(first.starts_with("batuta_"));
  CHECK(first != second);
  reopen();
  CHECK(registry->check_token(first, at(9))->user.name == "ana");
  CHECK_FALSE(registry->check_token(first, at(10)));
  CHECK_FALSE(registry->check_token(first + "x", at(1)));
  CHECK_FALSE(registry->check_token("", at(1)));
  CHECK(registry->revoke_token(first).ok());
  CHECK(registry->revoke_token(first).error().code == Errc::not_found);
  CHECK_FALSE(registry->check_token(first, at(1)));
  CHECK(registry->check_token(second, at(1)));
  CHECK(registry->delete_user("ana").ok());
  CHECK_FALSE(registry->check_token(second, at(1)));
  CHECK(registry->delete_user("ana").error().code == Errc::not_found);
  reopen();
  CHECK_FALSE(registry->check_token(second, at(1)));
  CHECK(registry->issue_token("ana", "api", at(0), std::chrono::seconds(1)).error().code ==
        Errc::not_found);
}

TEST_CASE_FIXTURE(Fixture,
                  "one user's tokens leave room for others', and the server always gets its own") {
  REQUIRE(registry->set_user("ana", "viewer", "hash").ok());
  REQUIRE(registry->set_user("bob", "admin", "hash").ok());
  const auto issue = [&](const char* user, std::string_view purpose) {
    return registry->issue_token(user, purpose, at(0), std::chrono::hours(1));
  };
  for (int i = 0; i < 1'000; ++i) REQUIRE(issue("ana", "api").ok());
  CHECK(issue("ana", "api").error().code == Errc::rate_limited);
  CHECK(issue("ana", server_purpose).ok());
  CHECK(issue("bob", "api").ok());
  CHECK(registry->issue_token("ana", "api", at(2 * 3600), std::chrono::hours(1)).ok());
}

TEST_CASE_FIXTURE(Fixture, "tokens are listed without their secret and revoked by their id") {
  REQUIRE(registry->add_user("ana", "admin", "hash").ok());
  const auto first = registry->issue_token("ana", "backup", at(1), std::chrono::seconds(5));
  const auto second = registry->issue_token("ana", "api", at(2), std::chrono::hours(1));
  reopen();
  const auto listed = registry->tokens(at(3));
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].purpose == "backup");
  CHECK(listed[0].created_at == at(1));
  CHECK(listed[1].user == "ana");
  CHECK(listed[1].id.size() == 16);
  CHECK(second->find(listed[1].id) == std::string::npos);
  CHECK(registry->tokens(at(7)).size() == 1);
  CHECK(registry->revoke_token_id(listed[1].id).ok());
  CHECK(registry->revoke_token_id(listed[1].id).error().code == Errc::not_found);
  CHECK_FALSE(registry->check_token(*second, at(3)));
  CHECK(registry->check_token(*first, at(3)));
}

TEST_CASE_FIXTURE(Fixture, "rows of the event log that are too old are taken out of it") {
  EventLogRow row;
  for (const int second : {5, 6}) {
    row.when = at(second);
    row.event = "event_" + std::to_string(second);
    REQUIRE(registry->audited(row, success).ok());
  }
  SqliteUpkeep(store->database()).prune_event_log(at(6));
  SqliteHistory history(path);
  REQUIRE(history.event_logs({}).rows.size() == 1);
  CHECK(history.event_logs({}).rows[0].row.event == "event_6");
}

TEST_CASE(
    "a password of a run's conf is sealed, shown as stars, opened for its DAG and name alone") {
  const std::string path = "/tmp/batuta-conf-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  const auto key = SecretKey::create(path);
  REQUIRE(key.ok());
  RunRequested request;
  request.dag_id = "etl";
  request.conf_json = R"({"day":"today","empty":"","token":"s3cret-value"})";
  request.idempotency_key = "mine";
  request.request_digest = "digest-of-the-body";
  const RunRequested plain = request;
  seal_request(*key, {}, request);
  CHECK(request.conf_json == plain.conf_json);
  CHECK(request.request_digest == plain.request_digest);
  seal_request(*key, {"empty", "none", "token"}, request);
  CHECK(request.conf_json.find("s3cret") == std::string::npos);
  CHECK(request.idempotency_key == "mine");
  // Told again it is the same request; nobody without the key can try passwords on the digest.
  RunRequested again = plain;
  seal_request(*key, {"token"}, again);
  CHECK(again.request_digest == request.request_digest);
  CHECK(again.request_digest != plain.request_digest);

  CHECK(shown_conf(request.conf_json) == R"({"day":"today","empty":"","token":"***"})");
  CHECK(shown_conf(plain.conf_json) == plain.conf_json);
  const auto opened = open_conf(*key, "etl", request.conf_json);
  REQUIRE(opened.has_value());
  CHECK(opened->json == plain.conf_json);
  CHECK(opened->hidden == std::vector<std::string>{"s3cret-value"});
  CHECK(opened->closed.empty());
  CHECK_FALSE(open_conf(*key, "etl", plain.conf_json).has_value());
  CHECK(open_conf(*key, "other", request.conf_json)->closed == std::vector<std::string>{"token"});
  std::string renamed = request.conf_json;
  renamed.replace(renamed.find("token"), 5, "tokem");
  CHECK(open_conf(*key, "etl", renamed)->hidden.empty());
  ::unlink(path.c_str());
}

TEST_CASE(
    "a result that holds secrets is kept sealed, shown without them, opened in its run alone") {
  const std::string path = "/tmp/batuta-seal-" + std::to_string(::getpid());
  ::unlink(path.c_str());
  const auto key = SecretKey::create(path);
  REQUIRE(key.ok());
  Finished report;
  report.key = {RunSeq{7}, 1, unmapped, 1};
  report.result_json = R"({"token":"s3cret-value"})";
  seal_result(*key, report);
  CHECK(report.result_json == R"({"token":"s3cret-value"})");  // nothing to hide was named
  CHECK_FALSE(open_value(*key, RunSeq{7}, report.result_json).has_value());
  CHECK(shown_value(report.result_json) == report.result_json);

  report.shown_json = R"({"token":"***"})";
  report.hidden = {"s3cret-value"};
  seal_result(*key, report);
  CHECK(report.result_json.find("s3cret") == std::string::npos);
  CHECK(shown_value(report.result_json) == R"({"token":"***"})");
  const auto opened = open_value(*key, RunSeq{7}, report.result_json);
  REQUIRE(opened.has_value());
  CHECK(opened->json == R"({"token":"s3cret-value"})");
  CHECK(opened->hidden == std::vector<std::string>{"s3cret-value"});
  CHECK_FALSE(open_value(*key, RunSeq{8}, report.result_json).has_value());
  CHECK_FALSE(open_value(*key, RunSeq{7}, R"({"batuta:sealed":"AAAA","shown":1})").has_value());
  ::unlink(path.c_str());
}

TEST_CASE_FIXTURE(HistoryFixture, "runs are found by what is shown of a conf, not by its boxes") {
  RunRow run = make_run(8, "ml", "m2");
  run.conf_json =
      R"({"a":[1,{"b":"x"}],"day":"to\"day","n":null,"on":true,"token":{"batuta:sealed":"AbC"}})";
  commit(*store, new_run(run, 1, TaskState::scheduled));
  const auto found = [&](const std::string& part) {
    RunQuery query;
    query.filters = {is("conf", Filter::Op::like, "%" + part + "%")};
    return history.runs(query).total;
  };
  for (const char* hidden : {"AbC", R"("token":{)", "sealed"}) {
    CAPTURE(hidden);
    CHECK(found(hidden) == 0);
  }
  for (const char* shown :
       {R"("token":"***")", R"({"a":[1,{"b":"x"}],)", R"("n":null,"on":true)"}) {
    CAPTURE(shown);
    CHECK(found(shown) == 1);
  }
  CHECK(found(R"("a":"ünï)") == 6);
}

TEST_CASE("sensitive names are known in any spelling") {
  for (const char* name : {"PASSWORD", "my-api-key", "db_passwd", "SlackToken", "client_secret",
                           "db_pass", "dbPass", "ftp.pwd", "CREDENTIALS", "pg_dsn", "jwt", "cookie",
                           "bearer", "auth", "X-Auth-Header", "session", "hook_webhook"}) {
    INFO(name);
    CHECK(sensitive_name(name));
  }
  for (const char* name :
       {"channel", "start", "ETL_USERNAME", "author", "compass", "bypass_cache", "dsnap"})
    CHECK_FALSE(sensitive_name(name));
}

}  // namespace
}  // namespace batuta::test
