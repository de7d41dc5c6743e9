#include "scheduler/dagfile/bag_state.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "common/suggest.h"
#include "scheduler/dagfile/contract_fields.h"
#include "scheduler/dagfile/dag_codec.h"

namespace batuta {

namespace fs = std::filesystem;

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
  const auto text = read_named(folder, path, max_dag_file_bytes);
  return text ? version_of(*text) : "unreadable: " + text.error().message;
}

std::string of_bundle(std::string_view name) {
  return " of the bundle \"" + std::string(name) + "\"";
}

std::string already_defined(const std::string& dag_id, const std::string& file,
                            const std::string& owner) {
  const auto here = split_bundle_file(file), there = split_bundle_file(owner);
  const bool one = here.bundle == there.bundle;
  return file + " /dag_id: the DAG \"" + dag_id + "\"" + (one ? "" : of_bundle(here.bundle)) +
         " is already defined in " +
         (one ? owner : std::string(there.path) + of_bundle(there.bundle)) +
         "; give this one another id, or remove that file";
}

}  // namespace

BagState::BagState(std::string folder, std::string contracts) {
  default_.name = default_bundle;
  default_.contracts = contracts.empty() ? contracts_beside(folder) : std::move(contracts);
  default_.dags = std::move(folder);
}

void BagState::set_bundles(std::vector<BundleFolder> bundles) {
  if (bundles_ == bundles) return;
  bundles_ = std::move(bundles);
  dirty_ = true;
}

void BagState::set_bundles_folder(std::string folder) {
  bundles_folder_ = std::move(folder);
}

void BagState::set_known(std::vector<std::shared_ptr<const Dag>> known) {
  for (auto& dag : known) {
    known_ids_.push_back(dag->id);
    owners_.emplace(dag->id, dag->file);
    Entry& entry = entries_[dag->file];
    entry.dag = std::move(dag);
    entry.remembered = true;
  }
}

void BagState::set_built_in(std::vector<std::pair<std::string, std::string>> files) {
  built_in_ = std::move(files);
}

void BagState::refresh_monitors(Time now, std::set<std::string>& outside, Update& update) {
  const bool wanted = std::any_of(built_in_.begin(), built_in_.end(), [](const auto& file) {
    return file.second.find(built_in_monitors) != std::string::npos;
  });
  if (!wanted) return;
  std::vector<MonitorFiles::Place> places;
  for (const Root& root : roots_) {
    places.push_back({root.at.name, folder_beside(root.at.dags, "monitors"), root.missing});
    outside.insert(places.back().folder);
  }
  if (monitors_.scan(places, now)) dirty_ = true;
  if (monitors_.unsettled())
    update.look_again = std::min(update.look_again.value_or(stamp_grain), stamp_grain);
}

void BagState::refresh_built_in(Time now, std::set<std::string>& present, Update& update) {
  for (const auto& [path, written] : built_in_) {
    std::string text = written;
    if (const auto at = text.find(built_in_monitors); at != std::string::npos) {
      if (monitors_.json().empty()) continue;
      text.replace(at, built_in_monitors.size(), monitors_.json());
    }
    present.insert(path);
    Entry& entry = entries_[path];
    const auto digest = version_of(text);
    if (entry.checked && entry.text_digest == digest) continue;
    FoundFile found;
    found.path = path;
    entry.settled = true;
    entry.text_digest = digest;
    take(Root{default_}, entry, path, found, text, now, update);
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

bool BagState::named_files_changed(const Root& root, const Entry& entry) {
  const auto changed = [](const std::string& folder, const auto& files) {
    return std::any_of(files.begin(), files.end(), [&](const auto& file) {
      return digest_of_file(folder, file.first) != file.second;
    });
  };
  return changed(root.at.dags, entry.named) || changed(root.at.contracts, entry.contracts);
}

// What lies outside of the DAG folder.
void BagState::watch_named(const Root& root, const Entry& entry, std::set<std::string>& outside) {
  for (const auto& [name, digest] : entry.contracts) {
    outside.insert(root.at.contracts + "/" + name.substr(0, name.find('/')));
  }
  for (const auto& [name, digest] : entry.named) {
    const std::string beside = named_beside(root.at.dags, name);
    if (!beside.empty()) outside.insert(beside.substr(0, beside.rfind('/')));
  }
}

// Parses one text and keeps what came out; a bad text that may be half written leaves all as it is.
void BagState::take(const Root& root, Entry& entry, const std::string& key, const FoundFile& found,
                    const std::string& text, Time now, Update& update) {
  auto result = parse_dag_file(text, key, root.at.dags, catalogue_, root.at.contracts);
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
    entry.named.emplace_back(name, digest_of_file(root.at.dags, name));
  }
  entry.contracts.clear();
  for (const auto& name : result.contracts) {
    entry.contracts.emplace_back(name, digest_of_file(root.at.contracts, name));
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

void BagState::refresh(const Root& root, const std::string& key, const FoundFile& found, Time now,
                       Update& update) {
  auto& entry = entries_[key];
  if (!found.refused.empty()) {
    set_error(entry, key + ": " + found.refused);
    return;
  }
  if (entry.settled && entry.checked && entry.stamp == found.stamp &&
      !named_files_changed(root, entry)) {
    return;
  }
  const auto text = read_below(root.at.dags, found.path, max_dag_file_bytes);
  if (!text) {
    entry.settled = entry.checked = false;
    set_error(entry, key + ": " + text.error().message);
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
  if (entry.checked && digest == entry.text_digest && !named_files_changed(root, entry)) return;
  entry.text_digest = digest;
  take(root, entry, key, found, *text, now, update);
}

// Those that were named, then those found; a name that is taken, or none, is told.
std::vector<BagState::Root> BagState::find_roots(std::set<std::string>& outside) {
  std::vector<Root> roots;
  roots.push_back({default_});
  std::set<std::string, std::less<>> names{std::string(default_bundle)};
  for (const auto& bundle : bundles_) {
    names.insert(bundle.name);
    roots.push_back({bundle});
  }
  if (bundles_folder_.empty()) return roots;
  outside.insert(bundles_folder_);
  std::error_code failed;
  std::vector<std::string> found;
  for (fs::directory_iterator at(bundles_folder_, failed), end; !failed && at != end;
       at.increment(failed)) {
    std::error_code ignored;
    const std::string name = at->path().filename().string();
    if (name.front() != '.' && at->is_directory(ignored)) found.push_back(name);
  }
  if (failed) {
    // The folder is away, and what it held is not: as with the DAG folder.
    folder_errors_[bundles_folder_] = "the folder of bundles " + bundles_folder_ +
                                      " cannot be read: " + failed.message() +
                                      "; its DAGs stay as they were last read";
    for (const auto& [key, entry] : entries_) {
      const std::string name(split_bundle_file(key).bundle);
      if (names.insert(name).second)
        roots.push_back({bundle_in(name, bundles_folder_ + "/" + name)});
    }
    return roots;
  }
  std::sort(found.begin(), found.end());
  for (const auto& name : found) {
    const std::string place = bundles_folder_ + "/" + name;
    const Status fits = check_bundle_name(name);
    if (!fits || names.contains(name)) {
      folder_errors_[place] =
          place + " is not read: " +
          (fits ? "the bundle \"" + name + "\" stands in batuta.json; give one of them another name"
                : fits.error().message);
    } else if (roots.size() >= max_bundles) {
      folder_errors_[bundles_folder_] = bundles_folder_ + " holds more than " +
                                        std::to_string(max_bundles) + " bundles; the rest, from " +
                                        name + " on, is not read";
      break;
    } else {
      roots.push_back({bundle_in(name, place)});
    }
  }
  return roots;
}

void BagState::read_root(Root& root, Time now, std::set<std::string>& present,
                         std::set<std::string>& outside, Update& update) {
  const std::string& name = root.at.name;
  const bool is_default = name == default_bundle;
  const Status inside =
      is_default ? success() : check_links_of_bundle(fs::path(root.at.dags).parent_path().string());
  Listing listing;
  if (inside) {
    listing = list_dag_folder(root.at.dags);
  } else {
    listing.missing = true;
  }
  root.missing = listing.missing;
  if (is_default) {
    update.folders = listing.folders;
    default_seen_ = default_seen_ || !listing.missing;
  } else {
    outside.insert(fs::path(root.at.dags).parent_path().string());
    if (listing.missing)
      outside.insert(fs::path(root.at.dags).parent_path().parent_path().string());
    for (const auto& below : listing.folders)
      outside.insert(below.empty() ? root.at.dags : root.at.dags + "/" + below);
  }
  std::string& error = folder_errors_[file_in_bundle(name, "")];
  const std::string which =
      is_default ? "the DAG folder" : "the folder " + root.at.dags + of_bundle(name);
  // A server that has bundles may well have no DAG folder.
  const bool needless = is_default && !default_seen_ && roots_.size() > 1;
  if (listing.missing && !needless)
    error =
        which + " cannot be opened" + (is_default ? "" : "; its DAGs stay as they were last read");
  if (!inside)
    error = "the bundle \"" + name + "\" is not read: " + inside.error().message +
            "; its DAGs stay as they were last read";
  if (listing.truncated) error = which + " holds more than 10,000 files and folders";
  if (error.empty()) folder_errors_.erase(file_in_bundle(name, ""));
  // A folder that is away for a moment (a mount, a checkout) does not take its DAGs with it.
  if (listing.missing) {
    if (is_default) update.look_again = missing_folder;
    for (const auto& [key, entry] : entries_) {
      if (split_bundle_file(key).bundle == name) present.insert(key);
    }
    return;
  }
  for (const auto& found : listing.files) {
    const std::string key = file_in_bundle(name, found.path);
    present.insert(key);
    refresh(root, key, found, now, update);
    watch_named(root, entries_.at(key), outside);
  }
}

BagState::Update BagState::scan(Time now) {
  Update update;
  std::set<std::string> outside, present;
  const auto errors_before = std::exchange(folder_errors_, {});
  const auto roots_before = std::exchange(roots_, find_roots(outside));
  for (Root& root : roots_) read_root(root, now, present, outside, update);
  const auto same = [](const Root& a, const Root& b) {
    return a.at == b.at && a.missing == b.missing;
  };
  if (folder_errors_ != errors_before ||
      !std::equal(roots_.begin(), roots_.end(), roots_before.begin(), roots_before.end(), same)) {
    dirty_ = true;
  }
  refresh_monitors(now, outside, update);
  refresh_built_in(now, present, update);
  const auto erased =
      std::erase_if(entries_, [&](const auto& entry) { return !present.contains(entry.first); });
  if (erased > 0) dirty_ = true;
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
  for (const auto& [file, error] : folder_errors_) {
    // A place that is no bundle has no file of one.
    const bool of_one = file.empty() || file.ends_with("://");
    add_error(*snapshot, of_one ? file : "", error, now);
  }
  for (const auto& [file, error] : monitors_.errors()) add_error(*snapshot, file, error, now);
  std::map<std::string_view, BundleStatus*> bundles;
  for (const Root& root : roots_) {
    auto& status = snapshot->bundles[root.at.name];
    status = {root.at.revision, root.at.dags, 0, root.missing};
    bundles[root.at.name] = &status;
  }
  for (const auto& [path, entry] : entries_) {
    if (!entry.error.empty()) add_error(*snapshot, path, entry.error, now);
    if (!entry.dag) continue;
    const std::string& owner = owners_.at(entry.dag->id);
    if (owner != path) {
      add_error(*snapshot, path, already_defined(entry.dag->id, path, owner), now);
      continue;
    }
    if (const auto bundle = bundles.find(split_bundle_file(path).bundle); bundle != bundles.end())
      ++bundle->second->dags;
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
