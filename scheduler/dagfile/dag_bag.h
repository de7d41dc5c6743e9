// The DAG folder, and those of other bundles, as they are now: parsed DAGs, import errors,
// warnings. One watcher thread (inotify and a slow sweep) parses; readers share immutable
// snapshots.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/message.h"
#include "scheduler/core/dag.h"
#include "scheduler/dagfile/bundle.h"

namespace batuta {

// What the file of a DAG is called that comes with the server; no path begins so.
inline constexpr std::string_view built_in_prefix = "(built in) ";

struct ImportError {
  std::int64_t id = 0;  // stable while the error stands
  Time timestamp;
  std::string file;     // with its bundle, see bundle.h; no path: of the bundle's folder itself
  std::string message;  // "financial.json:12:7 /tasks/1/retries: must be …"
};

struct DagWarning {
  Time timestamp;
  std::string dag_id;
  std::string kind;     // "unknown plugin", "non-existent pool", "pool too small"
  std::string message;  // with a suggestion where one is near
};

struct BundleStatus {
  std::string revision;  // commit id, where it is of a Git repository
  std::string folder;    // of its DAG files
  std::size_t dags = 0;  // that it holds
  bool missing = false;  // its folder cannot be opened: what it held stays
};

struct DagBagSnapshot {
  std::map<std::string, std::shared_ptr<const Dag>, std::less<>> dags;
  std::vector<ImportError> import_errors;
  std::vector<DagWarning> warnings;
  std::map<std::string, Time, std::less<>> parsed_at;  // dag_id -> when this version was parsed
  std::map<std::string, BundleStatus, std::less<>> bundles{};  // by name
};

class DagBag {
 public:
  struct Sinks {
    // Called when the snapshot is another: new or changed DAGs, and ids gone; both are empty when
    // only import errors or warnings changed. The first call names everything and comes from
    // start()'s caller, the others from the watcher thread. Others see the snapshot when this has
    // returned, so that whoever sees a DAG may count on it having been told. Must neither block nor
    // call the bag.
    std::function<void(std::vector<std::shared_ptr<const Dag>> changed,
                       std::vector<std::string> gone)>
        changed{};
    // After that, without these bounds; what reading the files took has been freed.
    std::function<void()> settled{};
    // After every look at the folder, changed or not, without these bounds either. False: something
    // was not told; it is asked again within about a second.
    std::function<bool()> looked{};
  };
  // `contracts`: the folder of contracts; empty: contracts/ beside the DAG folder.
  DagBag(std::string folder, Sinks sinks, std::string contracts = {});
  ~DagBag();
  // Reads the folder once in the caller, then starts the watcher. A change is live within a second
  // of being saved; a file still being written (not valid, modified less than 300 ms ago) waits.
  void start();
  void stop();
  // The newest good versions of an earlier life, to be called before start(): a file that is broken
  // now keeps its version, a file that went meanwhile is told as gone.
  void set_known(std::vector<std::shared_ptr<const Dag>> known);
  // DAGs that come with the server: file name (built_in_prefix in front) and text of each. They are
  // read as files are; a file that held the id before keeps it. Before start(), or any thread.
  void set_built_in(std::vector<std::pair<std::string, std::string>> files);
  // The catalogue known to the scheduler: parameters are checked against it, names suggested from
  // it. Re-validates all. Any thread.
  void set_catalogue(std::vector<PluginInfo> catalogue);
  void set_pools(std::vector<std::pair<std::string, int>> pools);  // name, slots; for warnings
  // The bundles beside the default one, all of them. One that is named no more takes its DAGs with
  // it; one whose folder is another is read anew, and what that changes is told in one call. Before
  // start(), or any thread.
  void set_bundles(std::vector<BundleFolder> bundles);
  // Each folder in `folder` is a bundle of its name too, from when it is there until it goes.
  // Before start().
  void set_bundles_folder(std::string folder);
  void look();                                             // once more, now. Any thread.
  std::shared_ptr<const DagBagSnapshot> snapshot() const;  // any thread

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace batuta
