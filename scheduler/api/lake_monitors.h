// Monitors, what they found and their alerts, as the API shows them: definitions from the DAG that
// judges them, the rest from mngt/platform/… through the plugin lake_monitors. Private to the room.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/dagfile/dag_bag.h"
#include "scheduler/rights/rights.h"

namespace batuta::http {

inline constexpr const char* monitors_dag = "lake_monitors";  // which judges them

// Of a monitor as its file says it now.
struct DefinedMonitor {
  std::string id, domain, kind, target, severity, description;
  std::string dag;  // of kind failures; of kind lag the domain
};
using DefinedMonitors = std::vector<DefinedMonitor>;  // by id

// A row that the plugin told: of monitor_result, or of alert.
struct ToldRow {
  std::string monitor_id, domain, kind, target, severity;
  std::string state;  // of a result its status
  std::int64_t alert_id = 0;
  std::shared_ptr<const nlohmann::json> row;
};
struct ToldRows {
  std::int64_t version = -1;  // of the table, at least
  std::vector<ToldRow> rows;
  bool more = false;  // there are older ones than these
};

// A monitor with what it watches: what it found of anything else before is not its history, and may
// be for other eyes.
struct MonitorSubject {
  std::string id, kind, target;
};

// Any thread. What was read is kept as long as the table has no newer version.
class LakeMonitorReads {
 public:
  using Ask = std::function<Result<std::string>(const nlohmann::json& params)>;
  enum class What : std::uint8_t { results, alerts };

  // nullptr: it must be read anew. Looks at the table's log, so that only reader threads may ask.
  Result<std::shared_ptr<const ToldRows>> known(LakeCatalogue& lake, What what);
  // Blocks on `ask`, which runs the plugin, unless they are known after all.
  Result<std::shared_ptr<const ToldRows>> read(LakeCatalogue& lake, What what, const Ask& ask);
  // A page of what one monitor found: {"results", "total"}. The last 64 that were asked for are
  // kept; nullptr and `read` as above.
  using Found = std::shared_ptr<const nlohmann::json>;
  Result<Found> known_history(LakeCatalogue& lake, const MonitorSubject& watched, const Page& page);
  Result<Found> history(LakeCatalogue& lake, const MonitorSubject& watched, const Page& page,
                        const Ask& ask);

  // Parsed again when the DAG has another version.
  std::shared_ptr<const DefinedMonitors> defined(const DagBagSnapshot& bag);

 private:
  // Of the table; -1: there is none.
  static Result<std::int64_t> version_of(LakeCatalogue& lake, What what);
  struct Page64 {
    std::string key;
    std::int64_t version = -1;
    Found found;
  };

  std::mutex mutex_;
  // All guarded by mutex_, under which nothing is read.
  std::shared_ptr<const ToldRows> results_, alerts_;
  std::list<Page64> pages_;  // what was asked for last first
  std::shared_ptr<const Dag> dag_;
  std::shared_ptr<const DefinedMonitors> defined_;
};

// Whether somebody may do that with what a monitor watches: its table's layer, or its DAG. `dag`:
// of kind failures, empty where only the target is known; then of all DAGs that it could mean. Of
// kind lag it is the domain, whose bronze the topic comes to.
bool may_watch(const Rights& rights, Action action, const std::string& kind,
               const std::string& target, const std::string& dag, const DagBagSnapshot& bag);

}  // namespace batuta::http
