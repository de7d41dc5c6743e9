// The sql task through its C table: SQLite, and DuckDB over files. PostgreSQL stands in tests/e2e.
#include <doctest/doctest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tests/plugins/fake_host.h"

using namespace batuta;
using nlohmann::json;

namespace {

// A folder with a database of one empty table, t(a), and a file of three numbers.
class Home {
 public:
  Home() {
    std::string made = (std::filesystem::temp_directory_path() / "batuta-sql-XXXXXX").string();
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    path = made;
    std::filesystem::create_directories(path + "/data/eu");
    std::filesystem::create_directories(path + "/scratch");
    std::ofstream(path + "/data/eu/n.csv") << "n\n1\n2\n3\n";
    std::ofstream(path + "/secret.csv") << "n\n42\n";
    sqlite3* made_db = nullptr;
    REQUIRE(sqlite3_open((path + "/db").c_str(), &made_db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(made_db, "CREATE TABLE t (a)", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(made_db);
  }
  ~Home() { std::filesystem::remove_all(path); }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  // `parameters` beside what says where.
  json run(json parameters) {
    host = std::make_unique<FakeHost>();
    host->context = {{"execution_id", "x"}, {"scratch", path + "/scratch"}};
    host->secrets["db"] = json{{"conn_type", "sqlite"}, {"host", path + "/db"}}.dump();
    host->parameters = std::move(parameters);
    const int code = host->run("sql");
    if (code != 0) return nullptr;
    return host->result.empty() ? json("nothing") : json::parse(host->result);
  }
  json sqlite(const std::string& sql, const std::string& result) {
    return run({{"connection", "db"}, {"sql", sql}, {"result", result}});
  }
  json duckdb(const std::string& sql, const std::string& result) {
    return run({{"files", json::object()}, {"sql", sql}, {"result", result}});
  }
  // The numbers' sum by files of that path, or null.
  json sum_of(const json& file) {
    return run(
        {{"files", {{"f", file}}}, {"sql", "SELECT sum(n)::INT AS n FROM f"}, {"result", "first"}});
  }
  bool told(const std::string& part) const {
    for (const std::string& line : host->lines) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

  std::string path;
  std::unique_ptr<FakeHost> host;
};

}  // namespace

TEST_CASE("a statement whose RETURNING is more than a task may return changes nothing") {
  Home home;
  const std::string many =
      "INSERT INTO t WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < "
      "200000) "
      "SELECT x FROM c RETURNING a";
  CHECK(home.sqlite(many, "rows").is_null());
  CHECK(home.host->failure_kind == BATUTA_FAIL_FINAL);
  CHECK(home.host->failure.find("1 MiB") != std::string::npos);
  CHECK(home.sqlite("SELECT count(*) AS n FROM t", "first") == json{{"n", 0}});
  CHECK(home.sqlite(many, "none") == "nothing");
  CHECK(home.told("200000 rows"));
  CHECK(home.sqlite("SELECT count(*) AS n FROM t", "first") == json{{"n", 200000}});
}

TEST_CASE("what may be within no transaction is sent by itself") {
  Home home;
  CHECK(home.sqlite("VACUUM", "none") == "nothing");
  INFO(home.host->failure);
  CHECK(home.host->failure.empty());
}

TEST_CASE("without a result no value is made of what the database holds") {
  Home home;
  CHECK(home.sqlite("SELECT x'00' AS b", "rows").is_null());
  CHECK(home.host->failure.find("select hex() of it") != std::string::npos);
  CHECK(home.sqlite("SELECT x'00' AS b", "none") == "nothing");
  CHECK(home.sqlite("SELECT 1 AS b, 2 AS b", "none") == "nothing");
}

TEST_CASE("a column called Count is a column; what DuckDB counts is told in the log") {
  Home home;
  CHECK(home.duckdb("WITH x AS (SELECT 7 AS n) SELECT n AS \"Count\" FROM x", "rows") ==
        json::parse(R"([{"Count":7}])"));
  CHECK(home.duckdb("VALUES (1)", "rows").size() == 1);
  CHECK(home.duckdb("CREATE TABLE t AS SELECT * FROM range(5)", "rows").is_null());
  CHECK(home.told("5 rows"));
  CHECK(home.host->failure.empty());
  CHECK(home.duckdb("CREATE TABLE t (n INT); INSERT INTO t VALUES (8) RETURNING n AS \"Count\"",
                    "rows") == json::parse(R"([{"Count":8}])"));
}

TEST_CASE("DuckDB's rows are read no further than the result needs") {
  Home home;
  CHECK(home.duckdb("SELECT range AS n FROM range(1000000000000)", "first") == json{{"n", 0}});
  CHECK(home.duckdb("SELECT range AS n FROM range(1000000000000)", "rows").is_null());
  CHECK(home.host->failure.find("1 MiB") != std::string::npos);
  // Far more than this machine has, were it kept.
  CHECK(home.duckdb("SELECT repeat('x', 60000) AS x FROM range(100000000)", "rows").is_null());
  CHECK(home.host->failure.find("1 MiB") != std::string::npos);
  CHECK(home.duckdb("SELECT error('seen') AS x FROM range(3)", "none").is_null());
  CHECK(home.host->failure.find("seen") != std::string::npos);
}

TEST_CASE("a value in a path names a part of it, and leads nowhere else") {
  Home home;
  const std::string data = home.path + "/data/";
  CHECK(home.sum_of({data, "eu", "/n.csv"}) == json{{"n", 6}});
  CHECK(home.sum_of(data + "*/n.csv") == json{{"n", 6}});
  CHECK(home.sum_of({data + "*/", "n", ".csv"}) == json{{"n", 6}});
  for (const char* value : {"eu/../..", "..", "*", "e?", "[e]u", "eu/", "e\\u"}) {
    CAPTURE(value);
    CHECK(home.sum_of({data, value, "/n.csv"}).is_null());
    CHECK(home.host->failure_kind == BATUTA_FAIL_FINAL);
    CHECK(home.host->failure.starts_with("files/f: "));
  }
  CHECK(home.sum_of({data, "..", "/secret.csv"}).is_null());
  CHECK(home.host->failure.find("goes up by \"..\"") != std::string::npos);
}

TEST_CASE("no path opens what lies above its folder, or all of the machine") {
  Home home;
  CHECK(home.sum_of(home.path + "/data/../secret.csv").is_null());
  CHECK(home.host->failure.find("goes up by \"..\"") != std::string::npos);
  for (const char* root : {"/x.csv", "//x.csv", "/./x.csv", "/*/x.csv", "/e*/x.csv"}) {
    CAPTURE(root);
    CHECK(home.sum_of(root).is_null());
    CHECK(home.host->failure.find("every file of the machine") != std::string::npos);
  }
  CHECK(home.sum_of({"/", "", "/n.csv"}).is_null());
  CHECK(home.host->failure.find("every file of the machine") != std::string::npos);
  CHECK(home.sum_of("data/n.csv").is_null());
  CHECK(home.host->failure.find("not an absolute path") != std::string::npos);
  CHECK(home.run({{"files", {{"f", home.path + "/data/eu/n.csv"}}},
                  {"sql", "SELECT * FROM read_csv('" + home.path + "/secret.csv')"},
                  {"result", "rows"}})
            .is_null());
  CHECK(home.host->failure.find("ermission") != std::string::npos);
}

TEST_CASE("the value of a result is the first cell of its first row, whatever it is called") {
  Home home;
  CHECK(home.sqlite("SELECT 7 AS z, 8 AS a UNION ALL SELECT 9, 10 ORDER BY 1", "value") == 7);
  CHECK(home.sqlite("SELECT 1 AS b, 2 AS b", "value") == 1);
  CHECK(home.sqlite("SELECT a FROM t", "value").is_null());
  CHECK(home.host->failure.empty());
}

TEST_CASE("a look is one SELECT and changes nothing; one that takes too long may be tried again") {
  Home home;
  const auto look = [&](const std::string& sql) {
    return home.run({{"connection", "db"},
                     {"sql", sql},
                     {"result", "value"},
                     {"read_only", true},
                     {"timeout", "200ms"}});
  };
  CHECK(look("SELECT count(*) FROM t") == 0);
  for (const char* sql : {"DELETE FROM t", "SELECT 1; SELECT 2", "PRAGMA user_version = 3"}) {
    CHECK(look(sql).is_null());
    CHECK(home.host->failure == "parameter sql: to look, it is one SELECT");
  }
  CHECK(look("WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x RETURNING a").is_null());
  CHECK(home.host->failure.find("readonly") != std::string::npos);
  CHECK(home.host->failure_kind == BATUTA_FAIL_FINAL);
  CHECK(look("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM "
             "c")
            .is_null());
  CHECK(home.host->failure_kind == BATUTA_FAIL_RETRYABLE);
  CHECK(home.sqlite("SELECT count(*) FROM t", "value") == 0);
}

TEST_CASE("a file that is not there yet is one to look at again, and a failure for a task") {
  Home home;
  std::filesystem::rename(home.path + "/db", home.path + "/elsewhere");
  const json look{{"connection", "db"},
                  {"sql", "SELECT count(*) FROM t"},
                  {"result", "value"},
                  {"read_only", true}};
  CHECK(home.run(look).is_null());
  CHECK(home.host->failure_kind == BATUTA_FAIL_RETRYABLE);
  CHECK(home.host->failure.find("cannot be opened") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(home.path + "/db"));
  CHECK(home.sqlite("SELECT count(*) FROM t", "value").is_null());
  CHECK(home.host->failure_kind == BATUTA_FAIL_FINAL);
  std::filesystem::rename(home.path + "/elsewhere", home.path + "/db");
  CHECK(home.run(look) == 0);
}
