// The rows of one table, asked for by columns, conditions and an order instead of by SQL: one
// SELECT whose values are bound.
#pragma once

#include <string>
#include <vector>

#include "plugins/lake/session.h"

namespace batuta::lake {

struct ColumnQuery {
  std::vector<std::string> columns;  // empty: all, in the table's order
  // All must hold: a column, an operator (= != < <= > >= like, is null, is not null) and a value,
  // which is taken as it stands to its end: "amount >= 10", "\"net price\" is null".
  std::vector<std::string> where;
  std::vector<std::string> order_by;  // "-day": from the greatest; NULL comes last either way
};
inline constexpr std::size_t max_conditions = 32;

// Of a table, as it is shown to whoever asks.
struct ShownColumn {
  std::string name;
  std::string type;     // in the table, as lakelog::Column has it
  bool masked = false;  // another value is shown in the place of its own
};

struct BoundSelect {
  std::string sql;
  std::vector<Param> params;
  std::vector<std::string> columns;  // that it gives
};

// Of the view `view`, which has `columns`. Rows come in the table's order; with an order_by, those
// that are alike in it are ordered by all that is shown bare of them, so that pages neither overlap
// nor leave out a row. A masked column, which is another one each time, orders and chooses nothing.
// Throws plugin::FinalError for a column that is not there or stands twice, for a condition that is
// none, and for a value that is none of its column's type: nothing is rounded.
BoundSelect bound_select(Session& session, const std::string& view,
                         const std::vector<ShownColumn>& columns, const ColumnQuery& query);

}  // namespace batuta::lake
