#include "plugins/contract/references.h"

#include <algorithm>
#include <vector>

#include "plugins/contract/masks.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/delta_table.h"

namespace batuta::from_contract {
namespace {

using contract::Metric;
using contract::QualityCheck;
using lake::quoted_name;

constexpr const char* other_rows = "batuta_other_rows";

// The first rule that reads the same columns of the same table: its values are all of theirs.
std::size_t first_alike(const contract::Table& table, std::size_t check) {
  const QualityCheck& wanted = table.quality[check];
  for (std::size_t i = 0; i < check; ++i) {
    const QualityCheck& each = table.quality[i];
    if (each.metric == Metric::referential && each.other_table == wanted.other_table &&
        each.other_columns == wanted.other_columns)
      return i;
  }
  return check;
}

std::string known_values(std::size_t check) {
  return "batuta_known_" + std::to_string(check);
}

// As silver holds it.
std::string looked_up(const contract::Column& column) {
  const std::string stored = stored_sql(column);
  return stored.empty() ? quoted_name("new_" + column.name) : stored;
}

bool is_exact_number(const std::string& type) {
  return type == "byte" || type == "short" || type == "integer" || type == "long" ||
         type.starts_with("decimal(");
}

// The engine compares exact numbers of any width, and everything else with its like alone.
bool comparable(const std::string& one, const std::string& other) {
  return one == other || (is_exact_number(one) && is_exact_number(other));
}

void check_types(const contract::Table& table, const QualityCheck& check,
                 const std::vector<lakelog::Column>& others) {
  for (std::size_t i = 0; i < check.columns.size(); ++i) {
    const std::string type = stored_type(*table.column(check.columns[i]));
    if (comparable(type, others[i].type)) continue;
    throw plugin::FinalError("quality rule " + check.name + ": " + check.columns[i] + " is " +
                             type + ", and " + others[i].name + " of silver/" + check.other_table +
                             " is " + others[i].type +
                             ": give both the same type, and the same mask");
  }
}

std::vector<lakelog::Column> columns_of_other(const QualityCheck& check,
                                              const lakelog::Metadata& other) {
  std::vector<lakelog::Column> out;
  for (const std::string& name : check.other_columns) {
    const auto found =
        std::find_if(other.columns.begin(), other.columns.end(),
                     [&](const lakelog::Column& column) { return column.name == name; });
    if (found == other.columns.end())
      throw plugin::FinalError("quality rule " + check.name + ": silver/" + check.other_table +
                               " has no column " + name);
    out.push_back(*found);
  }
  return out;
}

lake::DeltaTable open_other(const plugin::Context& context, lake::Session& session,
                            const Described& described, const QualityCheck& check) {
  if (check.other_table == described.path)
    throw plugin::FinalError("quality rule " + check.name +
                             " looks values up in the table itself, whose rows come with them: "
                             "that is not carried out");
  auto other =
      lake::DeltaTable::open(session, lake::lake_folder(context), "silver/" + check.other_table);
  if (other.exists()) return other;
  throw plugin::RetryableError("quality rule " + check.name + ": there is no table silver/" +
                               check.other_table +
                               ", in which values are looked up: let the task that makes it run "
                               "before this one (depends_on), or take the rule out");
}

// One scan of these columns alone.
void read_known(lake::Session& session, const lake::DeltaTable& other,
                const std::vector<lakelog::Column>& columns, const std::string& into) {
  const auto& partitions = other.snapshot().metadata.partition_columns;
  std::vector<std::string> parts;
  std::string selected, given;
  std::vector<lakelog::Column> distinct;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const std::string name = quoted_name(columns[i].name);
    selected += (i == 0 ? "" : ", ") + name + " AS v" + std::to_string(i);
    given += (i == 0 ? "" : " AND ") + name + " IS NOT NULL";
    if (std::find(distinct.begin(), distinct.end(), columns[i]) != distinct.end()) continue;
    distinct.push_back(columns[i]);
    if (std::find(partitions.begin(), partitions.end(), columns[i].name) != partitions.end())
      parts.push_back(columns[i].name);
  }
  lake::create_view(session, other_rows, other, distinct, parts,
                    other.files([](const lakelog::AddFile&) { return true; }));
  session.run("CREATE OR REPLACE TEMP TABLE " + into + " AS SELECT DISTINCT " + selected +
              " FROM " + other_rows + " WHERE " + given);
  session.run("DROP VIEW " + std::string(other_rows));
}

}  // namespace

void prepare_references(const plugin::Context& context, lake::Session& session,
                        const Described& described) {
  const contract::Table& table = described.table;
  for (std::size_t i = 0; i < table.quality.size(); ++i) {
    const QualityCheck& check = table.quality[i];
    if (check.metric != Metric::referential) continue;
    const auto other = open_other(context, session, described, check);
    const auto columns = columns_of_other(check, other.snapshot().metadata);
    check_types(table, check, columns);
    if (first_alike(table, i) == i) read_known(session, other, columns, known_values(i));
  }
}

std::string reference_sql(const contract::Table& table, std::size_t check) {
  const QualityCheck& rule = table.quality[check];
  std::string given, same;
  for (std::size_t i = 0; i < rule.columns.size(); ++i) {
    const contract::Column& column = *table.column(rule.columns[i]);
    given += quoted_name("new_" + column.name) + " IS NOT NULL AND ";
    same += (i == 0 ? "k.v" : " AND k.v") + std::to_string(i) + " = " + looked_up(column);
  }
  return given + "NOT EXISTS (SELECT 1 FROM " + known_values(first_alike(table, check)) +
         " k WHERE " + same + ")";
}

}  // namespace batuta::from_contract
