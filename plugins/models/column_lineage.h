// Which columns of its inputs each column of a model comes of, read from the parsed statement:
// through WITH, joins, `*`, expressions, unions and subqueries.
//
// A column comes of the columns that its expression names, conditions of a CASE and the order of a
// window among them. What decides which rows there are (WHERE, ON, GROUP BY) is no lineage of a
// column. What cannot be told is unknown, with the reason, and never a guess.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "plugins/lake/session.h"

namespace batuta::models {

struct ColumnOrigin {
  std::string name;                                    // empty: none that the statement says
  std::set<std::pair<std::string, std::string>> from;  // table, column; none: of no input
  std::string unknown;  // why it cannot be told; `from` is then empty
};

// The columns of `sql`, which check_model_select() has looked at, in their order. `columns`: of
// each table that it may name, in their order. `names`: of the result, as the engine has them:
// where they are not those of the statement, all are unknown.
std::vector<ColumnOrigin> column_lineage(
    lake::Session& session, const std::string& sql,
    const std::map<std::string, std::vector<std::string>>& columns,
    const std::vector<std::string>& names);

// {"n": {"from": [["silver/shop/orders", "quantity"]…]}, "at": {"unknown": "…"}…}
nlohmann::json column_lineage_json(const std::vector<ColumnOrigin>& columns);

}  // namespace batuta::models
