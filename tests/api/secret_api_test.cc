// Secrets that are kept elsewhere: what may be written, what is shown, and whether they are there.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

using nlohmann::json;

const char* const secret_variables = "/api/v2/variables";
const char* const secret_connections = "/api/v2/connections";

// A connection's fields are texts, references among them.
json secret_connection(const json& password, const json& extra) {
  json body{{"connection_id", "db"}, {"conn_type", "postgres"}};
  if (!password.is_null()) body["password"] = password.dump();
  if (!extra.is_null()) body["extra"] = extra.dump();
  return body;
}

// Its status and what it says of the setting.
void check_refused(const Response& answer, const char* part) {
  CAPTURE(answer.body);
  CHECK(answer.status == 422);
  CHECK(answer.body.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("a reference that no setting lists is refused when it is written, wherever it stands") {
  TestApi api;
  api.secrets.sources = {{"LISTED"}, {"/run/secrets"}, {}};
  const json other{{"$env", "HOME"}}, file{{"$file", "/etc/shadow"}};
  const json program{{"$command", {"/bin/sh", "-c", "id"}}};
  const auto post = [&](const char* path, const json& body) {
    return api.call(Method::post, path, body.dump());
  };
  check_refused(post(secret_variables, {{"key", "a"}, {"value", other}}), "secrets.env");
  check_refused(post(secret_variables, {{"key", "a"}, {"value", program.dump()}}),
                "secrets.programs");
  check_refused(post(secret_variables, {{"key", "a"}, {"value", {{"$env", 1}}}}), "$env");
  check_refused(post(secret_connections, secret_connection(other, nullptr)), "secrets.env");
  check_refused(post(secret_connections, secret_connection(nullptr, file)), "secrets.folders");
  const json deep{{"a", {{"b", json::array({json{{"$env", "LISTED"}}, program})}}}};
  check_refused(post(secret_connections, secret_connection(nullptr, deep)), "secrets.programs");
  CHECK(api.registry.variable_rows.empty());
  CHECK(api.registry.connection_rows.empty());

  for (const char* path : {secret_variables, secret_connections}) {
    const bool variable = path == secret_variables;
    json entity = variable ? json{{"key", "a"}, {"value", other}}
                           : secret_connection(nullptr, json{{"token", other}});
    const json action{{"action", "create"}, {"entities", json::array({entity})}};
    const auto bulk =
        api.call(Method::patch, path, json{{"actions", json::array({action})}}.dump());
    CAPTURE(bulk.body);
    CHECK(bulk.body.find("secrets.env") != std::string::npos);
  }
  CHECK(api.registry.variable_rows.empty());
  CHECK(api.registry.connection_rows.empty());

  const json listed{{"$env", "LISTED"}};
  CHECK(post(secret_variables, {{"key", "a"}, {"value", listed}}).status == 201);
  CHECK(post(secret_connections, secret_connection(listed, json{{"a", listed}})).status == 201);
  check_refused(
      api.call(Method::patch, secret_variables + std::string("/a"), json{{"value", other}}.dump()),
      "secrets.env");
  check_refused(api.call(Method::patch, secret_connections + std::string("/db"),
                         json{{"password", file.dump()}}.dump()),
                "secrets.folders");
  CHECK(api.registry.variable_rows["a"].value == listed.dump());
  CHECK(api.registry.connection_rows["db"].password == listed.dump());
  CHECK(api.secrets.asked.empty());  // nothing is looked up for a write
}

TEST_CASE("a setting that lists a reference no more lets the rest of its connection be changed") {
  TestApi api;
  auto& kept = api.registry.connection_rows["db"];
  kept.id = "db";
  kept.conn_type = "postgres";
  kept.password = R"({"$env":"ONCE"})";
  const std::string db = secret_connections + std::string("/db");
  CHECK(api.status(Method::patch, db, R"({"host":"db.test"})") == 200);
  CHECK(kept.host == "db.test");
  CHECK(kept.password == R"({"$env":"ONCE"})");
  check_refused(api.call(Method::patch, db, R"({"password":"{\"$env\":\"ONCE\"}"})"),
                "secrets.env");
}

TEST_CASE("a reference is shown by lists, single answers and the event log, and its value never") {
  TestApi api;
  api.secrets.sources = {{"PW"}, {"/run/secrets"}, {"/bin/pass"}};
  api.secrets.values = {{"PW", "s3cret"}, {"/run/secrets/t", "s3cret"}, {"/bin/pass", "s3cret"}};
  const json password{{"$env", "PW"}}, token{{"$file", "/run/secrets/t"}};
  const json key{{"$command", {"/bin/pass", "api"}}};
  const auto variable =
      api.call(Method::post, secret_variables, json{{"key", "api_key"}, {"value", key}}.dump());
  const auto connection = api.call(
      Method::post, secret_connections,
      secret_connection(password, {{"token", token}, {"secret", "hidden"}, {"a", "b"}}).dump());
  CHECK(body_of(variable)["value"] == key.dump());
  CHECK(body_of(connection)["password"] == password.dump());
  CHECK(json::parse(body_of(connection)["extra"].get<std::string>()) ==
        json{{"token", token}, {"secret", "***"}, {"a", "b"}});
  CHECK(api.get(secret_variables)["variables"][0] == body_of(variable));
  CHECK(api.get(secret_variables + std::string("/api_key")) == body_of(variable));
  CHECK(api.get(secret_connections)["connections"][0] == body_of(connection));
  CHECK(api.get(secret_connections + std::string("/db")) == body_of(connection));

  // What was shown is taken back as it is.
  CHECK(api.call(Method::patch, secret_connections + std::string("/db"), connection.body).status ==
        200);
  CHECK(api.registry.connection_rows["db"].password == password.dump());
  CHECK(json::parse(api.registry.connection_rows["db"].extra) ==
        json{{"token", token}, {"secret", "hidden"}, {"a", "b"}});

  REQUIRE(api.registry.audit.size() == 3);
  const auto after = [&](std::size_t row) {
    return json::parse(api.registry.audit[row].extra_json)["after"];
  };
  CHECK(after(0)["value"] == key.dump());
  CHECK(after(1)["password"] == password.dump());
  CHECK(after(1)["extra"] == "***");
  CHECK(after(1)["references"] == json{{"extra/token", token.dump()}});
  CHECK(api.registry.audit[1].extra_json.find("hidden") == std::string::npos);
  CHECK(api.secrets.asked.empty());
}

TEST_CASE("a connection's test says of each reference whether there is a value, and not which") {
  TestApi api;
  auto& kept = api.registry.connection_rows["db"];
  kept.id = "db";
  kept.conn_type = "postgres";
  kept.password = R"({"$env":"PW"})";
  kept.extra = R"({"a":{"token":{"$file":"/run/secrets/t"}}})";
  api.secrets.values = {{"PW", "s3cret"}};
  const std::string test = "/api/batuta/connections/db/test";
  const Response answer = api.call(Method::post, test);
  CHECK(answer.status == 200);
  CHECK(body_of(answer) == json::parse(R"({"references":[
          {"place":"password","reference":"{\"$env\":\"PW\"}","problem":null},
          {"place":"extra/a/token","reference":"{\"$file\":\"/run/secrets/t\"}",
           "problem":"nothing is there"}]})"));
  CHECK(answer.body.find("s3cret") == std::string::npos);
  CHECK(api.secrets.asked == std::vector<std::string>{"anew PW", "anew /run/secrets/t"});
  kept.password = kept.extra = "plain";
  CHECK(body_of(api.call(Method::post, test)) == json{{"references", json::array()}});
  CHECK(api.status(Method::post, "/api/batuta/connections/no/test") == 404);
  CHECK(api.status(Method::post, test, "", "viewer") == 403);
}

TEST_CASE(
    "a connection is tried where a setting lets people, with what is written and what is kept") {
  TestApi api;
  const std::string path = std::string(secret_connections) + "/test";
  const json kept{{"connection_id", "db"}, {"conn_type", "postgres"},   {"host", "db.test"},
                  {"port", 5432},          {"password", "kept secret"}, {"extra", R"({"a":1})"}};
  REQUIRE(api.status(Method::post, secret_connections, kept.dump()) == 201);
  const auto ask = [&](json more, const std::string& role = "admin") {
    json body{{"connection_id", "db"}, {"conn_type", "postgres"}};
    body.update(more);
    return api.call(Method::post, path, body.dump(), role);
  };
  const auto off = ask(json::object());
  CHECK(off.status == 403);
  CHECK(off.body.find("connections.test") != std::string::npos);
  CHECK(api.tried.empty());
  api.settings = {{"connections.test", "true"}};
  CHECK(ask(json::object(), "operator").status == 403);

  const auto well = ask(json::object());
  CHECK(body_of(well) == json{{"status", true}, {"message", "db.test:5432: it answers"}});
  REQUIRE(api.tried.size() == 1);
  CHECK(api.tried[0].password == "kept secret");
  CHECK(api.tried[0].extra == R"({"a":1})");

  api.trial = Error{Errc::forbidden, "no such role", {}};
  const auto refused = ask({{"password", "other"}});
  CHECK(body_of(refused) == json{{"status", false}, {"message", "db.test:5432: no such role"}});
  CHECK(api.tried.back().password == "other");
  CHECK(api.registry.connection("db")->password == "kept secret");  // nothing is written
}

TEST_CASE("a secret that is kept is tried at the server that is kept alone") {
  TestApi api;
  api.settings = {{"connections.test", "true"}};
  const std::string path = std::string(secret_connections) + "/test";
  const json kept{{"connection_id", "db"},     {"conn_type", "postgres"},
                  {"host", "db.test"},         {"port", 5432},
                  {"password", "kept secret"}, {"extra", R"({"token":"t"})"}};
  REQUIRE(api.status(Method::post, secret_connections, kept.dump()) == 201);
  const auto ask = [&](json more) {
    json body{{"connection_id", "db"}, {"conn_type", "postgres"}};
    body.update(more);
    return api.call(Method::post, path, body.dump());
  };
  for (const json& elsewhere :
       {json{{"host", "evil.test"}}, json{{"port", 1}}, json{{"schema", "x"}},
        json{{"conn_type", "http"}},
        json{{"extra", R"({"token":"***","proxy":"http://evil.test"})"}},
        json{{"host", "evil.test"}, {"password", "new"}, {"extra", R"({"token":"\u002a**"})"}},
        json{{"host", "evil.test"}, {"password", "new"}},
        json{{"host", "evil.test"}, {"password", "***"}}}) {
    const auto answer = ask(elsewhere);
    CAPTURE(elsewhere);
    CHECK(answer.status == 422);
    CHECK(answer.body.find("write it anew") != std::string::npos);
  }
  CHECK(api.tried.empty());
  CHECK(ask({{"host", "other.test"}, {"password", "new"}, {"extra", "{}"}}).status == 200);
  REQUIRE(api.tried.size() == 1);
  CHECK(api.tried[0].password == "new");
  CHECK(api.tried[0].host == "other.test");
}

TEST_CASE("a secret in a kept address is tried at that address alone, as its server is asked") {
  TestApi api;
  api.settings = {{"connections.test", "true"}};
  const std::string path = std::string(secret_connections) + "/test";
  const json kept{
      {"connection_id", "web"}, {"conn_type", "http"}, {"host", "https://u:pw@web.test/a"}};
  REQUIRE(api.status(Method::post, secret_connections, kept.dump()) == 201);
  const auto ask = [&](json more) {
    json body{{"connection_id", "web"}, {"conn_type", "http"}};
    body.update(more);
    return api.call(Method::post, path, body.dump());
  };
  const json shown{{"host", "https://***@web.test/a"}};
  for (json elsewhere : {json{{"port", 1}}, json{{"schema", "http"}}}) {
    check_refused(ask(elsewhere), "write it anew");
    elsewhere.update(shown);
    check_refused(ask(elsewhere), "write it anew");
  }
  CHECK(api.tried.empty());
  CHECK(ask(shown).status == 200);
  REQUIRE(api.tried.size() == 1);
  CHECK(api.tried[0].host == "https://u:pw@web.test/a");
}

TEST_CASE("what a reference leads to is tried for a connection that is kept, and never told") {
  TestApi api;
  api.settings = {{"connections.test", "true"}};
  api.secrets.sources = {{"PASSWORD", "OTHER"}, {}, {}};
  api.secrets.values = {{"PASSWORD", "of the database"}, {"OTHER", "of another"}};
  const std::string path = std::string(secret_connections) + "/test";
  const json password{{"$env", "PASSWORD"}}, other{{"$env", "OTHER"}};
  const auto try_it = [&](json body, const json& more) {
    body.update(more);
    return api.call(Method::post, path, body.dump());
  };
  json fresh = secret_connection(password, nullptr);
  fresh["host"] = "db.test";
  check_refused(try_it(fresh, json::object()), "keep it");  // nothing of that id is kept
  REQUIRE(api.status(Method::post, secret_connections, fresh.dump()) == 201);
  check_refused(try_it(fresh, {{"host", "evil.test"}}), "keep it");
  check_refused(try_it(secret_connection(other, nullptr), json::object()), "keep it");
  check_refused(try_it(secret_connection(nullptr, json{{"user", other}}), json::object()),
                "keep it");
  CHECK(api.tried.empty());
  CHECK(api.secrets.asked.empty());

  CHECK(try_it(fresh, json::object()).status == 200);
  REQUIRE(api.tried.size() == 1);
  CHECK(api.tried[0].password == "of the database");
  CHECK(api.tried_secrets == std::vector<std::string>{"of the database"});
  // The event log says where it led and what it referred to.
  const std::string& extra = api.registry.audit.back().extra_json;
  CHECK(extra.find("db.test") != std::string::npos);
  CHECK(extra.find("of the database") == std::string::npos);
}

}  // namespace batuta::http
