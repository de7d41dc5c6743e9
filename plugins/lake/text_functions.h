// SQL functions over raw text, so that bronze text becomes silver values exactly:
//   batuta_decimal_<scale>(VARCHAR) -> DECIMAL(18,scale)  parse_decimal, half-even; NULL when not a
//                                                         number; of every scale from 0 to 18
//   batuta_price(VARCHAR)   -> DECIMAL(18,6)  the same of six digits
//   batuta_whole(VARCHAR)   -> BIGINT         parse_whole; NULL when not a whole number
//   batuta_instant(VARCHAR) -> TIMESTAMPTZ    parse_iso of common/time.h; NULL when not an instant
//   batuta_full_instant(VARCHAR) -> TIMESTAMPTZ  the same of more than ten characters, where it is
//   of
//                                             the years 0001 to 9999 in UTC
//   batuta_long_number(VARCHAR) -> BOOLEAN    whether it may hold a number of more digits than a
//                                             double keeps: a digit, and 15 or more of [0-9.eE+-]
//                                             right behind it
//   batuta_tidy(VARCHAR)    -> BOOLEAN     true: trim() has nothing to take from it (it has not
//                                          for some of the others either)
//   batuta_blank(VARCHAR)   -> BOOLEAN     whether trim() leaves nothing of it
//   batuta_sha256(VARCHAR)  -> BLOB        unhex(sha256()), much faster
#pragma once

#include <optional>
#include <string>

#include "plugins/lake/duckdb_api.h"

namespace batuta::lake {

inline constexpr int most_exact_digits = 18;

// The function's name.
std::string decimal_function(int scale);
// Of "decimal(p,s)" with at most so many digits the scale: its texts are rounded half-even.
std::optional<int> exact_decimal_scale(const std::string& delta_type);

bool register_text_functions(const DuckdbApi& api, duckdb_connection connection);

}  // namespace batuta::lake
