#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_services.h"

namespace batuta::http::bulk_test {

TEST_CASE("a bulk write creates, changes and deletes, and says what each action did") {
  TestApi api;
  api.registry.variable_rows["old"] = {"old", "1", "kept"};
  const auto answer = body_of(api.call(Method::patch, "/api/v2/variables", R"({"actions":[
      {"action":"create","entities":[{"key":"a","value":"1"},{"key":"b","value":{"n":1}}]},
      {"action":"update","entities":[{"key":"old","value":"2","description":"lost"}],
       "update_mask":["value"]},
      {"action":"delete","entities":["a"]}]})"));
  CHECK(answer["create"]["success"] == nlohmann::json{"a", "b"});
  CHECK(answer["update"]["success"] == nlohmann::json{"old"});
  CHECK(answer["delete"]["success"] == nlohmann::json{"a"});
  CHECK(answer["delete"]["errors"].empty());
  CHECK_FALSE(api.registry.variable_rows.contains("a"));
  CHECK(api.registry.variable_rows["b"].value == R"({"n":1})");
  CHECK(api.registry.variable_rows["old"].value == "2");
  CHECK(api.registry.variable_rows["old"].description == "kept");
}

TEST_CASE(
    "an action of a bulk write that does not fit writes nothing, unless it may skip or overwrite") {
  TestApi api;
  api.registry.variable_rows["old"] = {"old", "1", ""};
  const auto act = [&](const std::string& action) {
    return body_of(api.call(Method::patch, "/api/v2/variables", R"({"actions":[)" + action + "]}"));
  };
  const std::string both = R"("entities":[{"key":"new","value":"x"},{"key":"old","value":"x"}])";
  const auto refused = act(R"({"action":"create",)" + both + "}");
  CHECK(refused["create"]["errors"][0]["status_code"] == 409);
  CHECK(refused["update"].is_null());
  CHECK_FALSE(api.registry.variable_rows.contains("new"));
  const auto skipped = act(R"({"action":"create","action_on_existence":"skip",)" + both + "}");
  CHECK(skipped["create"]["success"] == nlohmann::json{"new"});
  CHECK(api.registry.variable_rows["old"].value == "1");
  act(R"({"action":"create","action_on_existence":"overwrite",)" + both + "}");
  CHECK(api.registry.variable_rows["old"].value == "x");
  const auto gone = act(R"({"action":"delete","entities":["none","old"]})");
  CHECK(gone["delete"]["errors"][0]["status_code"] == 404);
  CHECK(api.registry.variable_rows.contains("old"));
  const auto rest =
      act(R"({"action":"delete","action_on_non_existence":"skip","entities":["none","old"]})");
  CHECK(rest["delete"]["success"] == nlohmann::json{"old"});
}

TEST_CASE(
    "a bulk write is understood as a whole before anything of it is written, and asks each right") {
  TestApi api;
  const std::string all = "/api/v2/connections";
  const std::string good =
      R"({"action":"create","entities":[{"connection_id":"c","conn_type":"http"}]})";
  for (const std::string bad : {R"({"action":"rename","entities":[]})", R"({"action":"create"})",
                                R"({"action":"create","entities":[{"conn_type":"http"}]})",
                                R"({"action":"create","entities":[],"on":1})", R"(7)"}) {
    CAPTURE(bad);
    CHECK(api.status(Method::patch, all, R"({"actions":[)" + good + "," + bad + "]}") == 422);
  }
  CHECK(api.registry.connection_rows.empty());
  const auto made = api.call(Method::patch, all, R"({"actions":[)" + good + "]}");
  CHECK(body_of(made)["create"]["success"] == nlohmann::json{"c"});
  CHECK(api.status(Method::patch, all, R"({"actions":[)" + good + "]}", "operator") == 403);
}

}  // namespace batuta::http::bulk_test
