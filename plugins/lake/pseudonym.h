// Pseudonyms, as silver has them in the place of values (batuta.mask: pseudonym): the HMAC-SHA-256,
// in hex, of a value's text.
#pragma once

#include <string>

#include "plugins/lake/session.h"

namespace batuta::lake {

inline constexpr std::size_t least_pseudonym_key = 16;  // bytes

// Makes the key known to the session under a name, an identifier. It goes to the engine as a bound
// value, never as part of a statement.
void set_pseudonym_key(Session& session, const std::string& name, std::string key);

// SQL: the pseudonym of a text expression by the key of that name; NULL stays NULL.
std::string pseudonym_sql(const std::string& text, const std::string& name);

}  // namespace batuta::lake
