// What is known of each DAG file, and the snapshot that follows from it. No threads, no clock: the
// watcher (dag_bag.cc) calls it, tests call it directly.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/dagfile/dag_bag.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/dagfile/folder.h"
#include "scheduler/dagfile/monitor_files.h"

namespace batuta {

class BagState {
 public:
  // `contracts`: the folder of contracts; empty: beside the DAG folder.
  explicit BagState(std::string folder, std::string contracts = {});

  struct Update {
    std::shared_ptr<const DagBagSnapshot> snapshot;  // null when nothing changed
    std::vector<std::shared_ptr<const Dag>> changed;
    std::vector<std::string> gone;
    std::vector<std::string> folders;    // to watch, relative to the DAG folder
    std::vector<std::string> outside;    // to watch, as they are named: contracts, other bundles
    std::optional<Duration> look_again;  // a file may still be in the writing
  };
  // Lists the folder, reads and parses what changed since the last call.
  Update scan(Time now);

  // Versions of an earlier life stand for their files until these are read, and for as long as what
  // is read is broken. Before the first scan.
  void set_known(std::vector<std::shared_ptr<const Dag>> known);
  // As in DagBag. One that names built_in_monitors is given the monitors that lie beside the DAG
  // folders in its place, and is there only when there are any. Before the first scan.
  void set_built_in(std::vector<std::pair<std::string, std::string>> files);
  // Both make the next scan parse everything again, or at least renew the warnings.
  void set_catalogue(std::vector<PluginInfo> catalogue);
  void set_pools(std::vector<std::pair<std::string, int>> pools);
  // As the bag's.
  void set_bundles(std::vector<BundleFolder> bundles);
  void set_bundles_folder(std::string folder);

 private:
  struct Root {
    BundleFolder at;
    bool missing = false;
  };
  struct Entry {
    FileStamp stamp;
    // Files the DAG names: path, digest; those of contracts in their own folder.
    std::vector<std::pair<std::string, std::string>> named, contracts;
    std::string text_digest;
    std::shared_ptr<const Dag> dag;  // last good version
    Time parsed_at{};
    std::vector<std::string> unknown_plugins;  // of that version
    std::string error;                         // of the newest text; empty when it is good
    bool settled = false;                      // cannot change again under the same stamp
    bool checked = false;                      // parsed against the current catalogue
    bool remembered = false;                   // `dag` is of an earlier life
  };
  void refresh_monitors(Time now, std::set<std::string>& outside, Update& update);
  void refresh_built_in(Time now, std::set<std::string>& present, Update& update);
  std::vector<Root> find_roots(std::set<std::string>& outside);
  void read_root(Root& root, Time now, std::set<std::string>& present,
                 std::set<std::string>& outside, Update& update);
  void refresh(const Root& root, const std::string& key, const FoundFile& found, Time now,
               Update& update);
  void take(const Root& root, Entry& entry, const std::string& key, const FoundFile& found,
            const std::string& text, Time now, Update& update);
  static bool named_files_changed(const Root& root, const Entry& entry);
  static void watch_named(const Root& root, const Entry& entry, std::set<std::string>& outside);
  void set_error(Entry& entry, std::string message);
  void assign_owners();
  std::shared_ptr<DagBagSnapshot> build(Time now);
  void add_error(DagBagSnapshot& snapshot, const std::string& file, const std::string& message,
                 Time now);
  void add_warnings(DagBagSnapshot& snapshot, const Entry& entry, Time now) const;

  BundleFolder default_;
  std::vector<BundleFolder> bundles_;  // that were named
  std::string bundles_folder_;
  std::vector<Root> roots_;               // as of the last scan, the default one first
  std::map<std::string, Entry> entries_;  // by path, with its bundle
  std::vector<std::pair<std::string, std::string>> built_in_;  // path, text
  MonitorFiles monitors_;
  std::vector<PluginInfo> catalogue_;
  std::optional<std::vector<std::pair<std::string, int>>> pools_;
  std::map<std::string, std::string> folder_errors_;  // by file_in_bundle(name, ""), or a place
  bool default_seen_ = false;
  std::map<std::pair<std::string, std::string>, ImportError> standing_;  // (file, message)
  std::int64_t next_error_id_ = 1;
  std::shared_ptr<const DagBagSnapshot> last_;
  std::map<std::string, std::string> owners_;  // path by DAG id: a newcomer takes nothing over
  std::vector<std::string> known_ids_;         // DAGs of an earlier life, until the folder was read
  bool dirty_ = true;
};

}  // namespace batuta
