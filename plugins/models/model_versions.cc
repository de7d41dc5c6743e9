#include "plugins/models/model_versions.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/branch.h"
#include "lakelog/change.h"
#include "lakelog/log_folder.h"
#include "plugins/lake/must.h"

namespace batuta::models {
namespace {

using nlohmann::json;

// So many versions that changed no row are looked through, or it counts as changed: a log is long.
constexpr std::int64_t most_passed_over = 1000;

constexpr std::uint64_t most_confirmed = 1u << 20;

std::string confirmed_key(const lake::DeltaTable& table) {
  return table.name() + "/_confirmed.json";
}

// An erasure says of bronze that its followers need not read the rest again, but rows have gone.
bool is_erasure(const lakelog::Commit& commit) {
  return lakelog::operation_of(commit) == "ERASE";
}

// False for maintenance: files held together, and the marks of a vacuum. A model's own version
// counts always: a history's may add nothing.
bool may_change_rows(const lakelog::Commit& commit) {
  const auto changes = [](const auto& file) { return file.data_change; };
  return commit.protocol || commit.metadata || commit.has_unknown ||
         metrics_of(commit).contains("model") || is_erasure(commit) ||
         std::any_of(commit.adds.begin(), commit.adds.end(), changes) ||
         std::any_of(commit.removes.begin(), commit.removes.end(), changes);
}

}  // namespace

json metrics_of(const lakelog::Commit& commit) {
  const auto info = parse_untrusted(commit.info_json.empty() ? "{}" : commit.info_json);
  if (!info || !info->is_object()) return json::object();
  json metrics = info->value("operationMetrics", json::object());
  return metrics.is_object() ? metrics : json::object();
}

std::optional<NewestChange> newest_change(const lake::DeltaTable& table, std::int64_t after) {
  const lakelog::LogFolder log(*table.storage(), table.name());
  for (std::int64_t version = table.version(); version > after; --version) {
    if (table.version() - version >= most_passed_over) return NewestChange{version, {}};
    const auto text = log.read(version);
    auto commit = text ? lakelog::parse_commit(*text) : text.error();
    if (!commit) return NewestChange{version, {}};
    if (may_change_rows(*commit)) return NewestChange{version, *std::move(commit)};
  }
  return std::nullopt;
}

std::string id_of(const lake::DeltaTable& table) {
  const std::string& id = table.snapshot().metadata.id;
  const auto seen = lake::must(lakelog::seen_table(*table.storage(), table.name()));
  return seen.base && table.version() > *seen.base ? id + "@" + seen.ref : id;
}

json made_by(const lake::DeltaTable& table) {
  const auto newest = newest_change(table);
  if (!newest) return json::object();
  const auto text = table.storage()->read(confirmed_key(table), {0, most_confirmed});
  const auto said = text ? parse_untrusted(*text) : Result<json>(text.error());
  json metrics = metrics_of(newest->commit);
  if (said && said->is_object() && json_int(said->value("version", json())) == newest->version &&
      said->value("table_id", json()) == id_of(table) && said->value("metrics", json()).is_object())
    metrics = (*said)["metrics"];
  metrics["version"] = newest->version;
  return metrics;
}

Status confirm(const lake::DeltaTable& table, json metrics) {
  const auto newest = newest_change(table);
  if (!newest) return success();
  const json said = {
      {"version", newest->version}, {"table_id", id_of(table)}, {"metrics", std::move(metrics)}};
  return table.storage()->put(confirmed_key(table), json_text(said));
}

bool unchanged_since(const lake::DeltaTable& table, std::int64_t version) {
  return version <= table.version() && !newest_change(table, version);
}

bool erased_since(const lake::DeltaTable& table, std::int64_t version) {
  const lakelog::LogFolder log(*table.storage(), table.name());
  for (std::int64_t at = version + 1; at <= table.version(); ++at) {
    const auto text = log.read(at);
    const auto commit = text ? lakelog::parse_commit(*text) : text.error();
    if (!commit || is_erasure(*commit)) return true;
  }
  return false;
}

LastRead last_read(const lake::DeltaTable& target, const std::string& statement) {
  if (!target.exists()) return {{}, {}, target.name() + " is new"};
  const json metrics = made_by(target);
  if (!metrics.contains("model"))
    return {{}, {}, "the newest version of " + target.name() + " is not by this model"};
  const std::string version = "version " + metrics["version"].dump() + " of " + target.name();
  if (!metrics.contains("statement"))
    return {{}, {}, version + " does not tell the statement that made it"};
  if (metrics["statement"] != statement)
    return {{}, {}, version + " was made by another text of the model, or with other fields"};
  const auto versions = metrics.find("inputs"), ids = metrics.find("input_tables");
  const auto read = versions != metrics.end() && versions->is_string()
                        ? parse_untrusted(versions->get<std::string>())
                        : Result<json>(json());
  const auto tables = ids != metrics.end() && ids->is_string()
                          ? parse_untrusted(ids->get<std::string>())
                          : Result<json>(json());
  LastRead last;
  if (!read || !read->is_object() || !tables || !tables->is_object())
    return {{}, {}, version + " does not tell what it read"};
  if (metrics["model"].is_string()) last.model = metrics["model"].get<std::string>();
  for (const auto& [name, given] : read->items()) {
    const auto number = json_int(given);
    if (!number || !tables->contains(name) || !(*tables)[name].is_string()) continue;
    last.inputs[name] = {*number, (*tables)[name].get<std::string>()};
  }
  return last;
}

}  // namespace batuta::models
