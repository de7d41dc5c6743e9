// dags/dag.schema.json, which editors use, and the parser, which decides, must say the same.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "common/safe_json.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

using nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;

json schema_document() {
  return *parse_untrusted(read_text(source_folder() / "dags/dag.schema.json"));
}

bool fits(const json& document) {
  static const auto schema = [] {
    auto compiled = std::make_unique<valijson::Schema>();
    const json text = schema_document();
    valijson::SchemaParser().populateSchema(Adapter(text), *compiled);
    return compiled;
  }();
  return valijson::Validator(valijson::Validator::kStrongTypes)
      .validate(*schema, Adapter(document), nullptr);
}

// Every object below "properties" must say what it is for.
void check_descriptions(const json& node, const std::string& where) {
  if (!node.is_structured()) return;
  for (const auto& [name, value] : node.items()) {
    if (name != "properties") {
      check_descriptions(value, where + "/" + name);
      continue;
    }
    for (const auto& item : value.items()) {
      const json& inner = item.value();
      const std::string place = where + "/" + item.key();
      if (!inner.is_boolean()) CHECK_MESSAGE(inner.contains("description"), place);
      check_descriptions(inner, place);
    }
  }
}

}  // namespace

TEST_CASE("the schema accepts every good sample") {
  for (const char* folder : {"tests/dagfile/good", "dags"}) {
    for (const auto& path : samples(folder)) {
      CAPTURE(path.string());
      CHECK(fits(*parse_untrusted(read_text(path))));
    }
  }
}

TEST_CASE("the schema refuses what is wrong in form") {
  for (const auto& path : samples("tests/dagfile/bad/schema")) {
    CAPTURE(path.string());
    CHECK_FALSE(fits(*parse_untrusted(read_text(path))));
  }
}

TEST_CASE("every field of the schema has a description") {
  check_descriptions(schema_document(), "");
}

TEST_CASE("every field of the schema is known to the parser, with its type") {
  const json schema = schema_document();
  const json& definitions = schema["definitions"];
  const json nonsense =
      json::array({json::array()});  // no field but "body" and "return" takes this
  const auto told = [](const json& document, const std::string& field) {
    std::string out;
    for (const auto& problem : parse_dag_file(document.dump(), "x", "", {}).problems) {
      out += problem.text() + "\n";
    }
    CHECK_MESSAGE(out.find("unknown field \"" + field + "\"") == std::string::npos, out);
    return out;
  };
  const json empty = {{"task_id", "a"}, {"type", "empty"}};
  for (const auto& item : schema["properties"].items()) {
    const std::string& field = item.key();
    CAPTURE(field);
    json dag = {{"dag_id", "x"}, {"tasks", {empty}}};
    dag[field] = nonsense;
    const auto problems = told(dag, field);
    if (field != "$schema") CHECK(problems.find("/" + field) != std::string::npos);
  }
  for (const auto& item : definitions["default_args"]["properties"].items()) {
    const std::string& field = item.key();
    CAPTURE(field);
    json dag = {{"dag_id", "x"}, {"default_args", {{field, nonsense}}}, {"tasks", {empty}}};
    CHECK(told(dag, field).find("/default_args/" + field) != std::string::npos);
  }
  for (const auto& variant : definitions["task"]["oneOf"]) {
    const auto type = variant["properties"]["type"]["enum"][0];
    for (const auto& item : variant["properties"].items()) {
      const std::string& field = item.key();
      CAPTURE(field);
      json task = {{"task_id", "a"}, {"type", type}};
      if (field != "type") task[field] = nonsense;
      told(json{{"dag_id", "x"}, {"tasks", {task}}}, field);
    }
  }
}

}  // namespace batuta
