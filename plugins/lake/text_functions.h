// SQL functions over raw text, so that bronze text becomes silver values exactly:
//   batuta_price(VARCHAR)   -> DECIMAL(18,6)  parse_decimal, half-even; NULL when not a number
//   batuta_whole(VARCHAR)   -> BIGINT         parse_whole; NULL when not a whole number
//   batuta_instant(VARCHAR) -> TIMESTAMPTZ    parse_iso of common/time.h; NULL when not an instant
#pragma once

#include "plugins/lake/duckdb_api.h"

namespace batuta::lake {

bool register_text_functions(const DuckdbApi& api, duckdb_connection connection);

}  // namespace batuta::lake
