#include "plugins/lake/layer/version_metrics.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/layer/history.h"

namespace batuta::lake {
namespace {

constexpr std::size_t most_of_column_lineage = std::size_t{32} << 10;

// As SQL models write it (plugins/models/column_lineage.h).
constexpr const char* too_long_lineage = R"({"*":{"unknown":"it is too long to be kept"}})";

}  // namespace

bool lineage_fits(const std::string& column_lineage) {
  return column_lineage.size() <= most_of_column_lineage;
}

std::string version_metrics(const std::string& counts_json, const TransformSpec& spec,
                            const std::string& column_lineage) {
  nlohmann::json metrics = nlohmann::json::object();
  for (const std::string& text : {counts_json, spec.metrics_json})
    if (const auto told = parse_untrusted(text.empty() ? "{}" : text); told && told->is_object())
      metrics.update(*told);
  if (!column_lineage.empty())
    metrics["column_lineage"] = lineage_fits(column_lineage) ? column_lineage : too_long_lineage;
  return json_text(metrics);
}

std::string history_lineage(const TransformSpec& spec) {
  if (spec.column_lineage_json.empty()) return {};
  nlohmann::json out = nlohmann::json::object();
  for (const lakelog::Column& column : spec.target.columns)
    out[column.name]["from"] =
        nlohmann::json::array({nlohmann::json::array({spec.target.name, column.name})});
  for (const char* own : history_columns)
    out[own]["unknown"] = "the history works it out of the whole row";
  return json_text(out);
}

}  // namespace batuta::lake
