#include "scheduler/engine/broker_reports.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "scheduler/core/states.h"

namespace batuta {
namespace {

constexpr const char* broker_errors = "broker_errors";
constexpr JsonLimits broker_report_limits{64 << 20, 70, 4'000'000, 64 << 20};

bool is_under_way(const StoredRun& run, const AttemptKey& key) {
  const auto i = run.has_rows() ? run.find(key.task, key.map_index) : std::nullopt;
  if (!i) return false;
  const InstanceHot& hot = run.hot[place_of(*i)];
  return hot.fence == key.fence && !is_terminal(hot.state);
}

}  // namespace

std::string take_broker_errors(const StoredRun& run, Finished& report) {
  if (report.extra_json.find("\"broker_errors\"") == std::string::npos) return {};
  auto told = parse_untrusted(report.extra_json, broker_report_limits);
  if (!told || !told->is_object()) return {};
  const auto list = told->find(broker_errors);
  if (list == told->end()) return {};
  const std::string text = is_under_way(run, report.key) ? json_text(*list) : std::string();
  told->erase(list);
  report.extra_json = told->empty() ? std::string() : json_text(*told);
  return text;
}

}  // namespace batuta
