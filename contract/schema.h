// A JSON Schema (the keywords of drafts 2019-09 that the Open Data Contract Standard uses) over a
// value. Unlike a general validator it says what to do about each finding, and it knows which keys
// nobody asked for (unevaluatedProperties), with the nearest that somebody would.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace batuta::contract {

struct SchemaFinding {
  std::string pointer;  // to the value, or to the key that should not be there
  std::string message;  // what is wrong and what would be right
};

class Schema {
 public:
  // Errc::malformed for what is no JSON object, Errc::invalid naming a keyword that is not known
  // here: a rule that is not carried out must not pass for one that holds.
  static Result<Schema> read(std::string_view json);

  // What is wrong with `value`, each once, at most 50. Empty: it is valid.
  std::vector<SchemaFinding> check(const nlohmann::ordered_json& value) const;

 private:
  explicit Schema(std::shared_ptr<const nlohmann::ordered_json> root) : root_(std::move(root)) {}
  std::shared_ptr<const nlohmann::ordered_json> root_;
};

// The Open Data Contract Standard's own, version 3.1.0.
const Schema& odcs_schema();
// Its text, as published.
std::string_view odcs_schema_text();

}  // namespace batuta::contract
