// Which columns an SQL expression of a contract (batuta.value) names.
#pragma once

#include <optional>
#include <set>
#include <string>

namespace batuta::contract {

// Those of `columns` that `sql` names, as `columns` spells them: names have no case. nullopt where
// nobody can say for certain: of members, lambdas, lists.
std::optional<std::set<std::string>> columns_named(const std::string& sql,
                                                   const std::set<std::string>& columns);

}  // namespace batuta::contract
