#include "plugins/lake/state_hash.h"

#include <algorithm>

#include "plugins/lake/session.h"

namespace batuta::lake {

std::string state_hash_sql(std::vector<std::pair<std::string, std::string>> columns) {
  std::sort(columns.begin(), columns.end());
  std::string texts;
  for (const auto& [name, value] : columns) {
    const std::string text = "CAST(" + value + " AS VARCHAR)";
    texts += ", " + quoted_literal(name) + " || ':' || length(" + text + ") || ':' || " + text;
  }
  return "unhex(sha256(concat_ws(','" + (texts.empty() ? ", ''" : texts) + ")))";
}

}  // namespace batuta::lake
