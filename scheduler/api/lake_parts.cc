// Which version of a table wrote each of its partitions last, and whose run that was: what its
// commits tell, from the newest back.
#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/log_folder.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/lake_catalogue.h"

namespace batuta::http {

using nlohmann::json;

namespace {

// More entries are not read for one answer: what was written before them has no known maker.
constexpr std::size_t most_read_commits = 200;

std::string maker_text(const json& made, const char* name) {
  if (!made.is_object()) return {};
  const auto at = made.find(name);
  return at != made.end() && at->is_string() ? at->get<std::string>() : std::string();
}

// When a version was made, and by whom.
LakeMadePart writer_of(const lakelog::Commit& commit, std::int64_t version) {
  LakeMadePart by;
  by.version = version;
  const json info = stored_json(commit.info_json);
  if (!info.is_object()) return by;
  if (const auto at = info.find("timestamp"); at != info.end())
    by.changed_ms = json_int(*at).value_or(0);
  const json made = info.value("batuta", json());
  by.dag_id = maker_text(made, "dag_id");
  by.run_id = maker_text(made, "run_id");
  by.task_id = maker_text(made, "task_id");
  return by;
}

void set_writer(LakeMadePart& part, const LakeMadePart& by) {
  part.version = by.version;
  part.changed_ms = by.changed_ms;
  part.dag_id = by.dag_id;
  part.run_id = by.run_id;
  part.task_id = by.task_id;
}

}  // namespace

// nullptr: not of that detail.
std::shared_ptr<const LakeMadeParts> LakeCatalogue::kept_parts(const LakeName& name,
                                                               const LakeDetail* of) {
  const std::lock_guard guard(mutex_);
  const auto kept = kept_.find(name.path());
  return kept != kept_.end() && kept->second.detail.get() == of ? kept->second.parts : nullptr;
}

Result<LakeMadeParts> LakeCatalogue::parts(const LakeName& name) {
  const auto known = detail(name);
  if (!known) return known.error();
  if (const auto kept = kept_parts(name, known->get())) return *kept;
  LakeMadeParts out;
  out.columns = (*known)->partition_columns;
  if (out.columns.empty()) return out;
  out.more = (*known)->partition_count > std::ssize((*known)->partitions);
  std::map<lakelog::PartitionValues, std::size_t> left;
  for (const LakePartition& one : (*known)->partitions) {
    left.emplace(one.values, out.parts.size());
    LakeMadePart& part = out.parts.emplace_back();
    part.values = one.values;
    part.rows = one.rows;
  }
  const auto lake = storage();
  if (!lake) return lake.error();
  const lakelog::LogFolder log(**lake, name.path());
  const auto listing = log.list();
  if (!listing) return listing.error();
  std::size_t read = 0;
  bool is_whole = true;  // false: a store that was away for a moment tells more the next time
  for (auto it = listing->commits.rbegin(); it != listing->commits.rend() && !left.empty(); ++it) {
    if (*it > (*known)->summary.version) continue;
    if (++read > most_read_commits) break;
    const auto text = log.read(*it);
    const auto commit = text ? lakelog::parse_commit(*text) : Result<lakelog::Commit>(text.error());
    if (!commit) {  // cleaned up meanwhile, or of a newer writer: the rest is not known
      is_whole = text || text.error().code == Errc::not_found;
      break;
    }
    LakeMadePart by = writer_of(*commit, *it);
    if (by.changed_ms == 0) by.changed_ms = log.modified_ms(*it);
    const auto touch = [&](const lakelog::PartitionValues& values, bool data_change) {
      const auto found = data_change ? left.find(values) : left.end();
      if (found == left.end()) return;
      set_writer(out.parts[found->second], by);
      left.erase(found);
    };
    for (const lakelog::AddFile& file : commit->adds)
      touch(file.partition_values, file.data_change);
    for (const lakelog::RemoveFile& file : commit->removes)
      if (file.partition_values) touch(*file.partition_values, file.data_change);
  }
  if (is_whole) {
    const std::lock_guard guard(mutex_);
    const auto kept = kept_.find(name.path());
    if (kept != kept_.end() && kept->second.detail == *known)
      kept->second.parts = std::make_shared<const LakeMadeParts>(out);
  }
  return out;
}

}  // namespace batuta::http
