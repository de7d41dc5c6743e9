#include "lakelog/branch.h"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/failpoint.h"
#include "common/safe_json.h"
#include "common/uuid.h"
#include "lakelog/log_folder.h"
#include "lakelog/path.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

constexpr const char* branches_prefix = "_branches/";
constexpr int most_levels = 64;  // of folders below a branch

std::string marker_key(const std::string& name) {
  return branches_prefix + name + ".json";
}

bool valid_branch_id(std::string_view id) {
  return id.size() == 16 && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string new_branch_id() {
  std::uint8_t bytes[8];
  random_bytes(bytes, sizeof bytes);
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string marker_text(const Branch& branch) {
  return json_text({{"id", branch.id},
                    {"created_by", branch.created_by},
                    {"created_ms", branch.created_ms},
                    {"note", branch.note},
                    {"dropping", branch.dropping}});
}

Result<Branch> parse_marker(const std::string& name, const std::string& text) {
  const Error unreadable{Errc::malformed,
                         "the branch " + name + " cannot be read: " + marker_key(name) +
                             " in the lake is no marker of a branch",
                         {}};
  const auto told = parse_untrusted(text);
  if (!told || !told->is_object()) return unreadable;
  const auto text_of = [&](const char* field) {
    const auto at = told->find(field);
    return at != told->end() && at->is_string() ? at->get<std::string>() : std::string();
  };
  Branch branch;
  branch.name = name;
  branch.id = text_of("id");
  branch.created_by = text_of("created_by");
  branch.note = text_of("note");
  branch.created_ms = json_int(told->value("created_ms", json())).value_or(0);
  branch.dropping = told->value("dropping", json()) == true;
  if (!valid_branch_id(branch.id)) return unreadable;
  return branch;
}

Result<Branch> read_marker(const Storage& lake, const std::string& name) {
  auto text = lake.read(marker_key(name));
  if (!text) return text.error();
  return parse_marker(name, *text);
}

std::string_view file_of(std::string_view key) {
  return key.substr(key.find_last_of('/') + 1);
}

// Up to and with its last '/', of a key that lies in a table's log; else empty.
std::string log_prefix_of(std::string_view key) {
  constexpr std::string_view folder = "/_delta_log/";
  const auto at = key.find(folder);
  return at == std::string_view::npos ? std::string()
                                      : std::string(key.substr(0, at + folder.size()));
}

// The version that stands at `at` in a log's file name; -1 where none does.
std::int64_t version_at_place(std::string_view name, std::size_t at) {
  constexpr std::size_t digits = 20;
  if (name.size() < at + digits) return -1;
  std::int64_t version = 0;
  for (const char c : name.substr(at, digits)) {
    if (c < '0' || c > '9' || version > (INT64_MAX - 9) / 10) return -1;
    version = version * 10 + (c - '0');
  }
  return version;
}

// Of the lake's log, what a table shows that stands on `base`.
bool is_of_base(std::string_view name, std::int64_t base) {
  if (name == "_last_checkpoint") return false;
  const std::int64_t version = version_at_place(name, 0);
  if (version < 0) return true;  // a sidecar: only what names it counts
  if (version > base) return false;
  return !name.ends_with(".compacted.json") || version_at_place(name, 21) <= base;
}

struct OwnLog {
  std::int64_t first = -1;  // versions with an entry on the branch; -1: there is none
  std::int64_t last = -1;
};

Result<OwnLog> own_log(const Storage& lake, const std::string& prefix) {
  auto found = lake.list(prefix);
  if (!found) return found.error();
  OwnLog log;
  for (const ObjectInfo& object : found->objects) {
    const std::int64_t version = version_at_place(file_of(object.key), 0);
    if (version < 0 || file_of(object.key) != commit_file_name(version)) continue;
    if (log.first < 0) log.first = version;
    log.first = std::min(log.first, version);
    log.last = std::max(log.last, version);
  }
  return log;
}

class BranchStorage final : public Storage {
 public:
  BranchStorage(std::shared_ptr<Storage> lake, std::string ref)
      : lake_(std::move(lake)), ref_(std::move(ref)), root_(branch_key(ref_, "")) {}

  Result<Listing> list(const std::string& prefix, const ListOptions& options) const override {
    ListOptions own_options = options;
    if (!options.start_after.empty()) own_options.start_after = root_ + options.start_after;
    auto own = lake_->list(root_ + prefix, own_options);
    if (!own) return own.error();
    strip(*own);
    if (is_hidden(prefix)) return own;
    const std::string log = log_prefix_of(prefix);
    const bool filtered = prefix.empty() || prefix == log;
    ListOptions lake_options = options;
    if (filtered) lake_options.limit = 0;
    auto below = lake_->list(prefix, lake_options);
    if (!below) return below.error();
    if (prefix.empty()) std::erase(below->prefixes, branches_prefix);
    if (!log.empty() && prefix == log) {
      const auto base = base_of(log);
      if (!base) return base.error();
      if (*base)
        std::erase_if(below->objects, [&](const ObjectInfo& object) {
          return !is_of_base(file_of(object.key), **base);
        });
    }
    return merged(*std::move(own), *std::move(below), options.limit);
  }

  Result<std::string> read(const std::string& key, ByteRange range) const override {
    auto own = lake_->read(root_ + key, range);
    if (own || own.error().code != Errc::not_found) return own;
    if (auto seen = check_seen(key); !seen) return seen.error();
    return lake_->read(key, range);
  }

  Result<ObjectInfo> stat(const std::string& key) const override {
    auto own = lake_->stat(root_ + key);
    if (own) own->key = key;
    if (own || own.error().code != Errc::not_found) return own;
    if (auto seen = check_seen(key); !seen) return seen.error();
    return lake_->stat(key);
  }

  Result<Put> put_if_absent(const std::string& key, std::string_view bytes) override {
    if (auto there = check_branch(*lake_, ref_); !there) return there.error();
    if (const auto seen = check_seen(key)) {
      const auto known = lake_->stat(key);
      if (known) return Put::exists;
      if (known.error().code != Errc::not_found) return known.error();
    } else if (seen.error().code != Errc::not_found) {
      return seen.error();
    }
    return lake_->put_if_absent(root_ + key, bytes);
  }

  Status put(const std::string& key, std::string_view bytes) override {
    if (auto there = check_branch(*lake_, ref_); !there) return there;
    return lake_->put(root_ + key, bytes);
  }

  Status remove(const std::string& key) override { return lake_->remove(root_ + key); }

  Result<SeenTable> seen(const std::string& table) const {
    const auto base = base_of(table + "/_delta_log/");
    if (!base) return base.error();
    return SeenTable{ref_, *base};
  }

  Result<std::string> stage(const std::string& prefix) override {
    if (auto there = check_branch(*lake_, ref_); !there) return there.error();
    return lake_->stage(root_ + prefix);
  }

  Status sync(const std::vector<std::string>& keys) override {
    std::vector<std::string> own, others;
    for (const std::string& key : keys) {
      const auto known = lake_->stat(root_ + key);
      if (!known && known.error().code != Errc::not_found) return known.error();
      if (known) {
        own.push_back(root_ + key);
        continue;
      }
      // What is staged is nowhere yet, where a storage puts it only now.
      const auto put = lake_->sync({root_ + key});
      if (put) continue;
      if (put.error().code != Errc::not_found) return put;
      if (auto seen = check_seen(key); !seen) return seen;
      others.push_back(key);
    }
    if (!own.empty())
      if (auto synced = lake_->sync(own); !synced) return synced;
    return others.empty() ? success() : lake_->sync(others);
  }

 private:
  static bool is_hidden(std::string_view key) { return key.starts_with(branches_prefix); }

  void strip(Listing& own) const {
    for (ObjectInfo& object : own.objects) object.key.erase(0, root_.size());
    for (std::string& prefix : own.prefixes) prefix.erase(0, root_.size());
  }

  static Listing merged(Listing own, Listing below, std::size_t limit) {
    Listing out;
    const auto by_key = [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; };
    std::set_union(own.objects.begin(), own.objects.end(), below.objects.begin(),
                   below.objects.end(), std::back_inserter(out.objects), by_key);
    std::set_union(own.prefixes.begin(), own.prefixes.end(), below.prefixes.begin(),
                   below.prefixes.end(), std::back_inserter(out.prefixes));
    if (limit > 0 && out.objects.size() > limit) out.objects.resize(limit);
    if (limit > 0 && out.objects.size() + out.prefixes.size() > limit)
      out.prefixes.resize(limit - out.objects.size());
    return out;
  }

  // What the table of this log stands on; nullopt: it has not left the lake.
  Result<std::optional<std::int64_t>> base_of(const std::string& log) const {
    const auto own = own_log(*lake_, root_ + log);
    if (!own) return own.error();
    if (own->first < 0) return std::optional<std::int64_t>();
    return std::optional(own->first - 1);
  }

  // Errc::not_found where the lake's object of the key is none of the branch's.
  Status check_seen(const std::string& key) const {
    const Error hidden{Errc::not_found, "there is no " + key, {}};
    if (is_hidden(key)) return hidden;
    const std::string log = log_prefix_of(key);
    if (log.empty() || key.find('/', log.size()) != std::string::npos) return success();
    const auto base = base_of(log);
    if (!base) return base.error();
    if (*base && !is_of_base(file_of(key), **base)) return hidden;
    return success();
  }

  const std::shared_ptr<Storage> lake_;
  const std::string ref_;
  const std::string root_;
};

Status collect_tables(const Storage& lake, const std::string& root, const std::string& name,
                      int level, std::vector<BranchTable>& out) {
  auto found = lake.list(root + name);
  if (!found) return found.error();
  const auto& below = found->prefixes;
  const std::string log = root + name + "_delta_log/";
  if (std::find(below.begin(), below.end(), log) != below.end()) {
    const auto own = own_log(lake, log);
    if (!own) return own.error();
    if (own->first >= 0)
      out.push_back({name.substr(0, name.size() - 1), own->first - 1, own->last});
    return success();
  }
  if (level == 6) return success();
  for (const std::string& prefix : below)
    if (auto done = collect_tables(lake, root, prefix.substr(root.size()), level + 1, out); !done)
      return done;
  return success();
}

Status remove_below(Storage& lake, const std::string& prefix, int level,
                    std::int64_t* count = nullptr) {
  auto found = lake.list(prefix);
  if (!found) return found.error();
  for (const ObjectInfo& object : found->objects) {
    if (auto removed = lake.remove(object.key); !removed) return removed;
    if (count != nullptr) ++*count;
    failpoint("branch_drop_between_files");
  }
  if (level == most_levels) return success();
  for (const std::string& below : found->prefixes)
    if (auto done = remove_below(lake, below, level + 1, count); !done) return done;
  return success();
}

// Of the ids that anything was written under.
Result<std::vector<std::string>> refs_below(const Storage& lake, const std::string& name) {
  const std::string prefix = branches_prefix + name + "/";
  auto found = lake.list(prefix);
  if (!found) return found.error();
  std::vector<std::string> out;
  for (const std::string& below : found->prefixes)
    out.push_back(name + "/" + below.substr(prefix.size(), below.size() - prefix.size() - 1));
  return out;
}

// Held by who makes or drops a branch: between the look at a marker and its change nobody else
// changes it.
std::mutex& marker_mutex() {
  static std::mutex mutex;
  return mutex;
}

// From a marker that says so to none.
Status finish_drop(Storage& lake, const std::string& name) {
  if (auto gone = remove_below(lake, branches_prefix + name + "/", 0); !gone) return gone;
  return lake.remove(marker_key(name));
}

}  // namespace

bool valid_branch_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '-' || name.front() == '_') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string no_branch_name(std::string_view name) {
  return "not a branch's name: \"" + std::string(name.substr(0, 100)) +
         "\"; it is 1 to 64 of a-z 0-9 - _, a letter or digit first";
}

std::string branch_name_of(std::string_view ref) {
  return std::string(ref.substr(0, ref.find('/')));
}

std::string branch_key(std::string_view ref, std::string_view key) {
  return branches_prefix + std::string(ref) + "/" + std::string(key);
}

Result<Branch> create_branch(Storage& lake, Branch branch) {
  if (!valid_branch_name(branch.name)) return {Errc::invalid, no_branch_name(branch.name), "name"};
  if (branch.note.size() > max_branch_note)
    return {Errc::invalid, "must be 1000 bytes at most", "note"};
  const std::lock_guard guard(marker_mutex());
  const auto all = list_branches(lake);
  if (!all) return all.error();
  for (const Branch& other : *all) {
    if (other.name != branch.name || !other.dropping) continue;
    if (auto gone = finish_drop(lake, other.name); !gone) return gone.error();
  }
  if (all->size() >= max_branches)
    return {Errc::conflict, "there are " + std::to_string(max_branches) +
                                " branches, as many as may be: drop one first"};
  branch.id = new_branch_id();
  branch.dropping = false;
  const auto put = lake.put_if_absent(marker_key(branch.name), marker_text(branch));
  if (!put) return put.error();
  if (*put == Put::exists)
    return {Errc::conflict, "there is a branch " + branch.name + " already", "name"};
  return branch;
}

Result<std::vector<Branch>> list_branches(const Storage& lake) {
  auto found = lake.list(branches_prefix);
  if (!found) return found.error();
  std::vector<Branch> out;
  constexpr std::string_view ending = ".json";
  for (const ObjectInfo& object : found->objects) {
    const std::string_view file = file_of(object.key);
    if (!file.ends_with(ending)) continue;
    const std::string name(file.substr(0, file.size() - ending.size()));
    if (!valid_branch_name(name)) continue;
    auto branch = read_marker(lake, name);
    if (!branch && branch.error().code == Errc::not_found) continue;  // dropped meanwhile
    if (!branch && branch.error().code == Errc::malformed) {
      branch = Branch();
      branch->name = name;
      branch->note = "its marker cannot be read: drop it";
      branch->readable = false;
    }
    if (!branch) return branch.error();
    out.push_back(*std::move(branch));
  }
  return out;
}

Result<Branch> find_branch(const Storage& lake, const std::string& name) {
  if (!valid_branch_name(name)) return {Errc::invalid, no_branch_name(name), "branch"};
  auto branch = read_marker(lake, name);
  if (branch && branch->dropping)
    return {Errc::not_found, "the branch " + name + " is being dropped"};
  if (!branch && branch.error().code == Errc::not_found)
    return {Errc::not_found, "there is no branch " + name};
  return branch;
}

Status check_branch(const Storage& lake, const std::string& ref) {
  const std::string name = branch_name_of(ref);
  const auto branch = find_branch(lake, name);
  if (!branch && branch.error().code != Errc::not_found) return branch.error();
  if (branch && branch->ref() == ref) return success();
  return {Errc::conflict,
          "the branch " + name + " of this run has been dropped: start a run on one that is there"};
}

Status drop_branch(Storage& lake, const std::string& name, const std::string& id) {
  if (!valid_branch_name(name)) return {Errc::invalid, no_branch_name(name), "name"};
  const std::lock_guard guard(marker_mutex());
  auto branch = read_marker(lake, name);
  // Nothing can be written on one whose marker cannot be read, as if the drop had begun.
  if (!branch && branch.error().code == Errc::malformed && id.empty())
    return finish_drop(lake, name);
  if (!branch && branch.error().code != Errc::not_found) return branch.error();
  if (!branch || (!id.empty() && branch->id != id))
    return {Errc::not_found, "there is no branch " + name};
  if (!branch->dropping) {
    branch->dropping = true;
    if (auto said = lake.put(marker_key(name), marker_text(*branch)); !said) return said;
  }
  return finish_drop(lake, name);
}

Result<std::vector<BranchTable>> branch_tables(const Storage& lake, const Branch& branch) {
  std::vector<BranchTable> out;
  if (auto done = collect_tables(lake, branch_key(branch.ref(), ""), "", 0, out); !done)
    return done.error();
  std::sort(out.begin(), out.end(),
            [](const BranchTable& a, const BranchTable& b) { return a.table < b.table; });
  return out;
}

Result<std::int64_t> remove_left_over(Storage& lake) {
  const auto names = lake.list(branches_prefix);
  if (!names) return names.error();
  std::int64_t count = 0;
  for (const std::string& prefix : names->prefixes) {
    const std::string name =
        prefix.substr(std::string_view(branches_prefix).size(),
                      prefix.size() - std::string_view(branches_prefix).size() - 1);
    if (!valid_branch_name(name)) continue;
    const auto refs = refs_below(lake, name);
    if (!refs) return refs.error();
    // Looked at behind them: an id that has no marker by now never has one again.
    const auto branch = read_marker(lake, name);
    if (!branch && branch.error().code == Errc::malformed) continue;
    if (!branch && branch.error().code != Errc::not_found) return branch.error();
    for (const std::string& ref : *refs) {
      if (branch && branch->ref() == ref) continue;
      if (!valid_branch_id(ref.substr(name.size() + 1))) continue;
      if (auto gone = remove_below(lake, branch_key(ref, ""), 0, &count); !gone)
        return gone.error();
    }
  }
  return count;
}

Result<std::vector<std::int64_t>> pinned_versions(const Storage& lake, const std::string& table) {
  const auto branches = list_branches(lake);
  if (!branches) return branches.error();
  std::set<std::int64_t> out;
  for (const Branch& branch : *branches) {
    if (branch.dropping) continue;
    // Where it is not known which of them is the branch each may be.
    const auto refs = branch.readable
                          ? Result<std::vector<std::string>>(std::vector<std::string>{branch.ref()})
                          : refs_below(lake, branch.name);
    if (!refs) return refs.error();
    for (const std::string& ref : *refs) {
      const auto own = own_log(lake, branch_key(ref, table + "/_delta_log/"));
      if (!own) return own.error();
      if (own->first > 0) out.insert(own->first - 1);
    }
  }
  return std::vector<std::int64_t>(out.begin(), out.end());
}

Result<SeenTable> seen_table(const Storage& storage, const std::string& table) {
  const auto* branch = dynamic_cast<const BranchStorage*>(&storage);
  return branch == nullptr ? SeenTable{} : branch->seen(table);
}

std::shared_ptr<Storage> branch_storage(std::shared_ptr<Storage> lake, const std::string& ref) {
  return std::make_shared<BranchStorage>(std::move(lake), ref);
}

}  // namespace batuta::lakelog
