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

TEST_CASE("a connection gives server, login and headers, and its secrets go nowhere else") {
  Server server;
  CHECK(look(R"({"http":{"connection":"api","url":"/ready"}})", server.hooks()).outcome ==
        satisfied);
  CHECK(server.asked.url == "https://api.test/ready");
  using Header = std::pair<std::string, std::string>;
  CHECK(server.asked.login == "ann");
  CHECK(server.asked.password == "pw");
  CHECK(server.asked.headers == std::vector<Header>{{"X-Key", "k"}});
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
