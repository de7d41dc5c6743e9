#include "scheduler/serve/bundle_check.h"

#include "scheduler/dagfile/bag_state.h"

namespace batuta {
namespace {

constexpr std::size_t max_told_errors = 200;

}  // namespace

DagBagSnapshot read_bundle(const std::string& path, const std::vector<PluginInfo>& catalogue) {
  if (path.empty()) return {};
  BagState state(path + "/dags", path + "/contracts");
  state.set_catalogue(catalogue);
  // Nobody is writing to it: what is wrong is not half written.
  const auto update = state.scan(read_clock().wall + std::chrono::hours(1));
  return update.snapshot ? *update.snapshot : DagBagSnapshot{};
}

void compare_bundles(const std::string& name, const DagBagSnapshot& from, const DagBagSnapshot& to,
                     const DagBagSnapshot& live, http::BundleDiff& diff) {
  for (const auto& [id, dag] : to.dags) {
    const auto before = from.dags.find(id);
    if (before == from.dags.end()) {
      diff.added.push_back(id);
    } else if (before->second->version != dag->version) {
      diff.changed.push_back(id);
    }
    const auto elsewhere = live.dags.find(id);
    if (elsewhere == live.dags.end()) continue;
    const auto owner = split_bundle_file(elsewhere->second->file);
    if (owner.bundle == name || diff.errors.size() >= max_told_errors) continue;
    diff.errors.push_back(dag->file + ": the DAG \"" + id + "\" is already defined in " +
                          std::string(owner.path) + " of the bundle \"" +
                          std::string(owner.bundle) + "\"");
  }
  for (const auto& [id, dag] : from.dags) {
    if (!to.dags.contains(id)) diff.removed.push_back(id);
  }
  for (const ImportError& error : to.import_errors) {
    if (diff.errors.size() >= max_told_errors) break;
    diff.errors.push_back(error.file.empty() ? "it has no folder dags with DAG files in it"
                                             : error.message);
  }
}

}  // namespace batuta
