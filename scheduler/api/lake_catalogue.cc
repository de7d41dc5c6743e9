#include "scheduler/api/lake_catalogue.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/time.h"
#include "lakelog/log_folder.h"
#include "lakelog/path.h"
#include "lakelog/snapshot.h"

namespace batuta::http {
namespace {

constexpr std::chrono::seconds names_age{1};
constexpr std::chrono::seconds not_open_age{10};
constexpr std::size_t most_kept = 10'000;
constexpr std::ptrdiff_t most_details = 32;
constexpr std::size_t most_tables = 10'000;
constexpr std::size_t most_told = 256;  // tables whose told columns are kept
constexpr std::size_t few_entries = 16, most_entries = 256;

std::string commit_key(const std::string& table, std::int64_t version) {
  return table + "/_delta_log/" + lakelog::commit_file_name(version);
}

std::int64_t steady_now() {
  return read_clock().boot.since.count();
}

void count(std::optional<std::int64_t>& sum, const std::optional<std::int64_t>& one) {
  sum = sum && one ? std::optional(*sum + *one) : std::nullopt;
}

// In the order in which people look for them: what is newest by its date first.
void add_partitions(const lakelog::Snapshot& snapshot, LakeDetail& detail) {
  std::map<lakelog::PartitionValues, LakePartition> found;
  for (const auto& [path, file] : snapshot.files) {
    LakePartition& one = found[file.partition_values];
    ++one.files;
    one.bytes += file.size;
    count(one.rows, lakelog::record_count(file));
  }
  detail.partition_count = std::ssize(found);
  for (auto it = found.rbegin(); it != found.rend(); ++it) {
    if (detail.partitions.size() == max_shown_partitions) break;
    detail.partitions.push_back(std::move(it->second));
    detail.partitions.back().values = it->first;
  }
}

LakeDetail detail_of(const lakelog::Snapshot& snapshot, std::int64_t modified_ms) {
  LakeDetail detail;
  LakeSummary& summary = detail.summary;
  summary.version = snapshot.version;
  summary.description = snapshot.metadata.description;
  summary.files = std::ssize(snapshot.files);
  summary.modified_ms = modified_ms;
  for (const lakelog::Column& column : snapshot.metadata.columns)
    summary.columns.push_back(column.name);
  summary.rows = 0;
  for (const auto& [path, file] : snapshot.files) {
    summary.bytes += file.size;
    const auto rows = lakelog::record_count(file);
    count(summary.rows, rows);
    detail.files.push_back({path, file.size, file.modification_ms, rows});
  }
  std::stable_sort(detail.files.begin(), detail.files.end(),
                   [](const LakeFile& a, const LakeFile& b) { return a.added_ms > b.added_ms; });
  if (detail.files.size() > max_shown_files) detail.files.resize(max_shown_files);
  detail.id = snapshot.metadata.id;
  detail.created_ms = snapshot.metadata.created_ms;
  detail.columns = snapshot.metadata.columns;
  detail.partition_columns = snapshot.metadata.partition_columns;
  detail.properties = snapshot.metadata.configuration;
  detail.reader_version = snapshot.protocol.min_reader;
  detail.writer_version = snapshot.protocol.min_writer;
  if (!detail.partition_columns.empty()) add_partitions(snapshot, detail);
  return detail;
}

// Of a log that cannot be read: the table is there, and its row says why it has no more to say.
Error readable(Error error) {
  if (error.code == Errc::invalid || error.code == Errc::malformed || error.code == Errc::too_large)
    error.code = Errc::conflict;
  return error;
}

LakeNames sorted_out(lakelog::TableList list) {
  LakeNames names;
  for (const std::string& path : list.names) {
    if (auto name = lake_name(path)) {
      names.tables.push_back(std::move(*name));
    } else {
      names.left_out.push_back(path + " does not lie in <layer>/<domain>/<table>");
    }
  }
  for (std::string& why : list.unreadable) names.left_out.push_back(std::move(why));
  if (list.cut)
    names.left_out.push_back("there are more tables than these " + std::to_string(most_tables));
  return names;
}

// The rows of files by their paths, brought forward commit by commit.
class RowTally {
 public:
  // As the table was at `version`; -1: before there was one. False: the log does not tell.
  bool start(const lakelog::LogFolder& log, std::int64_t version) {
    if (version < 0) return true;
    const auto snapshot = lakelog::read_snapshot(log, version);
    if (!snapshot) return false;
    for (const auto& [path, file] : snapshot->files) add(file);
    return true;
  }
  void apply(const lakelog::Commit& commit, LakeVersion& version) {
    version.rows_added = version.rows_removed = 0;
    for (const lakelog::RemoveFile& file : commit.removes) {
      const auto known = files_.find(file.path);
      if (known == files_.end()) continue;  // removed before
      count(version.rows_removed, known->second.first);
      files_.erase(known);
    }
    for (const lakelog::AddFile& file : commit.adds) {
      count(version.rows_added, lakelog::record_count(file));
      add(file);
    }
    version.rows = version.bytes = 0;
    for (const auto& [path, file] : files_) {
      count(version.rows, file.first);
      *version.bytes += file.second;
    }
  }

 private:
  void add(const lakelog::AddFile& file) {
    files_.insert_or_assign(file.path, std::pair(lakelog::record_count(file), file.size));
  }
  std::map<std::string, std::pair<std::optional<std::int64_t>, std::int64_t>> files_;
};

// Versions that leave rows and columns what they were.
bool is_upkeep(const std::string& operation) {
  return operation == "OPTIMIZE" || operation == "ERASE" || operation.starts_with("VACUUM") ||
         operation == "ROTATE KEY";
}

std::string column_lineage_of(const lakelog::HistoryEntry& entry) {
  const auto metrics =
      parse_untrusted(entry.metrics_json.empty() ? "{}" : std::string_view(entry.metrics_json));
  if (!metrics || !metrics->is_object()) return {};
  const auto told = metrics->find("column_lineage");
  return told != metrics->end() && told->is_string() ? told->get<std::string>() : std::string();
}

}  // namespace

Result<LakeName> lake_name(const std::string& path) {
  const auto first = path.find('/');
  const auto second = first == path.npos ? path.npos : path.find('/', first + 1);
  if (second == path.npos || path.find('/', second + 1) != path.npos ||
      !lakelog::valid_table_name(path))
    return {Errc::not_found, "no table of that name"};
  return LakeName{path.substr(0, first), path.substr(first + 1, second - first - 1),
                  path.substr(second + 1)};
}

Result<lakelog::Storage*> LakeCatalogue::storage() {
  if (!lake_) return {Errc::unavailable, "this installation has no lake"};
  const std::lock_guard guard(mutex_);
  if (!storage_) {
    // A store that is away costs each try a while, which all that read the page would wait for.
    if (not_open_ && steady_now() < not_open_until_) return *not_open_;
    auto opened = lake_->storage();
    if (!opened) {
      not_open_ = opened.error();
      not_open_until_ = steady_now() + std::chrono::microseconds(not_open_age).count();
      return opened.error();
    }
    storage_ = std::move(*opened);
  }
  return storage_.get();
}

Result<std::shared_ptr<const LakeNames>> LakeCatalogue::names() {
  const auto lake = storage();
  if (!lake) return lake.error();
  const std::int64_t now = steady_now();
  {
    const std::lock_guard guard(mutex_);
    if (names_ && now < names_until_) return names_;
  }
  auto list = lakelog::list_tables(**lake, most_tables);
  if (!list) return list.error();
  auto names = std::make_shared<const LakeNames>(sorted_out(std::move(*list)));
  const std::lock_guard guard(mutex_);
  names_ = names;
  names_until_ = now + std::chrono::microseconds(names_age).count();
  return names;
}

Status LakeCatalogue::check(const LakeName& name) {
  const auto lake = storage();
  if (!lake) return lake.error();
  const auto log = (*lake)->list(name.path() + "/_delta_log/", {.limit = 1});
  if (!log) return log.error();
  if (!log->objects.empty() || !log->prefixes.empty()) return success();
  return {Errc::not_found, "there is no table " + name.path()};
}

// The next version is not there, and this one still is what was read: a table that was dropped and
// made anew has another time.
bool LakeCatalogue::stands(const LakeName& name, const LakeSummary& summary) {
  if (!summary.problem.empty() || summary.version < 0) return false;
  const auto lake = storage();
  if (!lake) return false;
  const auto next = (*lake)->stat(commit_key(name.path(), summary.version + 1));
  if (next || next.error().code != Errc::not_found) return false;
  const auto own = (*lake)->stat(commit_key(name.path(), summary.version));
  return own && own->modified_ms == summary.modified_ms;
}

void LakeCatalogue::keep(const std::string& path, Kept kept) {
  const std::lock_guard guard(mutex_);
  kept.used = ++uses_;
  const bool has_detail = kept.detail != nullptr;
  kept_.insert_or_assign(path, std::move(kept));
  const auto unused_longest = [&](bool with_detail) {
    auto found = kept_.end();
    for (auto it = kept_.begin(); it != kept_.end(); ++it) {
      if (with_detail && !it->second.detail) continue;
      if (found == kept_.end() || it->second.used < found->second.used) found = it;
    }
    return found;
  };
  const auto details = [&] {
    return std::count_if(kept_.begin(), kept_.end(),
                         [](const auto& one) { return one.second.detail != nullptr; });
  };
  if (has_detail && details() > most_details) {
    Kept& left = unused_longest(true)->second;
    left.detail.reset();
    left.parts.reset();
  }
  if (kept_.size() > most_kept) kept_.erase(unused_longest(false));
}

LakeSummary LakeCatalogue::summary(const LakeName& name) {
  const std::string path = name.path();
  std::optional<LakeSummary> known;
  {
    const std::lock_guard guard(mutex_);
    if (const auto it = kept_.find(path); it != kept_.end()) {
      known = it->second.summary;
      it->second.used = ++uses_;
    }
  }
  if (known && stands(name, *known)) return *known;
  const auto lake = storage();
  LakeSummary summary;
  summary.problem = lake ? "" : lake.error().message;
  if (!lake) return summary;
  const lakelog::LogFolder log(**lake, path);
  const auto snapshot = lakelog::read_snapshot(log);
  if (!snapshot) {
    summary.problem = snapshot.error().message;
    return summary;
  }
  summary = detail_of(*snapshot, log.modified_ms(snapshot->version)).summary;
  keep(path, {summary, nullptr, 0});
  return summary;
}

Result<std::shared_ptr<const LakeDetail>> LakeCatalogue::detail(const LakeName& name) {
  const auto lake = storage();
  if (!lake) return lake.error();
  const std::string path = name.path();
  std::shared_ptr<const LakeDetail> known;
  {
    const std::lock_guard guard(mutex_);
    if (const auto it = kept_.find(path); it != kept_.end()) known = it->second.detail;
  }
  if (known && stands(name, known->summary)) return known;
  const lakelog::LogFolder log(**lake, path);
  const auto snapshot = lakelog::read_snapshot(log);
  if (!snapshot) return readable(snapshot.error());
  auto detail =
      std::make_shared<const LakeDetail>(detail_of(*snapshot, log.modified_ms(snapshot->version)));
  keep(path, {detail->summary, detail, 0});
  return detail;
}

Result<lakelog::Snapshot> LakeCatalogue::snapshot(const LakeName& name, std::int64_t version) {
  const auto lake = storage();
  if (!lake) return lake.error();
  auto found = lakelog::read_snapshot(lakelog::LogFolder(**lake, name.path()), version);
  if (!found) return readable(found.error());
  return found;
}

std::string LakeCatalogue::told_columns(const LakeName& name) {
  const LakeSummary now = summary(name);
  const auto lake = storage();
  if (!now.problem.empty() || !lake) return {};
  const std::string path = name.path();
  {
    const std::lock_guard guard(mutex_);
    const auto known = told_.find(path);
    if (known != told_.end() && known->second.version == now.version &&
        known->second.modified_ms == now.modified_ms)
      return known->second.text;
  }
  Told told{now.version, now.modified_ms, {}};
  bool found = false;
  for (const std::size_t limit : {few_entries, most_entries}) {
    const auto entries = lakelog::table_history(**lake, path, limit, now.version + 1);
    if (!entries) return {};
    for (const lakelog::HistoryEntry& entry : *entries) {
      if (is_upkeep(entry.operation)) continue;
      told.text = column_lineage_of(entry);
      found = true;
      break;
    }
    if (found || entries->size() < limit) break;
  }
  const std::lock_guard guard(mutex_);
  if (told_.size() >= most_told) told_.clear();
  return told_.insert_or_assign(path, std::move(told)).first->second.text;
}

Result<PageOf<LakeVersion>> LakeCatalogue::versions(const LakeName& name, const Page& page) {
  const auto lake = storage();
  if (!lake) return lake.error();
  const lakelog::LogFolder log(**lake, name.path());
  const auto listing = log.list();
  if (!listing) return listing.error();
  const auto& commits = listing->commits;  // ascending
  if (commits.empty()) return {Errc::not_found, "there is no table " + name.path()};
  PageOf<LakeVersion> found;
  found.total = std::ssize(commits);
  const auto end = found.total - std::min(page.offset, found.total);  // exclusive
  const auto begin = end - std::min(page.limit, end);
  if (begin == end) return found;
  const auto at = [&](std::int64_t i) { return commits[static_cast<std::size_t>(i)]; };
  auto entries = lakelog::table_history(**lake, name.path(), static_cast<std::size_t>(end - begin),
                                        at(end - 1) + 1);
  if (!entries) return readable(entries.error());
  RowTally tally;
  bool counts = tally.start(log, at(begin) - 1);
  for (auto& entry : *entries) found.rows.push_back({std::move(entry), {}, {}, {}, {}});
  for (auto row = found.rows.rbegin(); row != found.rows.rend() && counts; ++row) {
    const auto text = log.read(row->entry.version);
    const auto commit = text ? lakelog::parse_commit(*text) : Result<lakelog::Commit>(text.error());
    counts = commit.ok();
    if (counts) tally.apply(*commit, *row);
  }
  return found;
}

}  // namespace batuta::http
