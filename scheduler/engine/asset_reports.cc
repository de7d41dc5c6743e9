#include "scheduler/engine/asset_reports.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/core/asset_uri.h"
#include "scheduler/core/partition.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr JsonLimits report_limits{64 << 20, 70, 4'000'000, 64 << 20};
constexpr std::size_t max_told_extra = 64 << 10;

Error cannot_be(std::string why) {
  return {Errc::invalid, "assets: " + std::move(why), {}};
}

// A text member; nullopt: it is no text, or no line of at most `most` bytes.
std::optional<std::string> line_of(const json& told, const char* name, std::size_t most) {
  const auto at = told.find(name);
  if (at == told.end() || at->is_null()) return std::string();
  if (!at->is_string()) return std::nullopt;
  const auto& text = at->get_ref<const std::string&>();
  const bool plain = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == 127;
  });
  return plain && text.size() <= most ? std::optional(text) : std::nullopt;
}

template <class Named>
bool is_among(const std::vector<AssetIndex>& places, Named named) {
  return std::any_of(places.begin(), places.end(), named);
}

Status check_outlet(const Dag& dag, const Task& task, const ToldAsset& told) {
  if (std::string fault = fault_of_asset_uri(told.asset.uri); !fault.empty()) {
    return cannot_be(std::move(fault));
  }
  if (told.asset.uri.starts_with(lake_assets)) {
    return cannot_be(told.asset.uri +
                     " is a table of the lake: each version that is published is "
                     "its event, and nothing else is");
  }
  if (told.alias.empty()) {
    const bool known = is_among(
        task.outlets, [&](AssetIndex place) { return dag.assets[place].uri == told.asset.uri; });
    if (known) return success();
    return cannot_be("\"" + told.asset.uri.substr(0, 200) +
                     "\" is none of the task's outlets; name it there, or say which alias of "
                     "theirs it is told for");
  }
  const bool known = is_among(
      task.outlet_aliases, [&](AssetIndex place) { return dag.aliases[place].name == told.alias; });
  if (known) return success();
  return cannot_be("\"" + told.alias.substr(0, 200) + "\" is no alias among the task's outlets");
}

Result<ToldAsset> read_told(const Dag& dag, const Task& task, const json& one) {
  if (!one.is_object()) return cannot_be("each is an object with a \"uri\"");
  static constexpr const char* members[] = {"uri",   "alias", "name",
                                            "group", "extra", "partition_key"};
  for (const auto& [name, value] : one.items()) {
    const bool known = std::any_of(std::begin(members), std::end(members),
                                   [&, &each = name](const char* m) { return each == m; });
    if (!known) return cannot_be("\"" + name.substr(0, 80) + "\" is no member of an asset");
  }
  ToldAsset told;
  const auto take = [&](const char* name, std::size_t most, std::string& out) -> Status {
    const auto text = line_of(one, name, most);
    if (!text) return cannot_be(std::string(name) + " must be a line of text");
    out = *text;
    return success();
  };
  for (const Status& ok :
       {take("uri", max_asset_uri, told.asset.uri), take("alias", max_asset_uri, told.alias),
        take("name", max_asset_uri, told.asset.name),
        take("group", max_asset_uri, told.asset.group),
        take("partition_key", max_partition_key, told.partition_key)}) {
    if (!ok) return ok.error();
  }
  // As in a DAG file the one stands for the other.
  if (told.asset.uri.empty()) told.asset.uri = told.asset.name;
  if (const auto extra = one.find("extra"); extra != one.end() && !extra->is_null()) {
    if (!extra->is_object()) return cannot_be("extra must be an object");
    told.extra_json = json_text(*extra);
    if (told.extra_json.size() > max_told_extra)
      return cannot_be("extra is at most 64 KiB of JSON");
  }
  if (const auto ok = check_outlet(dag, task, told); !ok) return ok.error();
  return told;
}

Result<std::vector<ToldAsset>> read_all(const Dag& dag, const Task& task,
                                        const std::string& extra_json) {
  const auto report = parse_untrusted(extra_json, report_limits);
  if (!report || !report->is_object()) return cannot_be("what the task told is no JSON");
  std::vector<ToldAsset> all;
  const auto list = report->find("assets");
  if (list == report->end()) return all;
  if (!list->is_array() || list->size() > max_told_assets) {
    return cannot_be("a try tells of at most " + std::to_string(max_told_assets) + " events");
  }
  for (const json& one : *list) {
    auto told = read_told(dag, task, one);
    if (!told) return told.error();
    all.push_back(std::move(*told));
  }
  return all;
}

}  // namespace

std::vector<ToldAsset> take_told_assets(const Dag& dag, const Task& task, Finished& report) {
  if (report.extra_json.find("\"assets\"") == std::string::npos) return {};
  auto told = read_all(dag, task, report.extra_json);
  if (told) return std::move(*told);
  if (report.outcome == Outcome::success) {
    report.outcome = Outcome::failed_no_retry;
    report.reason = told.error().message;
    report.result_json.clear();
    report.xcoms.clear();
    report.outputs.clear();
  }
  return {};
}

std::string asset_events_text(const RunRow& run, Xcoms& xcoms) {
  nlohmann::json out = nlohmann::json::object();
  if (run.type != RunType::asset_triggered) return json_text(out);
  for (const AssetEventRow& event : xcoms.asset_events(run.seq)) {
    const AssetRow* asset = xcoms.asset(event.asset);
    if (asset == nullptr) continue;
    auto extra = parse_untrusted(event.extra_json);
    out[asset->uri].push_back({{"id", event.id},
                               {"uri", asset->uri},
                               {"name", asset->name},
                               {"timestamp", to_iso(event.timestamp)},
                               {"extra", extra ? *extra : nlohmann::json::object()},
                               {"source_dag_id", event.source_dag_id},
                               {"source_run_id", event.source_run_id},
                               {"source_task_id", event.source_task_id},
                               {"source_map_index", number_of(event.source_map_index)},
                               {"partition_key", event.partition_key}});
  }
  return json_text(out);
}

}  // namespace batuta
