// A new key for all that is sealed, and a kill after each step of it.
#include "scheduler/store/rotate_key.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

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

// A home with a secret of each kind.
struct Sealed {
  TempFolder folder;
  std::string path = folder.file("batuta.db");
  std::string key = folder.file("secret.key");

  explicit Sealed(bool with_registry = true) {
    auto store = open_store(path);
    SqliteRegistry registry(store->database(), key);
    if (with_registry) {
      REQUIRE(registry.set_variable({"api_token", "value-of-variable", ""}).ok());
      REQUIRE(registry.set_connection(slack_connection()).ok());
    }
    RunRow run = make_full_run(1);
    run.conf_json = R"({"token":"password-of-run"})";
    const auto sealing = SecretKey::read(key);
    REQUIRE(seal_conf(*sealing, run.dag_id, {"token"}, run.conf_json));
    commit(*store, new_run(run, 3, TaskState::success));
    Changes result;
    Finished report;
    report.key = {RunSeq{1}, 0, unmapped, 1};
    report.result_json = R"("secret-result")";
    report.shown_json = R"("***")";
    report.hidden = {"secret-result"};
    seal_result(*sealing, report);
    result.xcoms = {{RunSeq{1}, 0, unmapped, "return_value", report.result_json, at(1)},
                    {RunSeq{1}, 1, unmapped, "return_value", "7", at(1)}};
    Finished publishing;
    publishing.key = {RunSeq{1}, 2, unmapped, 4};
    publishing.result_json = R"("secret-result-in-doubt")";
    publishing.shown_json = R"("***")";
    publishing.hidden = {"secret-result-in-doubt"};
    seal_result(*sealing, publishing);
    result.accepted.emplace_back().report = publishing;
    commit(*store, result);
    // The newest conf has what no key opens.
    RunRow odd = make_full_run(2);
    odd.conf_json = R"({"x":{"batuta:sealed":"AA"}})";
    commit(*store, new_run(odd, 1, TaskState::success));
  }
  std::string bytes_of_key() const { return read_file(key); }
  // As a server opens it; everything that was sealed is read.
  void expect_whole(bool with_registry = true) const {
    auto store = open_store(path);
    const SqliteRegistry registry(store->database(), key);
    if (with_registry) {
      CHECK(registry.variable("api_token")->value == "value-of-variable");
      CHECK(registry.connection("slack_alerts")->password == slack_connection().password);
    }
    const auto now = SecretKey::read(key);
    REQUIRE(now.ok());
    SqliteHistory history(path);
    const auto run = history.run("etl", make_full_run(1).dag_run_id);
    REQUIRE(run);
    const auto conf = open_conf(*now, "etl", run->conf_json);
    REQUIRE(conf);
    CHECK(conf->json == R"({"token":"password-of-run"})");
    const auto sealed = history.xcom({RunSeq{1}, 0, unmapped}, "return_value");
    CHECK(open_value(*now, RunSeq{1}, sealed->value_json)->json == R"("secret-result")");
    CHECK(history.xcom({RunSeq{1}, 1, unmapped}, "return_value")->value_json == "7");
    const StoredState state = store->load();
    REQUIRE(state.accepted.size() == 1);
    const auto settled = open_value(*now, RunSeq{1}, state.accepted[0].report.result_json);
    REQUIRE(settled);
    CHECK(settled->json == R"("secret-result-in-doubt")");
  }
};

constexpr const char* steps[] = {"made", "sealed", "committed", "kept", "installed"};

// The rotation in a process of its own, which is killed after that step.
void rotate_until(const Sealed& home, const char* last) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    rotate_key(home.path, home.key, at(50), [&](const char* step) {
      if (std::strcmp(step, last) == 0) ::kill(::getpid(), SIGKILL);
    });
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE_MESSAGE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
                  "no step is called " << last);
}

TEST_CASE("a new key seals everything anew, and the old one opens nothing but what was before") {
  bool with_registry = true;
  SUBCASE("with variables and connections") {}
  SUBCASE("with runs alone") {
    with_registry = false;
  }
  Sealed home(with_registry);
  const std::string before = home.bytes_of_key();
  const std::string copy = home.folder.file("copy.db");
  REQUIRE(backup_database(home.path, copy).ok());
  const RotatedKey told = rotate_key(home.path, home.key, at(50));
  // A conf, a result and one that is being published; a variable, a connection's password and
  // extra.
  CHECK(told.sealed == (with_registry ? 6 : 3));
  CHECK(told.closed == 1);
  CHECK(home.bytes_of_key() != before);
  CHECK(read_file(told.kept) == before);
  CHECK_FALSE(std::filesystem::exists(home.key + ".new"));
  home.expect_whole(with_registry);
  {
    const auto old = SecretKey::read(told.kept);
    const auto run = SqliteHistory(home.path).run("etl", make_full_run(1).dag_run_id);
    CHECK(open_conf(*old, "etl", run->conf_json)->hidden.empty());
  }
  // A copy of before opens with the kept key, which takes its place; and the store of now again.
  const std::string now = home.bytes_of_key();
  const std::string later = home.folder.file("later.db");
  REQUIRE(backup_database(home.path, later).ok());
  REQUIRE(restore_database(copy, home.path, at(60)).ok());
  home.expect_whole(with_registry);
  CHECK(home.bytes_of_key() == before);
  REQUIRE(restore_database(later, home.path, at(70)).ok());
  home.expect_whole(with_registry);
  CHECK(home.bytes_of_key() == now);
}

TEST_CASE("a rotation that is killed after any step loses no secret, and ends when asked again") {
  for (const bool with_registry : {true, false}) {
    for (const char* step : steps) {
      CAPTURE(step);
      CAPTURE(with_registry);
      Sealed home(with_registry);
      const std::string before = home.bytes_of_key();
      rotate_until(home, step);
      home.expect_whole(with_registry);
      // Before the commit the old key is the key still, after it no more.
      const bool committed = step != steps[0] && step != steps[1];
      CHECK((home.bytes_of_key() == before) != committed);
      rotate_key(home.path, home.key, at(51));
      CHECK(home.bytes_of_key() != before);
      CHECK_FALSE(std::filesystem::exists(home.key + ".new"));
      home.expect_whole(with_registry);
    }
  }
}

TEST_CASE("a key whose making is killed is not there, and can be made") {
  const TempFolder folder;
  const std::string path = folder.file("secret.key");
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_FSIZE, &none);
    ::signal(SIGXFSZ, SIG_DFL);  // ends it at the first byte
    const auto made = SecretKey::create(path);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK_FALSE(std::filesystem::exists(path));
  CHECK(SecretKey::create(path).ok());
  CHECK(SecretKey::read(path).ok());
  CHECK(SecretKey::create(path).error().code == Errc::conflict);
}

TEST_CASE(
    "a key that does not open what is sealed is rotated into none, by a message with the name") {
  Sealed home;
  std::filesystem::remove(home.key);
  REQUIRE(SecretKey::create(home.key).ok());
  const std::string wrong = home.bytes_of_key();
  CHECK_THROWS_WITH_AS(
      rotate_key(home.path, home.key, at(50)),
      doctest::Contains("secret.key does not open the variable.value of 'api_token'"), StoreError);
  CHECK(home.bytes_of_key() == wrong);
}

}  // namespace
}  // namespace batuta::test
