#include "lakelog/table.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "lakelog/deletion_vector.h"
#include "lakelog/path.h"
#include "lakelog/snapshot.h"

namespace batuta::lakelog {
namespace {

constexpr int max_levels = 6;

Result<bool> has_log(const Storage& lake, const std::string& name) {
  auto log = lake.list(name + "/_delta_log/", {.limit = 1});
  if (!log) return log.error();
  return !log->objects.empty() || !log->prefixes.empty();
}

Status collect(const Storage& lake, const std::string& name, int level, std::size_t most,
               TableList& out) {
  if (!name.empty()) {
    const auto is_table = has_log(lake, name);
    if (!is_table) return is_table.error();
    if (*is_table) {
      out.cut = valid_table_name(name) && out.names.size() == most;
      if (valid_table_name(name) && !out.cut) out.names.push_back(name);
      return success();  // a table's prefixes hold its files, not tables
    }
  }
  if (level == max_levels) return success();
  const std::string prefix = name.empty() ? "" : name + "/";
  auto found = lake.list(prefix);
  if (!found) return found.error();
  for (const std::string& below : found->prefixes) {
    const std::string part = below.substr(prefix.size(), below.size() - prefix.size() - 1);
    if (part.starts_with('_') || part.starts_with('.') || part.find('=') != std::string::npos)
      continue;
    // What cannot be read below the lake's own top (lost+found) does not hide the others.
    if (auto done = collect(lake, prefix + part, level + 1, most, out); !done)
      out.unreadable.push_back(done.error().message);
    if (out.cut) break;
  }
  return success();
}

Result<HistoryEntry> history_entry(const LogFolder& log, std::int64_t version) {
  auto text = log.read(version);
  if (!text) return text.error();
  auto commit = parse_commit(*text);
  if (!commit) return commit.error();
  HistoryEntry entry;
  entry.version = version;
  entry.timestamp_ms = log.modified_ms(version);
  entry.added_files = static_cast<std::int64_t>(commit->adds.size());
  entry.removed_files = static_cast<std::int64_t>(commit->removes.size());
  entry.info_json = commit->info_json;
  auto info = parse_untrusted(entry.info_json.empty() ? "{}" : entry.info_json);
  if (!info) return entry;
  if (const auto at = info->find("timestamp"); at != info->end())
    entry.timestamp_ms = json_int(*at).value_or(entry.timestamp_ms);
  if (const auto at = info->find("operation"); at != info->end() && at->is_string())
    entry.operation = at->get<std::string>();
  if (const auto at = info->find("operationMetrics"); at != info->end())
    entry.metrics_json = json_text(*at);
  return entry;
}

}  // namespace

Result<TableList> list_tables(const Storage& lake, std::size_t most) {
  TableList list;
  if (auto done = collect(lake, "", 0, most, list); !done) return done.error();
  std::sort(list.names.begin(), list.names.end());
  return list;
}

Status check_place(const Storage& lake, const std::string& name) {
  for (auto end = name.find('/'); end != std::string::npos; end = name.find('/', end + 1)) {
    const std::string above = name.substr(0, end);
    const auto is_table = has_log(lake, above);
    if (!is_table) return is_table.error();
    if (*is_table) {
      return {Errc::invalid, "it lies below the table " + above + ": call one of them otherwise",
              "table"};
    }
  }
  TableList below;
  const auto level = static_cast<int>(std::count(name.begin(), name.end(), '/')) + 1;
  if (auto done = collect(lake, name, level, 1, below); !done) return done.error();
  if (below.names.empty() || below.names.front() == name) return success();
  return {Errc::invalid,
          "it lies above the table " + below.names.front() + ": call one of them otherwise",
          "table"};
}

Result<TableInfo> describe_table(Storage& lake, const std::string& name) {
  if (!valid_table_name(name)) return {Errc::invalid, no_table_name(name)};
  const LogFolder log(lake, name);
  auto snapshot = read_snapshot(log);
  if (!snapshot) return snapshot.error();
  TableInfo info;
  info.name = name;
  info.version = snapshot->version;
  info.id = snapshot->metadata.id;
  info.description = snapshot->metadata.description;
  info.columns = snapshot->metadata.columns;
  info.partition_columns = snapshot->metadata.partition_columns;
  info.files = static_cast<std::int64_t>(snapshot->files.size());
  info.created_ms = snapshot->metadata.created_ms;
  info.modified_ms = log.modified_ms(snapshot->version);
  info.rows = 0;
  std::set<PartitionValues> partitions;
  for (const auto& [path, file] : snapshot->files) {
    info.bytes += file.size;
    const auto rows = live_rows(file);
    info.rows = rows && info.rows ? std::optional(*info.rows + *rows) : std::nullopt;
    if (!info.partition_columns.empty()) partitions.insert(file.partition_values);
  }
  info.partitions = static_cast<std::int64_t>(partitions.size());
  return info;
}

Result<std::vector<HistoryEntry>> table_history(Storage& lake, const std::string& name,
                                                std::size_t limit, std::int64_t before) {
  if (!valid_table_name(name)) return {Errc::invalid, no_table_name(name)};
  const LogFolder log(lake, name);
  auto listing = log.list();
  if (!listing) return listing.error();
  if (listing->commits.empty()) return {Errc::not_found, "no table at " + name};
  std::vector<HistoryEntry> entries;
  for (auto it = listing->commits.rbegin(); it != listing->commits.rend(); ++it) {
    if (before >= 0 && *it >= before) continue;
    if (entries.size() == limit) break;
    auto entry = history_entry(log, *it);
    if (!entry) return entry.error();
    entries.push_back(std::move(*entry));
  }
  return entries;
}

}  // namespace batuta::lakelog
