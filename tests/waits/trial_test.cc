#include "scheduler/waits/trial.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace batuta {
namespace {

Connection connection_of(const std::string& type) {
  Connection connection;
  connection.id = "c";
  connection.conn_type = type;
  connection.host = "server.test";
  connection.login = "ann";
  connection.password = "pass word";
  return connection;
}

TrialHooks answering(int status, HttpRequest& asked) {
  TrialHooks hooks;
  hooks.http = [status, &asked](const HttpRequest& request) -> Result<HttpAnswer> {
    asked = request;
    HttpAnswer answer;
    answer.status = status;
    return answer;
  };
  return hooks;
}

TEST_CASE("trial: an HTTP server is asked for its address with the login, and refuses it or not") {
  HttpRequest asked;
  Connection connection = connection_of("http");
  connection.extra = R"({"headers":{"X-Key":"k"}})";
  const auto well = try_connection(connection, {}, answering(404, asked));
  REQUIRE(well);
  CHECK(*well == "the server answers (HTTP 404)");
  CHECK(asked.url == "http://server.test");
  CHECK(asked.login == "ann");
  CHECK(asked.password == "pass word");
  CHECK(asked.headers.size() == 1);
  for (const int status : {401, 403, 407}) {
    CHECK(try_connection(connection, {}, answering(status, asked)).error().code == Errc::forbidden);
  }
  CHECK(try_connection(connection, {}, answering(503, asked)).error().code == Errc::unavailable);
}

TEST_CASE("trial: an OAuth client asks its token endpoint, and its server with the token alone") {
  std::vector<HttpRequest> asked;
  HttpAnswer token;
  token.status = 200;
  token.body = R"({"access_token":"t-1","expires_in":60})";
  TrialHooks hooks;
  hooks.http = [&](const HttpRequest& request) -> Result<HttpAnswer> {
    asked.push_back(request);
    HttpAnswer answer = token;
    if (request.url == "http://server.test") answer.status = 204;
    return answer;
  };
  Connection connection = connection_of("http");
  connection.extra = R"({"login_url":"https://id.test/token","scope":"a b","audience":"x"})";
  const auto well = try_connection(connection, {}, hooks);
  REQUIRE(well);
  CHECK(*well == "the server answers (HTTP 204)");
  REQUIRE(asked.size() == 2);
  CHECK(asked[0].url == "https://id.test/token");
  CHECK(asked[0].login == "ann");
  CHECK(asked[0].password == "pass%20word");
  CHECK(asked[0].body == "grant_type=client_credentials&scope=a%20b&audience=x");
  CHECK(asked[1].login.empty());
  CHECK(asked[1].password.empty());
  REQUIRE(asked[1].headers.size() == 1);
  CHECK(asked[1].headers[0].second == "Bearer t-1");

  token.status = 400;
  token.body = R"({"error":"invalid_client"})";
  const auto refused = try_connection(connection, {}, hooks);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message ==
        "token endpoint https://id.test/token answered 400: invalid_client");
  token.status = 200;
  token.body = "no JSON";
  CHECK(try_connection(connection, {}, hooks).error().code == Errc::malformed);
}

TEST_CASE("trial: a database is asked for one row, read only") {
  TrialHooks hooks;
  std::string params;
  hooks.sql = [&](const std::string& given, const Connection&, const auto&) -> Result<std::string> {
    params = given;
    return std::string("1");
  };
  CHECK(*try_connection(connection_of("postgres"), {}, hooks) == "the database answers");
  const auto sent = nlohmann::json::parse(params);
  CHECK(sent["sql"] == "SELECT 1");
  CHECK(sent["read_only"] == true);
}

TEST_CASE("trial: a mail server is greeted, and no message begun") {
  TrialHooks hooks;
  MailRequest greeted;
  hooks.mail = [&](const MailRequest& request) {
    greeted = request;
    return success();
  };
  Connection connection = connection_of("smtp");
  CHECK_FALSE(try_connection(connection, {}, hooks));  // it names no sender
  connection.extra = R"({"from":"batuta@example.org"})";
  CHECK(*try_connection(connection, {}, hooks) == "the mail server takes the login");
  CHECK(greeted.login == "ann");
  CHECK(greeted.to.empty());
}

TEST_CASE("trial: what is said holds no secret of the connection") {
  Connection connection = connection_of("sqlite");
  connection.host = "postgres://u:hidden@server.test/x";
  connection.extra =
      R"({"token":"tok-1","nested":{"api_key":"key-2"},"mode":"ro","headers":{"A":"h-3"}})";
  TrialHooks hooks;
  hooks.sql = [](const auto&, const auto&, const auto&) {
    return Result<std::string>(
        Errc::invalid,
        "no: pass word, pass%20word, tok-1, key-2, h-3, tok-1-2 in ro, not hidden, at "
        "postgres://u:hidden@server.test/x");
  };
  // What a reference gave is a secret under whatever name; one may begin with another.
  const std::string said = try_connection(connection, {"tok-1-2"}, hooks).error().message;
  CHECK(said == "no: ***, ***, ***, ***, ***, *** in ro, not ***, at postgres://***@server.test/x");
}

TEST_CASE(
    "trial: a type whose only question would be a message is not tried, nor one that is not "
    "known") {
  const TrialHooks hooks;
  for (const char* type : {"slack", "webhook", "slackwebhook"}) {
    const auto told = try_connection(connection_of(type), {}, hooks);
    CHECK(told.error().message.find("is a message") != std::string::npos);
  }
  CHECK(try_connection(connection_of("redis"), {}, hooks).error().code == Errc::not_found);
}

}  // namespace
}  // namespace batuta
