#include "scheduler/api/lake_trust.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace batuta::http {

using nlohmann::json;

namespace {

enum class Verdict : std::uint8_t { holds, unknown, doubtful, broken };

constexpr std::string_view verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::holds:
      return "holds";
    case Verdict::unknown:
      return "unknown";
    case Verdict::doubtful:
      return "doubtful";
    case Verdict::broken:
      break;
  }
  return "broken";
}

struct TrustReason {
  std::string_view subject;
  Verdict verdict = Verdict::unknown;
  std::string message;
  std::vector<std::string> names = {};  // of the rules or columns that it is about
};

TrustReason freshness_of(const std::optional<bool>& is_fresh) {
  if (!is_fresh) return {"fresh", Verdict::unknown, "no contract says how old it may be"};
  if (*is_fresh) return {"fresh", Verdict::holds, "it is as young as its contract asks"};
  return {"fresh", Verdict::broken, "its newest version is older than its contract allows"};
}

TrustReason quality_of(const TableQuality* told) {
  if (told == nullptr) return {"quality", Verdict::unknown, "no attempt told of its quality"};
  const std::size_t blocking = told->broken_blocking.size(),
                    broken = blocking + told->broken_warning.size();
  const std::string of_all = " of " + std::to_string(told->rules) + " rules";
  if (broken == 0)
    return {"quality", Verdict::holds, "the newest attempt kept all" + of_all.substr(3)};
  std::vector<std::string> names = told->broken_blocking;
  names.insert(names.end(), told->broken_warning.begin(), told->broken_warning.end());
  std::string message = "the newest attempt broke " + std::to_string(broken) + of_all;
  if (blocking > 0) message += ", " + std::to_string(blocking) + " of them blocking";
  return {"quality", blocking > 0 ? Verdict::broken : Verdict::doubtful, std::move(message),
          std::move(names)};
}

// The columns that a silver table always has; of other layers only those that must be there. What
// was extracted has the source's columns, and no promise of its own.
TrustReason contract_of(const LakeName& name, const LakeSummary& summary,
                        const TableContract* contract) {
  if (contract == nullptr)
    return {"contract", Verdict::unknown, "no task names a contract of this table"};
  std::vector<std::string> missing;
  bool must_be_there = false;
  const auto look = [&](const std::vector<contract::Column>& columns, bool all) {
    for (const contract::Column& column : columns) {
      const bool needed = column.required || column.key_position > 0;
      if (!all && !needed) continue;
      if (std::find(summary.columns.begin(), summary.columns.end(), column.name) !=
          summary.columns.end())
        continue;
      missing.push_back(column.name);
      must_be_there = must_be_there || needed;
    }
  };
  if (name.layer == "silver" || name.layer == "gold") {
    look(contract->table.columns, name.layer == "silver");
    look(contract->table.computed, name.layer == "silver");
  }
  const std::string whose = contract->name + ", version " + contract->contract.version;
  if (missing.empty())
    return {"contract", Verdict::holds, "it has the columns of its contract " + whose};
  return {"contract", must_be_there ? Verdict::broken : Verdict::doubtful,
          "it lacks columns of its contract " + whose, std::move(missing)};
}

std::string_view badge_of(const std::vector<TrustReason>& reasons) {
  Verdict worst = Verdict::holds;
  for (const TrustReason& one : reasons) worst = std::max(worst, one.verdict);
  switch (worst) {
    case Verdict::holds:
      return "trusted";
    case Verdict::unknown:
      return "unproven";
    case Verdict::doubtful:
      return "doubtful";
    case Verdict::broken:
      break;
  }
  return "broken";
}

}  // namespace

std::shared_ptr<const QualityByTable> LakeTrust::quality(History& history) {
  ReportMark since;
  std::shared_ptr<const QualityByTable> told;
  {
    const std::lock_guard lock(mutex_);
    since = mark_;
    told = told_;
  }
  QualityNews news = history.quality_news(since);
  if (news.mark == since) return told;
  auto next =
      news.anew ? std::make_shared<QualityByTable>() : std::make_shared<QualityByTable>(*told);
  for (TableQuality& one : news.tables) {
    std::string table = one.table;
    next->insert_or_assign(std::move(table), std::move(one));
  }
  const std::lock_guard lock(mutex_);
  // Whoever was quicker has read the same, or more.
  if (mark_ == since) {
    mark_ = news.mark;
    told_ = next;
  }
  return next;
}

json trust_json(const LakeName& name, const LakeSummary& summary, const TableContract* contract,
                const std::optional<bool>& is_fresh, const TableQuality* quality) {
  std::vector<TrustReason> reasons;
  if (!summary.problem.empty()) {
    reasons.push_back({"log", Verdict::broken, "its log cannot be read"});
  } else {
    reasons.push_back(freshness_of(is_fresh));
    reasons.push_back(quality_of(quality));
    reasons.push_back(contract_of(name, summary, contract));
  }
  json told = json::array();
  for (const TrustReason& one : reasons)
    told.push_back({{"subject", one.subject},
                    {"verdict", verdict_name(one.verdict)},
                    {"message", one.message},
                    {"names", one.names}});
  return {{"badge", badge_of(reasons)}, {"reasons", std::move(told)}};
}

}  // namespace batuta::http
