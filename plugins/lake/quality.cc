#include "plugins/lake/quality.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::lake {

void check_quality(plugin::Context& context, Session& session, const std::string& table,
                   const std::string& relation, const std::vector<QualityRule>& rules) {
  std::string counts = "count(*)";
  for (const QualityRule& rule : rules)
    counts += ", count(*) FILTER (" + std::string(rule.failing) + ")";
  const Table result = session.query("SELECT " + counts + " FROM " + relation);
  const auto& row = result.rows.at(0);
  std::string broken;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const QualityRule& rule = rules[i];
    const std::int64_t failed = row.at(i + 1).integer();
    context.report("quality", json_text({{"table", table},
                                         {"rule", rule.name},
                                         {"dimension", rule.dimension},
                                         {"severity", rule.blocking ? "blocking" : "warning"},
                                         {"checked", row.at(0).integer()},
                                         {"failed", failed},
                                         {"passed", failed == 0}}));
    if (failed == 0) continue;
    const std::string line = table + ": " + std::to_string(failed) + " rows break " + rule.name;
    context.warn(line);
    if (rule.blocking) broken += (broken.empty() ? "" : "; ") + line;
  }
  if (!broken.empty()) throw plugin::FinalError("quality: " + broken);
}

}  // namespace batuta::lake
