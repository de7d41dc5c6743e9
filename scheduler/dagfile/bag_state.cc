#include "scheduler/dagfile/bag_state.h"

#include <algorithm>
#include <set>

#include "common/suggest.h"
#include "scheduler/dagfile/contract_fields.h"
#include "scheduler/dagfile/dag_codec.h"

namespace batuta {
namespace {

// A file that is not valid and was written less than this ago may be half written.
constexpr Duration writing = std::chrono::milliseconds(300);
// Two writes within one tick of the file system's clock look the same.
constexpr Duration stamp_grain = std::chrono::milliseconds(50);
// How often to look for a folder that is not there.
constexpr Duration missing_folder = std::chrono::milliseconds(500);

Time modified(const FileStamp& stamp) {
  return Time(std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(stamp.modified_ns)));
}

std::string digest_of_file(const std::string& folder, const std::string& path) {
  const auto text = read_below(folder, path, max_dag_file_bytes);
  return text ? version_of(*text) : "unreadable: " + text.error().message;
}

}  // namespace

BagState::BagState(std::string folder, std::string contracts)
    : folder_(std::move(folder)),
      contracts_(contracts.empty() ? contracts_beside(folder_) : std::move(contracts)) {}

void BagState::set_known(std::vector<std::shared_ptr<const Dag>> known) {
  for (auto& dag : known) {
    known_ids_.push_back(dag->id);
    owners_.emplace(dag->id, dag->file);
    Entry& entry = entries_[dag->file];
    entry.dag = std::move(dag);
    entry.remembered = true;
  }
}

void BagState::set_catalogue(std::vector<PluginInfo> catalogue) {
  if (catalogue == catalogue_) return;
  catalogue_ = std::move(catalogue);
  for (auto& [path, entry] : entries_) entry.checked = false;
}

void BagState::set_pools(std::vector<std::pair<std::string, int>> pools) {
  if (pools_ == pools) return;
  pools_ = std::move(pools);
  dirty_ = true;
}

void BagState::set_error(Entry& entry, std::string message) {
  if (entry.error == message) return;
  entry.error = std::move(message);
  dirty_ = true;
}

bool BagState::named_files_changed(const Entry& entry) const {
  const auto changed = [](const std::string& folder, const auto& files) {
    return std::any_of(files.begin(), files.end(), [&](const auto& file) {
      return digest_of_file(folder, file.first) != file.second;
    });
  };
  return changed(folder_, entry.named) || changed(contracts_, entry.contracts);
}

// Parses one text and keeps what came out; a bad text that may be half written leaves all as it is.
void BagState::take(Entry& entry, const FoundFile& found, const std::string& text, Time now,
                    Update& update) {
  auto result = parse_dag_file(text, found.path, folder_, catalogue_, contracts_);
  const Duration age = now - modified(found.stamp);
  if (!result.dag && age >= Duration::zero() && age < writing) {
    const Duration left = writing - age;
    update.look_again = std::min(update.look_again.value_or(left), left);
    entry.settled = false;
    entry.text_digest.clear();
    return;
  }
  entry.checked = true;
  entry.named.clear();
  for (const auto& name : result.files) {
    entry.named.emplace_back(name, digest_of_file(folder_, name));
  }
  entry.contracts.clear();
  for (const auto& name : result.contracts) {
    entry.contracts.emplace_back(name, digest_of_file(contracts_, name));
  }
  if (!result.dag) {
    std::string message;
    for (const auto& problem : result.problems) {
      message += (message.empty() ? "" : "\n") + problem.text();
    }
    set_error(entry, std::move(message));
    return;
  }
  set_error(entry, "");
  if (entry.unknown_plugins != result.unknown_plugins) dirty_ = true;
  entry.unknown_plugins = std::move(result.unknown_plugins);
  const bool remembered = std::exchange(entry.remembered, false);
  if (!remembered && entry.dag && entry.dag->version == result.dag->version &&
      entry.dag->source_text == result.dag->source_text) {
    return;
  }
  entry.dag = std::move(result.dag);
  entry.parsed_at = now;
  dirty_ = true;
}

void BagState::refresh(const FoundFile& found, Time now, Update& update) {
  auto& entry = entries_[found.path];
  if (!found.refused.empty()) {
    set_error(entry, found.path + ": " + found.refused);
    return;
  }
  if (entry.settled && entry.checked && entry.stamp == found.stamp && !named_files_changed(entry)) {
    return;
  }
  const auto text = read_below(folder_, found.path, max_dag_file_bytes);
  if (!text) {
    entry.settled = entry.checked = false;
    set_error(entry, found.path + ": " + text.error().message);
    return;
  }
  entry.stamp = found.stamp;
  const Duration age = now - modified(found.stamp);
  entry.settled =
      age < Duration::zero() || age >= stamp_grain;  // a stamp of the future tells nothing
  if (!entry.settled) {
    update.look_again = std::min(update.look_again.value_or(stamp_grain), stamp_grain);
  }
  const auto digest = version_of(*text);
  if (entry.checked && digest == entry.text_digest && !named_files_changed(entry)) return;
  entry.text_digest = digest;
  take(entry, found, *text, now, update);
}

BagState::Update BagState::scan(Time now) {
  Update update;
  const auto listing = list_dag_folder(folder_);
  update.folders = listing.folders;
  std::string folder_error;
  if (listing.missing) folder_error = "the DAG folder cannot be opened";
  if (listing.truncated) folder_error = "the DAG folder holds more than 10,000 files and folders";
  if (folder_error != folder_error_) {
    folder_error_ = folder_error;
    dirty_ = true;
  }
  // A folder that is away for a moment (a mount, a checkout) does not take its DAGs with it.
  if (listing.missing) {
    update.look_again = missing_folder;
  } else {
    std::set<std::string> present;
    for (const auto& found : listing.files) {
      present.insert(found.path);
      refresh(found, now, update);
    }
    const auto erased =
        std::erase_if(entries_, [&](const auto& entry) { return !present.contains(entry.first); });
    if (erased > 0) dirty_ = true;
  }
  std::set<std::string> outside;
  for (const auto& [path, entry] : entries_) {
    for (const auto& [name, digest] : entry.contracts)
      outside.insert(contracts_ + "/" + name.substr(0, name.find('/')));
  }
  update.outside.assign(outside.begin(), outside.end());
  if (!dirty_) return update;
  dirty_ = false;
  auto snapshot = build(now);
  for (const auto& [id, dag] : snapshot->dags) {
    const auto before = last_ ? last_->dags.find(id) : snapshot->dags.end();
    if (!last_ || before == last_->dags.end() || before->second != dag)
      update.changed.push_back(dag);
  }
  if (last_) {
    for (const auto& [id, dag] : last_->dags) {
      if (!snapshot->dags.contains(id)) update.gone.push_back(id);
    }
  } else {
    for (const auto& id : known_ids_) {
      if (!snapshot->dags.contains(id)) update.gone.push_back(id);
    }
  }
  update.snapshot = last_ = std::move(snapshot);
  return update;
}

void BagState::add_error(DagBagSnapshot& snapshot, const std::string& file,
                         const std::string& message, Time now) {
  const auto key = std::pair(file, message);
  auto [it, added] = standing_.try_emplace(key);
  if (added) it->second = {next_error_id_++, now, file, message};
  snapshot.import_errors.push_back(it->second);
}

// Who holds a DAG keeps it for as long as the file defines it; a new DAG is the first path's.
void BagState::assign_owners() {
  std::map<std::string, std::string> owners;
  for (const auto& [path, entry] : entries_) {
    if (!entry.dag) continue;
    const auto held = owners_.find(entry.dag->id);
    if (held != owners_.end() && held->second == path) {
      owners.insert_or_assign(entry.dag->id, path);
    } else {
      owners.emplace(entry.dag->id, path);
    }
  }
  owners_ = std::move(owners);
}

std::shared_ptr<DagBagSnapshot> BagState::build(Time now) {
  assign_owners();
  auto snapshot = std::make_shared<DagBagSnapshot>();
  if (!folder_error_.empty()) add_error(*snapshot, "", folder_error_, now);
  for (const auto& [path, entry] : entries_) {
    if (!entry.error.empty()) add_error(*snapshot, path, entry.error, now);
    if (!entry.dag) continue;
    const std::string& owner = owners_.at(entry.dag->id);
    if (owner != path) {
      add_error(*snapshot, path,
                path + " /dag_id: the DAG \"" + entry.dag->id + "\" is already defined in " +
                    owner + "; give this one another id, or remove that file",
                now);
      continue;
    }
    snapshot->dags.emplace(entry.dag->id, entry.dag);
    if (!entry.remembered) snapshot->parsed_at.emplace(entry.dag->id, entry.parsed_at);
    add_warnings(*snapshot, entry, now);
  }
  std::set<std::int64_t> ids;
  for (const auto& error : snapshot->import_errors) ids.insert(error.id);
  std::erase_if(standing_, [&](const auto& item) { return !ids.contains(item.second.id); });
  return snapshot;
}

void BagState::add_warnings(DagBagSnapshot& snapshot, const Entry& entry, Time now) const {
  const Dag& dag = *entry.dag;
  for (const auto& text : entry.unknown_plugins) {
    snapshot.warnings.push_back({now, dag.id, "unknown plugin", text});
  }
  if (!pools_) return;
  std::vector<std::string> names;
  for (const auto& pool : *pools_) names.push_back(pool.first);
  std::set<std::string> told;
  for (const auto& task : dag.tasks) {
    const auto pool = std::find_if(pools_->begin(), pools_->end(),
                                   [&](const auto& p) { return p.first == task.pool; });
    if (pool == pools_->end()) {
      if (told.insert(task.pool).second) {
        snapshot.warnings.push_back({now, dag.id, "non-existent pool",
                                     "task \"" + task.id + "\" wants the pool \"" + task.pool +
                                         "\", which does not exist" +
                                         did_you_mean(task.pool, names)});
      }
    } else if (pool->second >= 0 && task.pool_slots > pool->second) {
      snapshot.warnings.push_back({now, dag.id, "pool too small",
                                   "task \"" + task.id + "\" wants " +
                                       std::to_string(task.pool_slots) + " slots of the pool \"" +
                                       task.pool + "\", which has " +
                                       std::to_string(pool->second)});
    }
  }
}

}  // namespace batuta
