// Internal to this room: reading parts of a contract that the standard's schema has passed.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/contract.h"
#include "contract/schema.h"

namespace batuta::contract {

// What is wrong, and what is not carried out, each with its pointer.
struct Notes {
  std::vector<SchemaFinding> problems, warnings;
  void problem(std::string pointer, std::string message) {
    problems.push_back({std::move(pointer), std::move(message)});
  }
  void warning(std::string pointer, std::string message) {
    warnings.push_back({std::move(pointer), std::move(message)});
  }
};

// A member's text; empty when it is not there or not a text.
std::string text_at(const nlohmann::ordered_json& object, const char* name);
// A scalar as it would be written; a list or mapping as JSON.
std::string written(const nlohmann::ordered_json& value);
std::vector<std::string> texts_at(const nlohmann::ordered_json& object, const char* name);

// The batuta.* names of one customProperties list. Unknown ones, ones twice and ones of another
// place are problems when `place` ("table", "column", "csv"…) does not know them; other people's
// properties are left alone.
class CustomProperties {
 public:
  // `at`: the pointer of the object that has "customProperties". All must outlive this.
  CustomProperties(const nlohmann::ordered_json& object, std::string at,
                   const std::vector<std::string>& places, Notes& notes);

  // Of the wanted kind, else a problem and absent.
  std::optional<std::string> text(std::string_view name) const;
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t least,
                                      std::int64_t most) const;
  std::optional<bool> boolean(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  // A mapping from some of `known` to reasons.
  std::map<std::string, std::string> names(std::string_view name,
                                           const std::vector<std::string>& known) const;
  std::string pointer(std::string_view name) const;

 private:
  const nlohmann::ordered_json* find(std::string_view name) const;
  struct Given {
    std::string name, pointer;
    const nlohmann::ordered_json* value;
  };
  std::string at_;
  std::vector<Given> given_;
  Notes& notes_;
};

// All batuta.* names, one a line, for the docs' test: "batuta.mode (table)".
std::vector<std::string> custom_property_names();

Source read_source(const nlohmann::ordered_json& contract, const std::string& server_name,
                   const std::string& server_pointer, const Table& table,
                   const std::string& physical_name, Notes& notes);

// Why a row is rejected is told by names with commas between.
bool fit_for_a_reason(const std::string& name);
inline constexpr const char* reason_needed = "a reason's name is 1 to 100 letters, digits or '_'";

// batuta.mask and batuta.readMask of a column whose type is known.
void read_masks(const CustomProperties& own, Column& column, Notes& notes);

// `column`: of a property, nullptr for those of the table. `domain`: the contract's, may be empty.
void read_quality(const nlohmann::ordered_json& list, const std::string& at, const Column* column,
                  const std::string& domain, Table& table, Notes& notes);
// The expected number or numbers, mustBe… of `item`. False, with a problem, where there is none:
// what is compared is a number, so that is what must stand there.
bool has_operator(const nlohmann::ordered_json& item);
bool read_operator(const nlohmann::ordered_json& item, const std::string& at, QualityCheck& check,
                   Notes& notes);
void read_severity(const nlohmann::ordered_json& item, const std::string& at, QualityCheck& check,
                   Notes& notes);
// With a number behind its name where the table has a rule of that name.
void add_check(QualityCheck check, Table& table);

// Values that must stand in another table: a rule of the engine batuta whose implementation says
// which, and the standard's relationships.
void read_reference_rule(const nlohmann::ordered_json& item, const std::string& at,
                         const Column* column, const std::string& domain, Table& table,
                         Notes& notes);
void read_relationships(const nlohmann::ordered_json& list, const std::string& at,
                        const Column* column, const std::string& domain, Table& table,
                        Notes& notes);

// batuta.retention of a table whose columns are known.
Retention read_retention(const nlohmann::ordered_json& contract, const CustomProperties& own,
                         const Table& table, Notes& notes);

// A table of schema/N.
Table read_table(const nlohmann::ordered_json& contract, std::size_t index, Notes& notes);
// A name that domain and table may have, for they are folders of the lake.
bool fit_for_a_folder(const std::string& name);

}  // namespace batuta::contract
