// The last hour of metrics in memory, minute by minute: for a look at the page, not instead of
// Prometheus.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/time.h"
#include "scheduler/api/metrics.h"

namespace batuta::http {

// Any thread.
class MetricHistory {
 public:
  static constexpr std::size_t most_points = 61;   // of an hour, both ends included
  static constexpr std::size_t most_series = 200;  // there are some fifty
  static constexpr std::chrono::minutes pace{1};

  // Of those without labels, so that no DAG and no worker is told of, and a point stays small. A
  // point that is not younger than the last by half of the pace is left out.
  void add(Time at, const std::vector<MetricFamily>& families);

  // {"seconds","times","series":[{"name","type","values"}…]}; a value that was not there is null.
  nlohmann::json told() const;

 private:
  struct Point {
    Time at;
    std::map<std::string, double> values;
  };
  mutable std::mutex mutex_;
  std::deque<Point> points_;                  // guarded by mutex_
  std::map<std::string, std::string> types_;  // by name; guarded by mutex_
};

}  // namespace batuta::http
