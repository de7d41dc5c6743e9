// monitors/<domain>.json of every bundle, beside its DAG folder: what the DAG lake_monitors judges.
// No threads: the watcher calls it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"
#include "scheduler/dagfile/folder.h"

namespace batuta {

// What stands in the text of a DAG that comes with the server where these go: a JSON text.
inline constexpr std::string_view built_in_monitors = "\"(the monitors beside the DAG folders)\"";
// Of all files together: they travel with each run's launch.
inline constexpr std::size_t max_monitor_bytes = 1 << 20;

class MonitorFiles {
 public:
  struct Place {
    std::string bundle;
    std::string folder;    // of its monitors; need not be there
    bool missing = false;  // the whole bundle is away: what it held stays
  };
  // Reads what changed since the last call. A file that is wrong is told, and stays as it last was;
  // a domain has the file of one bundle. True: json() or errors() are others than before.
  bool scan(const std::vector<Place>& places, Time now);
  // A file was written so short before that another write could look the same: scan again soon.
  bool unsettled() const { return unsettled_; }

  // {"bank": {"monitors":[…]},…}; empty when there are none.
  const std::string& json() const { return json_; }
  // By file, as people see it: "risk://monitors/bank.json".
  const std::map<std::string, std::string>& errors() const { return errors_; }

 private:
  struct Kept {
    FileStamp stamp;
    std::string text;   // as it was last good; empty: it never was
    std::string error;  // of the newest; empty when it is good
  };
  void read(const Place& place, Time now, std::set<std::string>& present);
  void take(Kept& kept, const Place& place, const FoundFile& found);
  void put_together();

  std::map<std::string, Kept> kept_;  // by file
  std::string json_;
  std::map<std::string, std::string> errors_;
  bool unsettled_ = false;
};

}  // namespace batuta
