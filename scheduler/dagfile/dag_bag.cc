#include "scheduler/dagfile/dag_bag.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "scheduler/dagfile/bag_state.h"
#include "scheduler/dagfile/folder_watch.h"

namespace batuta {
namespace {

// inotify tells at once; the sweep is for file systems that do not (network mounts).
constexpr Duration sweep = std::chrono::seconds(5);
// An editor's save is several events; wait for the rest of them.
constexpr Duration settle = std::chrono::milliseconds(20);
// The engine's inbox was full: until the next try.
constexpr Duration untold = std::chrono::milliseconds(500);

}  // namespace

struct DagBag::Impl {
  Impl(std::string folder, Sinks given, std::string contracts)
      : sinks(std::move(given)), state(folder, std::move(contracts)), watch(std::move(folder)) {}

  void run();
  std::optional<Duration> scan_once();

  Sinks sinks;
  std::mutex mutex;  // guards the five below; never held while parsing
  std::optional<std::vector<PluginInfo>> catalogue;
  std::optional<std::vector<std::pair<std::string, int>>> pools;
  std::optional<std::vector<BundleFolder>> bundles;
  std::optional<std::vector<std::pair<std::string, std::string>>> built_in;
  std::shared_ptr<const DagBagSnapshot> snapshot = std::make_shared<DagBagSnapshot>();

  BagState state;  // start()'s caller, then the watcher thread only
  FolderWatch watch;
  std::atomic<bool> stopping{false};
  std::vector<std::string> folders, outside;
  bool first = true;
  std::thread thread;
};

std::optional<Duration> DagBag::Impl::scan_once() {
  {
    const std::lock_guard lock(mutex);
    if (catalogue) state.set_catalogue(*std::exchange(catalogue, std::nullopt));
    if (pools) state.set_pools(*std::exchange(pools, std::nullopt));
    if (bundles) state.set_bundles(*std::exchange(bundles, std::nullopt));
    if (built_in) state.set_built_in(*std::exchange(built_in, std::nullopt));
  }
  auto update = state.scan(read_clock().wall);
  watch.watch(update.folders);
  watch.watch_outside(update.outside);
  // A folder that is new had no watch while it was listed.
  const bool moved = std::exchange(outside, update.outside) != update.outside;
  if (std::exchange(folders, update.folders) != update.folders || moved)
    update.look_again = Duration::zero();
  if (std::exchange(first, false) || update.snapshot) {
    {
      const std::lock_guard lock(mutex);
      if (sinks.changed) sinks.changed(std::move(update.changed), std::move(update.gone));
      if (update.snapshot) snapshot = update.snapshot;
    }
    if (sinks.settled) sinks.settled();
  }
  if (sinks.looked && !sinks.looked()) {
    update.look_again = std::min(update.look_again.value_or(untold), untold);
  }
  return update.look_again;
}

void DagBag::Impl::run() {
  std::optional<Duration> look_again;
  while (!stopping) {
    watch.wait(std::min(look_again.value_or(sweep), sweep));
    if (stopping) return;
    std::this_thread::sleep_for(settle);
    look_again = scan_once();
  }
}

DagBag::DagBag(std::string folder, Sinks sinks, std::string contracts)
    : impl_(std::make_unique<Impl>(std::move(folder), std::move(sinks), std::move(contracts))) {}

DagBag::~DagBag() {
  stop();
}

void DagBag::start() {
  if (impl_->thread.joinable()) return;
  impl_->stopping = false;
  // Watch before reading, so that a change between the two is not missed.
  impl_->watch.watch({""});
  if (impl_->scan_once()) impl_->watch.wake();
  impl_->thread = std::thread([this] { impl_->run(); });
}

void DagBag::stop() {
  if (!impl_->thread.joinable()) return;
  impl_->stopping = true;
  impl_->watch.wake();
  impl_->thread.join();
}

void DagBag::set_known(std::vector<std::shared_ptr<const Dag>> known) {
  impl_->state.set_known(std::move(known));
}

void DagBag::set_built_in(std::vector<std::pair<std::string, std::string>> files) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->built_in = std::move(files);
  }
  impl_->watch.wake();
}

void DagBag::set_catalogue(std::vector<PluginInfo> catalogue) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->catalogue = std::move(catalogue);
  }
  impl_->watch.wake();
}

void DagBag::set_pools(std::vector<std::pair<std::string, int>> pools) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->pools = std::move(pools);
  }
  impl_->watch.wake();
}

void DagBag::set_bundles(std::vector<BundleFolder> bundles) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->bundles = std::move(bundles);
  }
  impl_->watch.wake();
}

void DagBag::set_bundles_folder(std::string folder) {
  impl_->state.set_bundles_folder(std::move(folder));
}

void DagBag::look() {
  impl_->watch.wake();
}

std::shared_ptr<const DagBagSnapshot> DagBag::snapshot() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->snapshot;
}

}  // namespace batuta
