// Names inside the lake: table names, data file paths and their URI form in the log.
#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta::lakelog {

// "silver/financial/quotes": two to six ids joined by '/', none of them starting with '_' or '.'.
bool valid_table_name(std::string_view name);

// What to say of a name that is not valid, and how tables are named.
std::string no_table_name(std::string_view name);

// A name as a person writes it: SQL's "silver.financial.quotes" becomes "silver/financial/quotes";
// everything else stays, valid or not.
std::string table_name_of(std::string_view written);

// A key of the storage (see there), below the table, and not inside _delta_log.
bool valid_data_path(std::string_view path);

// Delta keeps data file paths URI-encoded in its log. Everything but unreserved characters, '/' and
// '=' is escaped, so that every reader decodes to the same bytes.
std::string uri_encode(std::string_view path);
// Errc::malformed for a cut or non-hexadecimal escape.
Result<std::string> uri_decode(std::string_view text);

}  // namespace batuta::lakelog
