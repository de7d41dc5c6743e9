// mngt/platform/monitor_result: a row for every monitor and evaluation, of the newest days.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "monitor/alert.h"
#include "plugins/monitors/own_table.h"

namespace batuta::lake {

inline constexpr const char* result_table_name = "mngt/platform/monitor_result";

class ResultTable {
 public:
  ResultTable(Session& session, const Lake& lake, const std::string& info_json);

  // The columns that each schema monitor was last well with.
  std::map<std::string, monitor::Columns> baselines();
  // The same of the days before those that baselines() looks through: for a monitor that was not
  // judged for a while. It reads all that is kept.
  std::map<std::string, monitor::Columns> older_baselines();
  // Appends a row for each. `baselines`: of schema monitors, as they hold from now on.
  void append(const std::vector<monitor::Judged>& judged,
              const std::map<std::string, monitor::Columns>& baselines, const std::string& run,
              Time now);
  // Takes away whole days before `oldest` ("2026-08-01"); others' changes meanwhile put it off.
  void drop_before(const std::string& oldest);
  // The newest of each monitor, by id; and of one monitor the newest, newest first. Objects with
  // the table's columns but baseline.
  nlohmann::json newest_of_each();
  nlohmann::json newest_of(const std::string& monitor_id, std::int64_t most);
  // All that is kept of one monitor, newest first: {"results": a page of it, "total": of how many}.
  // Of that kind and target only, where they are not empty: it may have watched something else.
  nlohmann::json history_of(const std::string& monitor_id, const std::string& kind,
                            const std::string& target, std::int64_t limit, std::int64_t offset);

 private:
  // Of the last days that there are; 0: of all.
  void view_newest_days(std::size_t days);
  std::map<std::string, monitor::Columns> baselines_in_view();
  nlohmann::json rows(const std::string& sql, const std::vector<Param>& params);

  Session& session_;
  OwnTable own_;
};

}  // namespace batuta::lake
