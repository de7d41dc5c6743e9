#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "contract/schema.h"
#include "contract/yaml.h"

using namespace batuta;
using namespace batuta::contract;

namespace {

std::string check(const char* schema, const char* yaml) {
  const auto read = Schema::read(schema);
  REQUIRE(read.ok());
  std::string out;
  for (const auto& each : read->check(*parse_yaml(yaml)))
    out += (out.empty() ? "" : "\n") + each.pointer + ": " + each.message;
  return out;
}

}  // namespace

TEST_CASE("schema: types, limits and kinds are told with what would be right") {
  CHECK(check(R"({"type": "object"})", "{}").empty());
  CHECK(check(R"({"type": "object"})", "[]") == ": must be a mapping, not a list");
  CHECK(check(R"({"properties": {"v": {"type": "string"}}})", "v: 1.0") ==
        "/v: must be a text, not a number: write it in quotes");
  CHECK(check(R"({"properties": {"v": {"type": "integer", "minimum": 3}}})", "v: 2") ==
        "/v: must be at least 3");
  CHECK(check(R"({"properties": {"v": {"type": "integer"}}})", "v: 2.0").empty());
  CHECK(check(R"({"properties": {"v": {"enum": ["active", "draft"]}}})", "v: activ") ==
        "/v: \"activ\" is not known here; did you mean \"active\"?");
  CHECK(check(R"({"required": ["a"]})", "b: 1") == ": \"a\" is missing");
  CHECK(check(R"({"properties": {"v": {"type": "array", "minItems": 2, "uniqueItems": true}}})",
              "v: [1]") == "/v: needs at least 2 items");
  CHECK(check(R"({"properties": {"v": {"pattern": "^[a-z]+$"}}})", "v: A1") ==
        "/v: \"A1\" does not match ^[a-z]+$");
}

TEST_CASE("schema: a key that nobody asked for is told with the nearest that somebody would") {
  CHECK(check(R"({"properties": {"primaryKey": {}}, "additionalProperties": false})",
              "primarykey: true") ==
        "/primarykey: unknown key \"primarykey\"; did you mean \"primaryKey\"?");
  const char* inherited = R"({"allOf": [{"properties": {"name": {}}}],
      "if": {"properties": {"type": {"const": "local"}}, "required": ["type"]},
      "then": {"properties": {"path": {}}},
      "properties": {"type": {}}, "unevaluatedProperties": false})";
  CHECK(check(inherited, "{name: a, type: local, path: b}").empty());
  CHECK(check(inherited, "{name: a, type: other, path: b}").starts_with("/path: unknown key"));
  CHECK(check(inherited, "{nam: a}") == "/nam: unknown key \"nam\"; did you mean \"name\"?");
}

TEST_CASE("schema: of several kinds the one that was meant is told") {
  const char* either = R"({"oneOf": [{"type": "object", "properties": {"a": {"type": "string"}}},
                                      {"type": "array"}]})";
  CHECK(check(either, "a: x").empty());
  CHECK(check(either, "[]").empty());
  CHECK(check(either, "a: 1") == "/a: must be a text, not a number: write it in quotes");
  CHECK(check(either, "3") == ": must be a mapping or a list, not a number");
  const char* one = R"({"oneOf": [{"required": ["mustBe"]}, {"required": ["mustNotBe"]}]})";
  CHECK(check(one, "{}") == ": needs one of \"mustBe\", \"mustNotBe\"");
  CHECK(check(one, "{mustBe: 1, mustNotBe: 2}") ==
        ": has more than one of \"mustBe\", \"mustNotBe\"");
  CHECK(check(R"({"not": {"required": ["from"]}})", "from: x") == ": must not have \"from\"");
}

TEST_CASE("schema: a keyword that is not carried out here makes the schema refused, not blind") {
  CHECK(Schema::read(R"({"properties": {"a": {"propertyNames": {}}}})").error().message ==
        "not carried out here: /properties/a/propertyNames");
  CHECK(Schema::read(R"({"$ref": "#/$defs/nobody"})").error().code == Errc::invalid);
  CHECK(Schema::read("[").error().code == Errc::malformed);
  CHECK(Schema::read(odcs_schema_text()).ok());
}

TEST_CASE("schema: kinds within kinds end, however often they may be meant") {
  // Each level of items may be read as several kinds of column.
  std::string text =
      "version: '1'\napiVersion: v3.1.0\nkind: DataContract\nid: a\nstatus: s\n"
      "schema: [{name: t, properties: [{name: c, ";
  std::string tail = "}]}]";
  for (int i = 0; i < 18; ++i) {
    text += "items: {properties: [{name: c, ";
    tail = "}]}" + tail;
  }
  const auto value = parse_yaml(text + "required: 1" + tail);
  REQUIRE(value.ok());
  CHECK(!odcs_schema().check(*value).empty());
}
