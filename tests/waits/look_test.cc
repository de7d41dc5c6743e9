#include "scheduler/waits/look.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace batuta {
namespace {

using enum WaitChecked::Outcome;

struct Server {
  int status = 200;
  std::string body;
  bool away = false;
  HttpRequest asked;

  LookHooks hooks() {
    LookHooks hooks;
    hooks.connection = [](const std::string& id) -> std::optional<Connection> {
      if (id != "api") return std::nullopt;
      Connection connection;
      connection.id = id;
      connection.host = "https://api.test/";
      connection.login = "ann";
      connection.password = "pw";
      connection.extra = R"({"headers":{"X-Key":"k"}})";
      return connection;
    };
    hooks.http = [this](const HttpRequest& request) -> Result<HttpAnswer> {
      asked = request;
      if (away) return Error{Errc::unavailable, "refused", {}};
      HttpAnswer answer;
      answer.status = status;
      answer.body = body;
      return answer;
    };
    return hooks;
  }
};

}  // namespace

TEST_CASE("a file is there when something has its path, stars included") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("batuta-look-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string argument = "{\"file\":\"" + folder.string() + "/*.csv\"}";
  CHECK(server_of(argument).empty());
  CHECK(look(argument, {}).outcome == not_yet);
  std::ofstream(folder / "a.csv") << "x";
  CHECK(look(argument, {}).outcome == satisfied);
  std::filesystem::remove_all(folder);
}

TEST_CASE("a watcher sees a file that was changed, added or put anew, and one that is gone") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("batuta-watch-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const std::string argument = "{\"file\":\"" + folder.string() + "/*.csv\"}";
  CHECK_FALSE(look_for_change(argument, {}).seen.empty());  // it is known that nothing is there
  std::ofstream(folder / "a.csv") << "x";
  std::filesystem::last_write_time(folder / "a.csv", std::filesystem::file_time_type{});
  const auto first = look_for_change(argument, {});
  CHECK(first.outcome == satisfied);
  CHECK(look_for_change(argument, {}).seen == first.seen);
  std::filesystem::last_write_time(folder / "a.csv",
                                   std::filesystem::file_time_type{} + std::chrono::hours(1));
  const auto second = look_for_change(argument, {});
  CHECK(second.seen != first.seen);
  std::ofstream(folder / "b.csv") << "y";
  CHECK(look_for_change(argument, {}).seen != second.seen);
  std::filesystem::remove(folder / "a.csv");
  std::filesystem::remove(folder / "b.csv");
  std::filesystem::create_symlink(folder / "nowhere", folder / "c.csv");
  CHECK(look_for_change(argument, {}).outcome == not_yet);
  std::filesystem::remove_all(folder);
  const Looked none = look_for_change(argument, {});  // not even the folder
  CHECK(none.outcome == not_yet);
  CHECK_FALSE(none.seen.empty());
}

TEST_CASE("a watcher sees an answer's tag, else its body, or the value that it points at") {
  Server server;
  const std::string whole = R"({"http":{"connection":"api","url":"/feed"}})";
  server.body = "one";
  CHECK(look_for_change(whole, server.hooks()).seen == "one");
  CHECK_FALSE(server.asked.ignore_body);
  server.body = std::string(1000, 'x');
  CHECK(look_for_change(whole, server.hooks()).seen.find("1000 bytes, sha1 ") == 0);
  server.status = 404;
  CHECK(look_for_change(whole, server.hooks()).outcome == not_yet);
  CHECK_FALSE(look_for_change(whole, server.hooks()).seen.empty());
  server.away = true;
  CHECK(look_for_change(whole, server.hooks()).seen.empty());  // nobody could tell
  server.away = false;
  server.status = 200;
  server.body = R"({"state":"done","n":3})";
  const std::string part = R"({"http":{"connection":"api","url":"/j","pointer":"/n","in":[3,4]}})";
  CHECK(look_for_change(part, server.hooks()).seen == "3");
  server.body = R"({"n":5})";
  CHECK(look_for_change(part, server.hooks()).outcome == not_yet);
}

TEST_CASE("a topic satisfies by messages that the group has not committed") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("batuta-topic-" + std::to_string(::getpid()));
  LookHooks hooks;
  std::string asked;
  hooks.stream = [&](const std::string& id) {
    asked = id;
    return stream::open_file_stream(folder.string());
  };
  const std::string argument = R"({"topic":{"name":"orders","group":"shop","at_least":2}})";
  CHECK(server_of(argument) == "topic:");
  CHECK(server_of(R"({"topic":{"name":"orders","group":"shop","connection":"hub"}})") == "hub");
  CHECK(look(argument, hooks).outcome == not_yet);  // the topic may come
  CHECK_FALSE(look_for_change(argument, hooks).seen.empty());
  auto topics = stream::open_file_stream(folder.string());
  REQUIRE(topics.ok());
  stream::NewRecord record;
  record.value = "x";
  REQUIRE((*topics)->create("orders", {}).ok());
  REQUIRE((*topics)->produce("orders", std::vector{record}).ok());
  const Looked one = look(argument, hooks);
  CHECK(one.outcome == not_yet);
  CHECK(one.message == "1 new messages of 2");
  REQUIRE((*topics)->produce("orders", std::vector{record}).ok());
  CHECK(look(argument, hooks).outcome == satisfied);
  REQUIRE((*topics)->commit("shop", "orders", {{0, 2}}).ok());
  CHECK(look(argument, hooks).outcome == not_yet);
  CHECK(look(R"({"topic":{"name":"or/ders","group":"shop"}})", hooks).outcome == failed);
  CHECK(look(R"({"topic":{"name":5,"group":"shop"}})", hooks).outcome == failed);
  CHECK(look(R"({"topic":{"name":"x","group":"shop","connection":"hub"}})", hooks).outcome ==
        not_yet);
  CHECK(asked == "hub");
  // Its secret may be looked up later; what is written wrong stays wrong.
  const std::string kept = R"({"topic":{"name":"x","group":"shop","connection":"hub"}})";
  hooks.stream = [](const std::string&) -> Result<std::unique_ptr<stream::Stream>> {
    return {Errc::unavailable, "the vault is away"};
  };
  CHECK(look(kept, hooks).outcome == not_yet);
  CHECK(look(kept, hooks).message == "the vault is away");
  hooks.stream = [](const std::string&) -> Result<std::unique_ptr<stream::Stream>> {
    return {Errc::invalid, "no such connection"};
  };
  CHECK(look(kept, hooks).outcome == failed);
  std::filesystem::remove_all(folder);
}

namespace {

// A database, of which only what is asked and what it says is known.
struct Database {
  Result<std::string> says = std::string("1");
  std::string type = "postgres";
  Status opened = success();
  std::string asked, password;

  Looked look(const std::string& sql = R"({"connection":"db","sql":"SELECT 1"})") {
    LookHooks hooks;
    hooks.connection = [this](const std::string& id) -> std::optional<Connection> {
      if (id != "db") return std::nullopt;
      Connection connection;
      connection.id = id;
      connection.conn_type = type;
      return connection;
    };
    hooks.open = [this](Connection& connection) {
      connection.password = "opened";
      return opened;
    };
    hooks.sql = [this](const std::string& params, const Connection& connection, const auto&) {
      asked = params;
      password = connection.password;
      return says;
    };
    return batuta::look(R"({"sql":)" + sql + "}", hooks);
  }
};

}  // namespace

TEST_CASE("a database satisfies by a first cell that is a yes, as Airflow's SqlSensor takes it") {
  Database database;
  for (const char* yes :
       {"1", "true", "-0.5", R"("x")", R"("2026-01-01")", R"([1])", R"("0.01")", R"("-0.50")",
        R"("1E-9")", R"("0.0.0")", R"("0E")", R"(".")", R"("00:00")", R"("-")"}) {
    CAPTURE(yes);
    database.says = std::string(yes);
    CHECK(database.look().outcome == satisfied);
  }
  // A sum of `numeric` comes as text, with the places of its type.
  for (const char* no : {"0", "false", "null", R"("")", R"("0")", "0.0", "{}", R"("0.00")",
                         R"("0.0000000000000000")", R"("-0.0")", R"("0E-20")"}) {
    CAPTURE(no);
    database.says = std::string(no);
    CHECK(database.look().outcome == not_yet);
  }
  database.says = std::string("null");
  CHECK(database.look().message == "no row, or NULL");
}

TEST_CASE("a database satisfies by the value that is named, and by that alone") {
  Database database;
  const std::string wanted = R"({"connection":"db","sql":"SELECT s","equals":"done"})";
  database.says = std::string(R"("running")");
  CHECK(database.look(wanted).outcome == not_yet);
  CHECK(database.look(wanted).message == "the result is another value");
  database.says = std::string(R"("done")");
  CHECK(database.look(wanted).outcome == satisfied);
  database.says = std::string("0");
  CHECK(database.look(R"({"connection":"db","sql":"SELECT 0","equals":0})").outcome == satisfied);
}

TEST_CASE("a look at a database is bound, bounded, and can change nothing") {
  Database database;
  CHECK(database
            .look(R"({"connection":"db","sql":"SELECT :a","parameters":{"a":"x"},"timeout":"5s"})")
            .outcome == satisfied);
  CHECK(database.asked ==
        R"({"connection":"db","parameters":{"a":"x"},"read_only":true,"result":"value",)"
        R"("sql":"SELECT :a","timeout":"5s"})");
  CHECK(database.password == "opened");
  CHECK(server_of(R"({"sql":{"connection":"db","sql":"SELECT 1"}})") == "sql db");
}

TEST_CASE("a database that is away is looked at again; what will never be right fails at once") {
  Database database;
  database.says = Error{Errc::unavailable, "the server is starting up", {}};
  CHECK(database.look().outcome == not_yet);
  CHECK(database.look().message == "the server is starting up");
  database.says = Error{Errc::invalid, "no table nowhere", {}};
  CHECK(database.look().outcome == failed);
  database.says = std::string("1");
  CHECK(database.look(R"({"connection":"gone","sql":"SELECT 1"})").message ==
        "connection \"gone\" does not exist");
  database.opened = Error{Errc::unavailable, "the vault is away", {}};
  CHECK(database.look().outcome == not_yet);
  database.opened = Error{Errc::forbidden, "not listed", {}};
  CHECK(database.look().outcome == failed);
  database.opened = success();
  database.type = "http";
  CHECK(database.look().message ==
        "connection \"db\" is of type \"http\": a wait takes postgres or sqlite");
}

TEST_CASE("an answer satisfies by its status: any 2xx, or those that are named") {
  Server server;
  CHECK(look(R"({"http":{"url":"http://x/"}})", server.hooks()).outcome == satisfied);
  server.status = 204;
  CHECK(look(R"({"http":{"url":"http://x/","status":[200]}})", server.hooks()).outcome == failed);
  CHECK(look(R"({"http":{"url":"http://x/","status":[200,204]}})", server.hooks()).outcome ==
        satisfied);
}

TEST_CASE("what may come yet is waited for, and what will not change fails") {
  Server server;
  for (const int status : {404, 408, 425, 429, 500, 503}) {
    server.status = status;
    const Looked looked = look(R"({"http":{"url":"http://x/"}})", server.hooks());
    CHECK(looked.outcome == not_yet);
    CHECK(looked.message == "HTTP " + std::to_string(status));
  }
  for (const int status : {301, 400, 401, 403}) {
    server.status = status;
    CHECK(look(R"({"http":{"url":"http://x/"}})", server.hooks()).outcome == failed);
  }
  server.away = true;
  CHECK(look(R"({"http":{"url":"http://x/"}})", server.hooks()).outcome == not_yet);
}

TEST_CASE("a condition on the answer's JSON holds by value") {
  Server server;
  const auto state = [&](std::string body) {
    server.body = std::move(body);
    return look(R"({"http":{"url":"http://x/","pointer":"/a/0","equals":{"n":1}}})",
                server.hooks());
  };
  CHECK(state(R"({"a":[{"n":1}]})").outcome == satisfied);
  CHECK(state(R"({"a":[{"n":2}]})").message == "'/a/0' of the answer is another value");
  CHECK(state(R"({"a":[]})").message == "the answer has nothing at '/a/0'");
  CHECK(state("<html>").message == "the answer is not JSON");
}

TEST_CASE("a condition may name several values, of which one is enough") {
  Server server;
  const auto state = [&](std::string body) {
    server.body = std::move(body);
    return look(R"({"http":{"url":"http://x/","pointer":"/s","in":["done","failed",3]}})",
                server.hooks())
        .outcome;
  };
  CHECK(state(R"({"s":"failed"})") == satisfied);
  CHECK(state(R"({"s":3})") == satisfied);
  CHECK(state(R"({"s":"running"})") == not_yet);
  CHECK(state(R"({})") == not_yet);
}

TEST_CASE("a connection gives server, login and headers, and its secrets go nowhere else") {
  Server server;
  CHECK(look(R"({"http":{"connection":"api","url":"/ready"}})", server.hooks()).outcome ==
        satisfied);
  CHECK(server.asked.url == "https://api.test/ready");
  using Header = std::pair<std::string, std::string>;
  CHECK(server.asked.login == "ann");
  CHECK(server.asked.password == "pw");
  CHECK(server.asked.headers == std::vector<Header>{{"X-Key", "k"}});
  look(R"({"http":{"connection":"api","url":"/ready?for=http://x/"}})", server.hooks());
  CHECK(server.asked.url == "https://api.test/ready?for=http://x/");
  server.asked = {};
  const Looked other =
      look(R"({"http":{"connection":"api","url":"https://api.test.evil/"}})", server.hooks());
  CHECK(other.outcome == failed);
  CHECK(server.asked.url.empty());
  CHECK(server.asked.login.empty());
  CHECK(look(R"({"http":{"connection":"no","url":"/"}})", server.hooks()).message ==
        "connection \"no\" does not exist");
}

TEST_CASE("a wait's secret is opened before it asks, and one that is not there yet is waited for") {
  Server server;
  LookHooks hooks = server.hooks();
  Status opens = success();
  hooks.open = [&](Connection& connection) {
    connection.password = "opened";
    return opens;
  };
  const char* const argument = R"({"http":{"connection":"api","url":"/ready"}})";
  CHECK(look(argument, hooks).outcome == satisfied);
  CHECK(server.asked.password == "opened");
  server.asked = {};
  opens = {Errc::unavailable, "password: the vault is away"};
  const Looked later = look(argument, hooks);
  CHECK(later.outcome == not_yet);
  CHECK(later.message == "connection \"api\": password: the vault is away");
  opens = {Errc::forbidden, "password: may not be read"};
  CHECK(look(argument, hooks).outcome == failed);
  CHECK(server.asked.url.empty());  // nobody was asked without it
}

TEST_CASE("a look is for the connection's server, or the URL's") {
  CHECK(server_of(R"({"http":{"connection":"api","url":"/x"}})") == "api");
  CHECK(server_of(R"({"http":{"url":"http://u:p@host:81/x?y"}})") == "//host:81");
  CHECK(server_of(R"({"http":{"url":5}})") == "//");
}

TEST_CASE("what is no address, or too large an answer, fails at once") {
  Server server;
  LookHooks hooks = server.hooks();
  for (const Errc code : {Errc::invalid, Errc::too_large, Errc::malformed}) {
    hooks.http = [code](const HttpRequest&) -> Result<HttpAnswer> {
      return Error{code, "why", {}};
    };
    CHECK(look(R"({"http":{"url":"ftp://x/"}})", hooks).outcome == failed);
  }
}

TEST_CASE("a template that made no text of the url is a failure with its reason") {
  Server server;
  const Looked looked = look(R"({"http":{"url":5}})", server.hooks());
  CHECK(looked.outcome == failed);
  CHECK(looked.message.starts_with("it cannot be looked at as it is written"));
}

}  // namespace batuta
