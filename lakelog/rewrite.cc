#include "lakelog/rewrite.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/schema.h"

namespace batuta::lakelog {
namespace {

using nlohmann::json;

constexpr const char* tag_name = "batuta.clusteredBy";

bool is_clustered(const AddFile& file, const std::vector<std::string>& columns) {
  if (file.extra_json.empty()) return false;
  const auto extra = parse_untrusted(file.extra_json);
  if (!extra || !extra->is_object()) return false;
  const auto tags = extra->find("tags");
  if (tags == extra->end() || !tags->is_object()) return false;
  const auto told = tags->find(tag_name);
  return told != tags->end() && told->is_string() && *told == json_text(json(columns));
}

// First fit, in the files' order: no two groups could be one.
std::vector<RewriteGroup> packed(std::vector<AddFile> files, std::int64_t most) {
  std::vector<RewriteGroup> groups;
  for (AddFile& file : files) {
    const auto room = std::find_if(groups.begin(), groups.end(), [&](const RewriteGroup& group) {
      return group.bytes + file.size <= most;
    });
    RewriteGroup& group = room == groups.end() ? groups.emplace_back() : *room;
    group.partition = file.partition_values;
    group.bytes += file.size;
    group.files.push_back(std::move(file));
  }
  return groups;
}

// A sorted group is worth it where a file is not sorted yet, or fewer files come out.
bool worth_sorting(const RewriteGroup& group, const std::vector<std::string>& columns) {
  const bool unsorted =
      std::any_of(group.files.begin(), group.files.end(),
                  [&](const AddFile& file) { return !is_clustered(file, columns); });
  return unsorted || group.outputs < static_cast<std::int64_t>(group.files.size());
}

void plan_partition(const std::vector<const AddFile*>& files, const RewriteOptions& options,
                    std::vector<RewriteGroup>& plan) {
  const bool sorts = !options.cluster_by.empty();
  std::vector<AddFile> chosen;
  for (const AddFile* file : files) {
    const bool small = file->size < options.target_bytes / 2;
    if (small || (sorts && !is_clustered(*file, options.cluster_by))) chosen.push_back(*file);
  }
  const std::int64_t most =
      sorts ? std::max(options.max_group_bytes, options.target_bytes) : options.target_bytes;
  for (RewriteGroup& group : packed(std::move(chosen), most)) {
    if (sorts) {
      group.outputs = std::max<std::int64_t>(
          1, (group.bytes + options.target_bytes - 1) / options.target_bytes);
    }
    const bool worth = sorts ? worth_sorting(group, options.cluster_by) : group.files.size() > 1;
    if (worth) plan.push_back(std::move(group));
  }
}

}  // namespace

Status check_cluster_columns(const Metadata& metadata, const std::vector<std::string>& columns) {
  for (const std::string& name : columns) {
    const auto found = std::find_if(metadata.columns.begin(), metadata.columns.end(),
                                    [&](const Column& column) { return column.name == name; });
    if (found == metadata.columns.end()) {
      std::string known;
      for (const Column& column : metadata.columns)
        known += (known.empty() ? "" : ", ") + column.name;
      return {Errc::invalid, "there is no column " + name + " to cluster by; there are " + known};
    }
    const auto& partitions = metadata.partition_columns;
    if (std::find(partitions.begin(), partitions.end(), name) != partitions.end())
      return {Errc::invalid, name + " partitions the table: its files are apart by it already"};
    if (!is_primitive_type(found->type) || found->type == "binary")
      return {Errc::invalid, "the values of " + name + " have no order to cluster by"};
  }
  return success();
}

std::vector<RewriteGroup> plan_rewrite(const Snapshot& snapshot, const RewriteOptions& options) {
  std::map<PartitionValues, std::vector<const AddFile*>> partitions;
  for (const auto& [path, file] : snapshot.files)
    partitions[file.partition_values].push_back(&file);
  std::vector<RewriteGroup> plan;
  for (const auto& [partition, files] : partitions) plan_partition(files, options, plan);
  return plan;
}

Change rewrite_change(std::int64_t read_version, const std::vector<Rewritten>& rewritten,
                      const RewriteOptions& options) {
  Change change;
  change.read_version = read_version;
  change.operation = "OPTIMIZE";
  change.intent.read_partitions.emplace();  // none: only the files themselves matter
  std::int64_t old_bytes = 0;
  std::int64_t new_bytes = 0;
  for (const Rewritten& each : rewritten) {
    for (const AddFile& file : each.group.files) {
      RemoveFile remove{file.path, 0, false, file.partition_values, file.size};
      change.intent.removes.insert(file.path);
      change.commit.removes.push_back(std::move(remove));
      old_bytes += file.size;
    }
    for (const AddFile& file : each.added) {
      change.commit.adds.push_back(file);
      change.commit.adds.back().data_change = false;
      new_bytes += file.size;
    }
  }
  change.parameters = {{"targetSize", std::to_string(options.target_bytes)},
                       {"clusterBy", json_text(json(options.cluster_by))}};
  change.metrics = {{"numRemovedFiles", static_cast<std::int64_t>(change.commit.removes.size())},
                    {"numAddedFiles", static_cast<std::int64_t>(change.commit.adds.size())},
                    {"numRemovedBytes", old_bytes},
                    {"numAddedBytes", new_bytes}};
  return change;
}

bool still_holds(const RewriteGroup& group, const Snapshot& snapshot) {
  return std::all_of(group.files.begin(), group.files.end(), [&](const AddFile& file) {
    const auto found = snapshot.files.find(file.path);
    return found != snapshot.files.end() && found->second == file;
  });
}

std::string cluster_tag(const std::vector<std::string>& columns) {
  if (columns.empty()) return {};
  return json_text({{"tags", {{tag_name, json_text(json(columns))}}}});
}

}  // namespace batuta::lakelog
