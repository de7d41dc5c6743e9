#include "scheduler/api/metric_history.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace batuta::http {

using nlohmann::json;

void MetricHistory::add(Time at, const std::vector<MetricFamily>& families) {
  Point point{at, {}};
  std::map<std::string, std::string> types;
  for (const MetricFamily& family : families) {
    for (const MetricSample& sample : family.samples) {
      if (!sample.labels.empty() || point.values.size() == most_series) continue;
      point.values[sample.name] = sample.value;
      types[sample.name] = family.type;
    }
  }
  const std::lock_guard lock(mutex_);
  if (!points_.empty() && at < points_.back().at) points_.clear();  // the clock was set back
  if (!points_.empty() && at - points_.back().at < std::chrono::seconds(pace) / 2) return;
  points_.push_back(std::move(point));
  types_ = std::move(types);
  while (points_.size() > most_points || points_.front().at + pace * most_points < at)
    points_.pop_front();
}

json MetricHistory::told() const {
  json times = json::array(), series = json::array();
  const std::lock_guard lock(mutex_);
  for (const Point& point : points_) times.push_back(to_iso(point.at));
  for (const auto& [name, type] : types_) {
    json values = json::array();
    for (const Point& point : points_) {
      const auto at = point.values.find(name);
      values.push_back(at == point.values.end() ? json() : json(at->second));
    }
    series.push_back({{"name", name}, {"type", type}, {"values", std::move(values)}});
  }
  return {{"seconds", std::chrono::seconds(pace).count()},
          {"times", std::move(times)},
          {"series", std::move(series)}};
}

}  // namespace batuta::http
