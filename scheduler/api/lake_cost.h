// What a data domain holds and what it took to make it, day by day: of the lake's logs and of the
// history of tries. Adds what it is told of; pure. Private to the room.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/api/lake_catalogue.h"

namespace batuta::http {

// The most days that are looked back.
inline constexpr int max_cost_days = 366;

class DomainCost {
 public:
  // From the day of `since` to that of `now`, in UTC; at most max_cost_days and one.
  DomainCost(Time since, Time now);

  // What is not known of a table (a file without statistics) counts as 0, and the table is named in
  // `unknown`.
  void add_table(const LakeName& name, const LakeSummary& summary);
  // Its newest versions, the newest first; `all`: its log has no older ones. Whose tasks wrote them
  // are writers; how large it was at each day's end.
  void add_versions(const std::vector<LakeVersion>& versions, bool all);
  // {DAG, task} of the versions that were added.
  const std::set<std::pair<std::string, std::string>>& writers() const { return writers_; }
  // Versions since `since` were not looked at, or are not in their log any more: tasks may have
  // written them that are no writers here.
  bool has_untold_writers() const { return has_untold_writers_; }
  // One of another task, or that began before `since` or never, counts for nothing.
  void add_try(const TaskInstanceView& one);

  // As LakeCost of the OpenAPI document, without domain, more and hidden.
  nlohmann::json report() const;

 private:
  struct Stored {
    std::int64_t tables = 0, rows = 0, bytes = 0, files = 0;
  };
  struct Work {
    std::set<RunSeq> runs;
    std::int64_t attempts = 0, failed = 0, peak_kib = 0, read_bytes = 0, unmeasured = 0;
    Duration busy{}, cpu{};
    void add(const TaskInstanceRow& row, Time now);
    nlohmann::json json() const;
  };
  const Time since_, now_;
  std::map<std::string, Stored> stored_;                          // by layer
  std::map<std::string, Work> work_;                              // by DAG
  std::map<std::string, Work> days_;                              // by day
  std::map<std::string, std::optional<std::int64_t>> stored_at_;  // by day, at its end
  Work all_;
  std::set<std::pair<std::string, std::string>> writers_;
  std::set<std::string> unknown_;
  bool has_untold_writers_ = false;
};

}  // namespace batuta::http
