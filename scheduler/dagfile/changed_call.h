// changed_partitions('silver/brokerage/orders') between the braces of a model's template: a list
// that the attempt finds in the table's log, not a value of the run.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta {

struct ChangedCall {
  std::string table;
  std::string column;  // empty: the only one that the table is partitioned by
};

// `text`: what stands between the braces, blanks included. nullopt for another expression;
// Errc::invalid where it calls changed_partitions, or something like it, and not as it is written.
std::optional<Result<ChangedCall>> changed_call(std::string_view text);

// Whether it is <layer>/<domain>/<table> of letters, digits, '_' and '-'.
bool is_table_name(std::string_view name);

}  // namespace batuta
