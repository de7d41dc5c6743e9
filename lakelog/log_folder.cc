#include "lakelog/log_folder.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>

namespace batuta::lakelog {
namespace {

constexpr std::size_t version_digits = 20;

std::string padded(std::int64_t version) {
  std::string digits = std::to_string(version);
  return std::string(version_digits - digits.size(), '0') + digits;
}

std::string compacted_file_name(std::int64_t end) {
  return padded(0) + "." + padded(end) + ".compacted.json";
}

bool parse_version(std::string_view digits, std::int64_t& out) {
  if (digits.size() != version_digits) return false;
  const auto [ptr, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return ec == std::errc{} && ptr == digits.data() + digits.size();
}

// Parts of checkpoints by version and number of parts; a whole one is its own and only part.
struct Parts {
  std::map<std::pair<std::int64_t, std::int64_t>, std::map<std::int64_t, std::string>> by_total;
  std::map<std::int64_t, std::string> v2;  // by version: any of one version will do
  bool has_other = false;
};

bool parse_part(std::string_view digits, std::int64_t& out) {
  constexpr std::size_t part_digits = 10;
  if (digits.size() != part_digits) return false;
  const auto [ptr, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return ec == std::errc{} && ptr == digits.data() + digits.size() && out > 0;
}

// "<uuid>.json" or "<uuid>.parquet".
bool is_v2(std::string_view kind) {
  constexpr std::size_t uuid = 36;
  const std::string_view ending = kind.substr(std::min(uuid, kind.size()));
  return (ending == ".json" || ending == ".parquet") &&
         kind.substr(0, uuid).find_first_not_of("0123456789abcdefABCDEF-") ==
             std::string_view::npos;
}

// `kind` is what follows ".checkpoint.": "parquet", or "<part>.<parts>.parquet".
void take_checkpoint(std::int64_t version, std::string_view name, std::string_view kind,
                     Parts& found) {
  std::int64_t part = 1;
  std::int64_t total = 1;
  const auto dot = kind.find('.');
  const bool whole = kind == "parquet";
  const bool split =
      dot != std::string_view::npos && kind.ends_with(".parquet") &&
      kind.find('.', dot + 1) == kind.size() - std::strlen(".parquet") &&
      parse_part(kind.substr(0, dot), part) &&
      parse_part(kind.substr(dot + 1, kind.size() - std::strlen(".parquet") - dot - 1), total) &&
      part <= total;
  if (whole || split) {
    found.by_total[{version, total}][part] = name;
  } else if (is_v2(kind)) {
    found.v2[version] = name;
  } else {
    found.has_other = true;
  }
}

constexpr std::size_t max_missed = 1000;

// Of two whole ones of a version, either will do.
void take_checkpoints(const Parts& found, const std::string& prefix, LogListing& listing) {
  listing.has_other_checkpoint = found.has_other;
  for (const auto& [which, parts] : found.by_total) {
    if (static_cast<std::int64_t>(parts.size()) != which.second) {
      listing.has_other_checkpoint = true;
      continue;
    }
    CheckpointFiles files{which.first, {}};
    for (const auto& [number, name] : parts) files.keys.push_back(prefix + name);
    listing.checkpoints.push_back(std::move(files));
  }
  for (const auto& [version, name] : found.v2)
    listing.checkpoints.push_back({version, {prefix + name}, true});
  std::stable_sort(
      listing.checkpoints.begin(), listing.checkpoints.end(),
      [](const CheckpointFiles& a, const CheckpointFiles& b) { return a.version < b.version; });
}

void take_name(std::string_view name, LogListing& listing, Parts& found) {
  std::int64_t version = 0;
  if (name.size() < version_digits || !parse_version(name.substr(0, version_digits), version))
    return;
  const auto rest = name.substr(version_digits);
  if (rest == ".json") {
    listing.commits.push_back(version);
  } else if (rest.starts_with(".checkpoint.")) {
    take_checkpoint(version, name, rest.substr(std::strlen(".checkpoint.")), found);
  } else if (rest.ends_with(".compacted.json") && version == 0 &&
             parse_version(rest.substr(1, std::min(version_digits, rest.size() - 1)), version)) {
    listing.compactions.push_back(version);
  }
}

}  // namespace

std::int64_t newest_version(const LogListing& listing) {
  std::int64_t newest = listing.commits.empty() ? -1 : listing.commits.back();
  if (!listing.checkpoints.empty()) newest = std::max(newest, listing.checkpoints.back().version);
  return newest;
}

std::string commit_file_name(std::int64_t version) {
  return padded(version) + ".json";
}

LogFolder::LogFolder(Storage& storage, std::string table)
    : storage_(&storage), table_(std::move(table)), prefix_(table_ + "/_delta_log/") {}

Result<LogListing> LogFolder::list() const {
  auto found = storage_->list(prefix_);
  if (!found) return found.error();
  LogListing listing;
  Parts parts;
  for (const ObjectInfo& object : found->objects)
    take_name(std::string_view(object.key).substr(prefix_.size()), listing, parts);
  take_checkpoints(parts, prefix_, listing);
  std::sort(listing.commits.begin(), listing.commits.end());
  std::sort(listing.compactions.begin(), listing.compactions.end());
  add_missed(listing.commits, -1);
  return listing;
}

Result<std::vector<std::int64_t>> LogFolder::commits_after(std::int64_t version) const {
  ListOptions options;
  if (version >= 0) options.start_after = prefix_ + commit_file_name(version);
  auto found = storage_->list(prefix_, options);
  if (!found) return found.error();
  LogListing listing;
  Parts parts;
  for (const ObjectInfo& object : found->objects)
    take_name(std::string_view(object.key).substr(prefix_.size()), listing, parts);
  std::sort(listing.commits.begin(), listing.commits.end());
  add_missed(listing.commits, version);
  return std::move(listing.commits);
}

// A folder that is read while others write into it may show what came last and not what came just
// before (POSIX leaves both open): what seems to be missing is looked for by its name.
void LogFolder::add_missed(std::vector<std::int64_t>& commits, std::int64_t after) const {
  std::vector<std::int64_t> missed;
  std::int64_t before = after;
  for (const std::int64_t version : commits) {
    for (std::int64_t v = version - 1; v > before && missed.size() < max_missed; --v) {
      if (!storage_->stat(prefix_ + commit_file_name(v))) break;
      missed.push_back(v);
    }
    before = version;
  }
  if (missed.empty()) return;
  commits.insert(commits.end(), missed.begin(), missed.end());
  std::sort(commits.begin(), commits.end());
}

Result<std::string> LogFolder::read_entry(const std::string& name) const {
  auto text = storage_->read(prefix_ + name, {0, max_commit_bytes + 1});
  if (text && text->size() > max_commit_bytes) {
    return {Errc::too_large,
            prefix_ + name + " is larger than " + std::to_string(max_commit_bytes) + " bytes"};
  }
  return text;
}

Result<std::string> LogFolder::read(std::int64_t version) const {
  return read_entry(commit_file_name(version));
}

Result<std::string> LogFolder::read_compacted(std::int64_t end) const {
  return read_entry(compacted_file_name(end));
}

Result<std::int64_t> LogFolder::replay_bytes(std::int64_t version) const {
  auto found = storage_->list(prefix_, {.details = true});
  if (!found) return found.error();
  std::int64_t start = -1;
  std::int64_t bytes = 0;
  std::map<std::int64_t, std::int64_t> commits;
  for (const ObjectInfo& object : found->objects) {
    LogListing one;
    Parts parts;
    take_name(std::string_view(object.key).substr(prefix_.size()), one, parts);
    if (!one.commits.empty()) commits[one.commits[0]] = object.size;
    if (one.compactions.empty() || one.compactions[0] > version || one.compactions[0] < start)
      continue;
    start = one.compactions[0];
    bytes = object.size;
  }
  for (auto it = commits.upper_bound(start); it != commits.end() && it->first <= version; ++it)
    bytes += it->second;
  return bytes;
}

Result<std::int64_t> LogFolder::written_ms(std::int64_t version) const {
  const auto told = storage_->stat(prefix_ + commit_file_name(version));
  if (!told) return told.error();
  return told->modified_ms;
}

std::int64_t LogFolder::modified_ms(std::int64_t version) const {
  const auto written = written_ms(version);
  return written ? *written : 0;
}

Result<Put> LogFolder::put_if_absent(std::int64_t version, const std::string& text) const {
  return storage_->put_if_absent(prefix_ + commit_file_name(version), text);
}

Status LogFolder::sync(std::int64_t version) const {
  return storage_->sync({prefix_ + commit_file_name(version)});
}

Status LogFolder::put_compacted(std::int64_t end, const std::string& text) const {
  return storage_->put(prefix_ + compacted_file_name(end), text);
}

Status LogFolder::remove_compacted(std::int64_t end) const {
  return storage_->remove(prefix_ + compacted_file_name(end));
}

Status LogFolder::put_checkpoint(std::int64_t version, const std::string& bytes) const {
  return storage_->put(prefix_ + padded(version) + ".checkpoint.parquet", bytes);
}

Status LogFolder::put_checkpoint_hint(const std::string& hint) const {
  return storage_->put(prefix_ + "_last_checkpoint", hint);
}

Status LogFolder::remove_commit(std::int64_t version) const {
  return storage_->remove(prefix_ + commit_file_name(version));
}

Status LogFolder::remove_checkpoint(const CheckpointFiles& files) const {
  for (const std::string& key : files.keys)
    if (auto removed = storage_->remove(key); !removed) return removed;
  return success();
}

}  // namespace batuta::lakelog
