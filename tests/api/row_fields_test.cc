// `fields` of lists: rows with the fields that are asked for alone.
#include "scheduler/api/row_fields.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "scheduler/api/routes.h"
#include "tests/api/existing_path.h"
#include "tests/api/fake_services.h"

namespace batuta::http::row_fields_test {
namespace {

using nlohmann::json;

const std::string run_list = "/api/v2/dags/demo/dagRuns";

}  // namespace

TEST_CASE("rows have the fields that are named, with their values, and the list says all it did") {
  TestApi api;
  const json whole = body_of(api.call(Method::get, run_list));
  const json chosen = body_of(api.call(Method::get, run_list + "?fields=state,dag_run_id"));
  REQUIRE(!whole["dag_runs"].empty());
  json expected = whole;
  for (json& row : expected["dag_runs"]) {
    row = json{{"dag_run_id", row["dag_run_id"]}, {"state", row["state"]}};
  }
  CHECK(chosen == expected);
  CHECK(body_of(api.call(Method::get, run_list + "?fields=state&fields=dag_run_id")) == expected);
  CHECK(body_of(api.call(Method::get, run_list + "?fields=")) == whole);
  // One object has no rows.
  CHECK(api.status(Method::get, run_list + "/done?fields=state") == 400);
}

TEST_CASE("a field that no row has is refused with the near one, or with all of them") {
  TestApi api;
  const auto near = api.call(Method::get, run_list + "?fields=dag_run_id,stat");
  CHECK(near.status == 400);
  CHECK(near.body.find("no row of dag_runs has \\\"stat\\\"") != std::string::npos);
  CHECK(near.body.find("did you mean \\\"state\\\"?") != std::string::npos);
  const auto far = api.call(Method::get, run_list + "?fields=" + std::string(500, 'x'));
  CHECK(far.status == 400);
  CHECK(far.body.find("it is one of dag_run_id, dag_id") != std::string::npos);
  // Its name is among those that a misspelt parameter is held against.
  CHECK(api.call(Method::get, run_list + "?field=state").body.find("fields") != std::string::npos);
  // Rights come first.
  CHECK(api.status(Method::get, run_list + "?fields=stat", "", "") == 401);
}

TEST_CASE("every list whose rows the document knows takes each of their fields") {
  TestApi api;
  int lists = 0;
  for (const Route& route : route_table()) {
    const RowSchema rows = row_schema(route);
    if (rows.list.empty()) continue;
    CAPTURE(route.pattern);
    CHECK(!rows.known.empty());
    const std::string path = existing_path(route.pattern);
    const auto whole = api.call(Method::get, path);
    const auto one = api.call(Method::get, path + "?fields=" + std::string(rows.known.front()));
    CHECK(one.status == whole.status);
    ++lists;
    if (whole.status != 200) continue;
    json expected = body_of(whole);
    for (json& row : expected[std::string(rows.list)]) {
      for (const auto name : rows.known) {
        if (name != rows.known.front()) row.erase(std::string(name));
      }
    }
    CHECK(body_of(one) == expected);
  }
  CHECK(lists > 30);
}

TEST_CASE("texts with quotes, braces and escapes are left out and kept byte for byte") {
  const std::string body =
      R"({"n":{"a":[1]},"rows":[{"a":"x\"}],{\\","b":{"a":[{}]},"c":-1.5e3},{},{"b":null},7],"t":3})";
  CHECK(with_fields(body, "rows", {"a"}) ==
        R"({"n":{"a":[1]},"rows":[{"a":"x\"}],{\\"},{},{},7],"t":3})");
  CHECK(with_fields(body, "rows", {"b", "c"}) ==
        R"({"n":{"a":[1]},"rows":[{"b":{"a":[{}]},"c":-1.5e3},{},{"b":null},7],"t":3})");
  CHECK(with_fields(body, "none", {"a"}) == body);
  CHECK(with_fields("{ \"rows\" : [ ] }", "rows", {"a"}) == "{ \"rows\" :[] }");
  for (std::size_t end = 0; end < body.size(); ++end) {
    CAPTURE(end);
    CHECK_FALSE(with_fields(body.substr(0, end), "rows", {"a"}));
  }
}

}  // namespace batuta::http::row_fields_test
