// Bundles that are revisions of Git repositories or of what lies in object stores: fetched on a
// thread of its own, checked out under their ids, validated whole, and switched to by one act,
// which is one file renamed.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/message.h"
#include "scheduler/api/bundles.h"
#include "scheduler/dagfile/dag_bag.h"
#include "scheduler/serve/bundle_settings.h"
#include "scheduler/serve/bundle_source.h"
#include "scheduler/store/registry.h"

namespace batuta {

class BundleKeeper final : public http::Bundles {
 public:
  struct Hooks {
    // The bundles beside the default one, as DagBag::set_bundles() takes them. Any thread.
    std::function<void(std::vector<BundleFolder>)> switched{};
    std::function<std::shared_ptr<const DagBagSnapshot>()> dags{};
    // Runs `change` with a row in the event log, in one transaction or not at all, and calls `done`
    // once after it. From the keeper's thread; must not block.
    std::function<void(const std::string& event, const std::string& extra_json,
                       std::function<Status()> change, std::function<void(const Status&)> done)>
        audited{};
    // A connection with its secrets, for bundles in stores. From the keeper's thread; may block.
    std::function<Result<Connection>(const std::string& id)> connection{};
    // How long after a look that brought none the first revision of a bundle is looked for again.
    Duration first_again{std::chrono::minutes(1)};
  };
  // `folder`: where revisions are kept, a folder for each bundle.
  BundleKeeper(std::string folder, std::vector<BundleSetting> bundles, Hooks hooks);
  ~BundleKeeper() override;
  // Fetches at once, and then as often as each bundle's setting says.
  void start();
  // Begins what stop() ends, without waiting: whatever its thread waits for may be ended then.
  void begin_stop();
  // Whatever is asked and not begun is answered with unavailable; a git under way is waited for,
  // and what is asked of a store ends.
  void stop();
  // For the bag before it starts: what was live when the last process ended.
  std::vector<BundleFolder> folders() const;
  // Revisions are checked against it. Any thread.
  void set_catalogue(std::vector<PluginInfo> catalogue);

  std::vector<http::BundleView> list() const override;
  void compare(http::BundleAct act, std::function<void(Result<http::BundleDiff>)> done) override;
  Status switch_to(const std::string& name, const http::BundleDiff& what,
                   const std::string& user) override;

 private:
  struct Kept {
    BundleSetting setting;
    std::shared_ptr<const BundleSource> files;
    std::vector<http::BundleRevision> revisions{};  // newest switch first
    // The tip when somebody chose another: it is not switched to by itself.
    std::string passed_over{};
    std::string tip{}, compared{}, problem{};
    std::chrono::steady_clock::time_point next_look{};
  };
  struct Asked {
    http::BundleAct act;
    std::function<void(Result<http::BundleDiff>)> done;
  };

  std::shared_ptr<const BundleSource> source_of(const BundleSetting& setting) const;
  void run();
  void look(const std::string& name);
  void take(const std::string& name, const http::BundleDiff& diff);
  Result<Commit> wanted(const http::BundleAct& act, const Kept& bundle);
  Result<http::BundleDiff> compare_now(const http::BundleAct& act);
  Result<http::BundleDiff> compare_with(const Kept& bundle, const Commit& commit);
  void clean_up();
  Kept copy_of(const std::string& name) const;
  void tell(const std::string& name, const std::string& problem);

  const std::string folder_;
  const std::vector<BundleSetting> settings_;
  const Hooks hooks_;
  mutable std::mutex mutex_;  // guards what follows; not held while git runs or files are parsed
  std::map<std::string, Kept> kept_;
  std::vector<PluginInfo> catalogue_;
  std::deque<Asked> asked_;
  std::atomic<bool> stopping_{false};
  bool switching_ = false;  // one that was begun by itself is on its way
  bool unclean_ = true;
  std::condition_variable wake_;
  std::thread thread_;
};

}  // namespace batuta
