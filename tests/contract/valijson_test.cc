// Our reading of the standard's schema against a general validator's: over a contract and many
// small changes of it, both call it valid or both do not, but for keys that nobody asked for, which
// the other does not know of.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>
#include <vector>

#include "contract/schema.h"
#include "contract/yaml.h"
#include "tests/contract/texts.h"

using namespace batuta::contract;
using nlohmann::json;

namespace {

std::vector<json::json_pointer> pointers_of(const json& value) {
  std::vector<json::json_pointer> out;
  const json flat = value.flatten();
  for (const auto& [pointer, leaf] : flat.items()) {
    for (json::json_pointer at(pointer);; at = at.parent_pointer()) {
      out.push_back(at);
      if (at.empty()) break;
    }
  }
  return out;
}

json changed(json value, std::mt19937& random) {
  static const json others[] = {1,         -1,       1.5,           "x",
                                true,      nullptr,  json::array(), json::object(),
                                "integer", "string", "array",       "local"};
  static const char* names[] = {"name",   "logicalType", "type",    "metric", "mustBe",
                                "items",  "properties",  "quality", "path",   "format",
                                "server", "required",    "value",   "from",   "to"};
  for (int n = 1 + static_cast<int>(random() % 3); n > 0; --n) {
    const auto all = pointers_of(value);
    json& at = value[all[random() % all.size()]];
    const json other = others[random() % std::size(others)];
    if (at.is_object() && !at.empty() && random() % 2 == 0) {
      at.erase(std::next(at.begin(), static_cast<long>(random() % at.size())));
    } else if (at.is_object()) {
      at[names[random() % std::size(names)]] = other;
    } else {
      at = other;
    }
  }
  return value;
}

}  // namespace

TEST_CASE("schema: what is valid here is valid for a general validator, and the other way round") {
  const json schema_json = json::parse(odcs_schema_text());
  valijson::Schema schema;
  valijson::SchemaParser parser;
  parser.populateSchema(valijson::adapters::NlohmannJsonAdapter(schema_json), schema);
  valijson::Validator validator;
  const json contract = json(*parse_yaml(clients_yaml));
  std::mt19937 random(20'241'127);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    const json value = i == 0 ? contract : changed(contract, random);
    CAPTURE(value.dump());
    const bool theirs =
        validator.validate(schema, valijson::adapters::NlohmannJsonAdapter(value), nullptr);
    const auto found = odcs_schema().check(nlohmann::ordered_json(value));
    const bool unknown_alone = std::all_of(found.begin(), found.end(), [](const auto& each) {
      // It leaves out what stands beside a $ref, too: that a column needs a name.
      return each.message.starts_with("unknown key") || each.message == "\"name\" is missing";
    });
    if (theirs) {
      CHECK(unknown_alone);
    } else {
      ++refused;
      CHECK(!found.empty());
    }
  }
  CHECK(refused > 50);
}
