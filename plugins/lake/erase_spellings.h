// Of which texts bronze has a person, where silver has only pseudonyms of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/lake/session.h"
#include "stores/lake.h"

namespace batuta::lake {

// How many texts the rows of a bronze table that name the person by this column would be pseudonyms
// of, and that are not among `given`: each as it was sent, without blanks around it, and as
// silver's type (Delta's; empty: a text) writes it. 0 where there is no such column. Throws
// SqlError, and plugin::FinalError for a table that cannot be read.
std::int64_t other_spellings(Session& session, const stores::Lake& lake, const std::string& table,
                             const std::string& column, const std::string& type,
                             const std::vector<std::string>& given);

}  // namespace batuta::lake
