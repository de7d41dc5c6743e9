#include "plugins/monitors/look.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/change.h"
#include "lakelog/log_folder.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/must.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

// Entries of a log that are read to find versions of data, at most.
constexpr std::size_t most_entries = 500;
constexpr const char* nothing_told =
    "the platform told nothing of attempts: run it by the server's DAG lake_monitors";

bool changes_data(const lakelog::Commit& commit) {
  const auto of_data = [](const auto& file) { return file.data_change; };
  if (std::any_of(commit.adds.begin(), commit.adds.end(), of_data) ||
      std::any_of(commit.removes.begin(), commit.removes.end(), of_data))
    return true;
  // A marker alone: its task found nothing new, and brought the table up to date. Few write one
  // then.
  return commit.adds.empty() && commit.removes.empty() && !commit.txns.empty();
}

std::optional<std::int64_t> written_by(const lakelog::Commit& commit) {
  std::int64_t rows = 0;
  for (const lakelog::AddFile& file : commit.adds) {
    if (!file.data_change) continue;
    const auto count = lakelog::record_count(file);
    if (!count) return std::nullopt;
    rows += *count;
  }
  return rows;
}

std::int64_t made_ms(const lakelog::LogFolder& log, std::int64_t version,
                     const lakelog::Commit& commit) {
  const auto info = parse_untrusted(commit.info_json.empty() ? "{}" : commit.info_json);
  if (info && info->is_object())
    if (const auto at = info->find("timestamp"); at != info->end())
      if (const auto ms = json_int(*at)) return *ms;
  return log.modified_ms(version);
}

void look_at_versions(const DeltaTable& table, std::size_t versions, monitor::Sight& seen) {
  const lakelog::LogFolder log(*table.storage(), table.name());
  const auto listing = must(log.list());
  std::size_t looked = 0;
  for (auto at = listing.commits.rbegin(); at != listing.commits.rend(); ++at) {
    if (++looked > most_entries || seen.written.size() >= versions) return;
    const auto text = log.read(*at);
    if (!text && text.error().code == Errc::not_found) return;  // cleaned up meanwhile
    if (!text) throw plugin::RetryableError(text.error().message);
    const auto commit = lakelog::parse_commit(*text);
    if (!commit) {
      seen.trouble =
          table.name() + " version " + std::to_string(*at) + ": " + commit.error().message;
      return;
    }
    if (!changes_data(*commit)) {
      if (!seen.changed)
        seen.unchanged_since = Time(std::chrono::milliseconds(made_ms(log, *at, *commit)));
      continue;
    }
    if (!seen.changed) seen.changed = Time(std::chrono::milliseconds(made_ms(log, *at, *commit)));
    seen.unchanged_since.reset();
    // What only takes rows away wrote none, and is no measure of what is written.
    if (std::any_of(commit->adds.begin(), commit->adds.end(),
                    [](const lakelog::AddFile& file) { return file.data_change; }))
      seen.written.push_back(written_by(*commit));
  }
}

std::string word_of(const json& object, const char* name) {
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}
std::int64_t count_of(const json& object, const char* name) {
  const auto at = object.find(name);
  return at == object.end() ? 0 : json_int(*at).value_or(0);
}
// Its members that are objects.
std::vector<json> objects_of(const json& object, const char* name) {
  std::vector<json> out;
  const auto list = object.find(name);
  if (list == object.end() || !list->is_array()) return out;
  for (const json& one : *list)
    if (one.is_object()) out.push_back(one);
  return out;
}

}  // namespace

monitor::Sight look_at_table(Session& session, const Lake& lake, const std::string& table,
                             std::size_t versions) {
  monitor::Sight seen;
  try {
    const DeltaTable opened = DeltaTable::open(session, lake, table);
    seen.is_there = opened.exists();
    if (!seen.is_there) return seen;
    for (const lakelog::Column& column : opened.snapshot().metadata.columns)
      seen.columns.emplace_back(column.name, column.type);
    look_at_versions(opened, versions, seen);
  } catch (const plugin::FinalError& refused) {
    seen.trouble = refused.what();  // one that cannot be read is no reason to judge no other
  }
  return seen;
}

monitor::Sight look_at_quality(const json& platform, const std::string& table) {
  monitor::Sight seen;
  if (!platform.is_object()) {
    seen.trouble = nothing_told;
    return seen;
  }
  for (const json& report : objects_of(platform, "quality")) {
    if (word_of(report, "table") != table) continue;
    seen.quality.emplace();
    seen.quality_at = parse_iso(word_of(report, "at"));
    for (const json& one : objects_of(report, "results")) {
      const auto passed = one.find("passed");
      seen.quality->push_back({word_of(one, "rule"),
                               passed == one.end() || !passed->is_boolean() || passed->get<bool>(),
                               word_of(one, "severity") == "blocking", count_of(one, "failed"),
                               count_of(one, "checked")});
    }
    break;
  }
  return seen;
}

monitor::Sight look_at_tasks(const json& platform, const std::string& dag) {
  monitor::Sight seen;
  if (!platform.is_object()) {
    seen.trouble = nothing_told;
    return seen;
  }
  for (const json& task : objects_of(platform, "tasks")) {
    if (word_of(task, "dag") == dag)
      seen.tasks.push_back(
          {word_of(task, "task"), count_of(task, "failed"), word_of(task, "error")});
  }
  return seen;
}

monitor::Sight look_at_lag(const json& platform, const monitor::Monitor& of) {
  monitor::Sight seen;
  seen.trouble = platform.is_object()
                     ? "nobody has looked yet how far " + of.group + " is behind in " + of.topic
                     : nothing_told;
  if (!platform.is_object()) return seen;
  for (const json& one : objects_of(platform, "lags")) {
    if (word_of(one, "connection") != of.connection || word_of(one, "topic") != of.topic ||
        word_of(one, "group") != of.group)
      continue;
    seen.trouble = word_of(one, "trouble");
    seen.behind = count_of(one, "records");
    seen.lost = count_of(one, "lost");
  }
  return seen;
}

monitor::Sight look_at_cost(const json& platform, const monitor::Monitor& of) {
  monitor::Sight seen;
  if (!platform.is_object()) {
    seen.trouble = nothing_told;
    return seen;
  }
  const auto says = [](const json& object, const char* name) {
    const auto at = object.find(name);
    return at != object.end() && at->is_boolean() && at->get<bool>();
  };
  for (const json& one : objects_of(platform, "costs")) {
    if (word_of(one, "target") != of.target() ||
        count_of(one, "window_seconds") != of.window / std::chrono::seconds(1))
      continue;
    seen.trouble = word_of(one, "trouble");
    monitor::Cost cost;
    cost.runs = count_of(one, "runs");
    const auto cpu = one.find("cpu_seconds");
    if (cpu != one.end() && cpu->is_number()) cost.cpu_seconds = cpu->get<double>();
    cost.bytes_scanned = count_of(one, "scanned_bytes");
    cost.bytes_stored = count_of(one, "stored_bytes");
    cost.unmeasured = count_of(one, "unmeasured");
    cost.more = says(one, "more");
    cost.size_unknown = says(one, "size_unknown");
    seen.cost = cost;
  }
  return seen;
}

}  // namespace batuta::lake
