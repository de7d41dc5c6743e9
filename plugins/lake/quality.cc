#include "plugins/lake/quality.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"

namespace batuta::lake {

QualityTally::QualityTally(std::string table, const std::vector<QualityRule>& rules)
    : table_(std::move(table)), rules_(rules), failed_(rules.size(), 0) {}

void QualityTally::count(Session& session, const std::string& relation,
                         const std::vector<Param>& params) {
  std::string counts = "count(*)";
  for (const QualityRule& rule : rules_) counts += ", count(*) FILTER (" + rule.failing + ")";
  const Table result = session.query("SELECT " + counts + " FROM " + relation, params);
  const auto& row = result.rows.at(0);
  counted_ = true;
  checked_ += row.at(0).integer();
  for (std::size_t i = 0; i < rules_.size(); ++i) failed_[i] += row.at(i + 1).integer();
}

bool QualityTally::broken() const {
  for (std::size_t i = 0; i < rules_.size(); ++i)
    if (rules_[i].blocking && failed_[i] > 0) return true;
  return false;
}

void QualityTally::finish(plugin::Context& context) const {
  if (!counted_) return;
  std::string broken;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    const QualityRule& rule = rules_[i];
    context.report("quality", json_text({{"table", table_},
                                         {"rule", rule.name},
                                         {"dimension", rule.dimension},
                                         {"severity", rule.blocking ? "blocking" : "warning"},
                                         {"checked", checked_},
                                         {"failed", failed_[i]},
                                         {"passed", failed_[i] == 0}}));
    if (failed_[i] == 0) continue;
    const std::string line =
        table_ + ": " + std::to_string(failed_[i]) + " rows break " + rule.name;
    context.warn(line);
    if (rule.blocking) broken += (broken.empty() ? "" : "; ") + line;
  }
  if (!broken.empty()) throw plugin::FinalError("quality: " + broken);
}

}  // namespace batuta::lake
