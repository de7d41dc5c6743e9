// models test --create: a test of a model, from rows that its tables have, masked.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/cli/commands.h"
#include "scheduler/cli/model_files.h"

namespace batuta::cli {

struct CreateTest {
  std::string folder, contracts, plugins;  // `contracts` empty: beside the folder of models
  std::string model, name;
  std::vector<std::string> where;  // "silver/shop/orders: country = BR"
  std::string values_json;         // of templates, by what stands between the braces: an object
  int rows = 5;                    // of each table
};

// Writes a new file below <folder>/tests and tells of it. Throws Failure.
void create_test(Session& session, const CreateTest& asked);

// ---- its parts, pure

// What contracts hide, as the plugin lake_sql takes it, from everybody: {"contracts": …,
// "unmasked": []}. `contracts`: name ("shop/orders") and YAML; of one that cannot be read all is
// hidden.
nlohmann::json contract_masks(const std::vector<std::pair<std::string, std::string>>& contracts);

// A column of a table as a test says its type ("DECIMAL(18,2)"); empty for what it cannot hold.
std::string test_type(const std::string& delta_type);

struct TestInput {
  std::string table;
  std::vector<std::pair<std::string, std::string>> columns;  // name and type
  std::string rows_json;                                     // a list of lists of texts or null
};

// The file. Values are texts, which their types make what they are.
std::string test_file(const std::string& model, const std::string& name,
                      const nlohmann::ordered_json& values, const std::vector<TestInput>& inputs,
                      const nlohmann::json& columns, const nlohmann::json& rows);

}  // namespace batuta::cli
