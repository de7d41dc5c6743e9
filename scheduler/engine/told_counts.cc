#include "scheduler/engine/told_counts.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/safe_json.h"
#include "common/store_requests.h"
#include "scheduler/core/states.h"

namespace batuta {
namespace {

constexpr const char* broker_errors = "broker_errors";
constexpr JsonLimits told_counts_limits{64 << 20, 70, 4'000'000, 64 << 20};

bool is_under_way(const StoredRun& run, const AttemptKey& key) {
  const auto i = run.has_rows() ? run.find(key.task, key.map_index) : std::nullopt;
  if (!i) return false;
  const InstanceHot& hot = run.hot[place_of(*i)];
  return hot.fence == key.fence && !is_terminal(hot.state);
}

}  // namespace

std::string take_told_counts(const StoredRun& run, Finished& report) {
  const auto mentions = [&](const std::string& list) {
    return report.extra_json.find("\"" + list + "\"") != std::string::npos;
  };
  if (!mentions(broker_errors) && !mentions(told_store_requests)) return {};
  auto told = parse_untrusted(report.extra_json, told_counts_limits);
  if (!told || !told->is_object()) return {};
  const bool counts = is_under_way(run, report.key);
  const auto take = [&](const char* name) {
    const auto list = told->find(name);
    if (list == told->end()) return std::string();
    std::string text = counts ? json_text(*list) : std::string();
    told->erase(list);
    return text;
  };
  std::string met = take(broker_errors);
  for (StoreRequestCount& one : read_store_requests(take(told_store_requests)))
    store_requests().add(std::move(one.of), one.times);
  report.extra_json = told->empty() ? std::string() : json_text(*told);
  return met;
}

}  // namespace batuta
