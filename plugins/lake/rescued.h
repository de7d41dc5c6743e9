// Bronze of a source with types: columns hold the source's values as they are, and what a later
// file has of another type stands, as text, in one column beside them.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lakelog/action.h"

namespace batuta::lake {

// A JSON object of the row's texts by column: of those columns that are NULL because their value is
// none of the column's type. NULL where every value fits.
inline constexpr const char* rescued_column = "_rescued_data";

// SQL: the text of what the source sent for a typed column, in a table with a rescued_column.
// `prefix`: what stands before the columns' names, such as "s.".
std::string sent_text_sql(const std::string& column, const std::string& prefix = {});

// SQL: the text alone of what was no value of the column's type; NULL where there was none.
std::string rescued_text_sql(const std::string& column, const std::string& prefix = {});

// SQL, a select list without its end: `names` out of columns of that name that are texts, as
// `columns` has them. What is typed there is NULL, and its text goes to rescued_column, which is
// the list's last where `columns` has it; but those of `typed`, whose texts say values of the type
// that the column has: they are these values, and a text that says none goes the way of the others.
//
// `read`: those of `typed` that are columns of their type already. Beside each stands a text of
// the name undecided_column(): where that is not NULL, it is the text that counts.
std::string from_texts_sql(const std::vector<std::string>& names,
                           const std::vector<lakelog::Column>& columns,
                           const std::set<std::string>& typed = {},
                           const std::set<std::string>& read = {});
std::string undecided_column(const std::string& name);

// SQL: the value of a column's type that a text says as programs write it; NULL of any other text,
// and of one that the engine would round, or read as something else than it says.
std::string text_value_sql(const std::string& type, const std::string& text);

// What a rescued_column holds: SQL out of pairs of a column and the SQL of its text, which is no
// value of the column's type; NULL where all of them are.
std::string rescued_sql(const std::vector<std::pair<std::string, std::string>>& texts);

// The type of the column of that name; empty: there is none.
std::string column_type(const std::vector<lakelog::Column>& columns, const std::string& name);

}  // namespace batuta::lake
