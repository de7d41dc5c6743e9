// What a table of the lake is in PostgreSQL: types, and what may become of a table that is there.
#pragma once

#include <string>
#include <vector>

#include "lakelog/action.h"

namespace batuta::publish {

enum class Mode { swap, merge };

// A column of PostgreSQL's table, with its type as format_type() spells it.
struct TargetColumn {
  std::string name;
  std::string type;
  bool operator==(const TargetColumn&) const = default;
};

// Of a Delta type: "string" is text, "timestamp" is timestamp with time zone, a nested one jsonb.
// Throws plugin::FinalError for a type that has none.
std::string target_type(const std::string& delta_type);

// Throws plugin::FinalError for a name that PostgreSQL would cut (63 bytes) or cannot hold.
std::vector<TargetColumn> target_columns(const std::vector<lakelog::Column>& columns);
void check_name(const std::string& what, const std::string& name);

// Whether every value of `from` is one of `to`, and is not another by that.
bool widens(const std::string& from, const std::string& to);

struct ShapeChange {
  std::vector<TargetColumn> added;
  std::vector<TargetColumn> widened;  // with the new type
  std::vector<std::string> refused;   // "amount: text is there, bigint would come"
  bool empty() const { return added.empty() && widened.empty() && refused.empty(); }
};
// What columns that are there have to become, so that the wanted ones fit. What only the table has
// is left alone.
ShapeChange shape_change(const std::vector<TargetColumn>& there,
                         const std::vector<TargetColumn>& wanted);

}  // namespace batuta::publish
