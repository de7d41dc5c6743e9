#include "plugins/models/model_inputs.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "lakelog/log_folder.h"
#include "lakelog/storage.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/must.h"

namespace batuta::models {
namespace {

using nlohmann::json;

struct Fixed {
  std::int64_t version = lakelog::latest_version;
  std::string table_id;               // empty: not told
  std::optional<std::int64_t> since;  // nullopt: there was none to count from
  bool operator==(const Fixed&) const = default;
};
using Versions = std::map<std::string, Fixed>;

constexpr std::size_t kept_runs = 1000;

std::string prefix_of(const std::string& target) {
  return target + "/_inputs/";
}

std::string key_of(const plugin::Context& context, const std::string& target) {
  return prefix_of(target) + context.execution_id() + "." + context.task_id() + ".json";
}

std::string text_of(const Versions& versions) {
  json out = json::object();
  for (const auto& [name, fixed] : versions) {
    out[name] = {{"version", fixed.version}, {"table_id", fixed.table_id}};
    if (fixed.since) out[name]["since"] = *fixed.since;
  }
  return json_text(out);
}

std::optional<Versions> read_fixed(const lakelog::Storage& storage, const std::string& key) {
  const auto text = storage.read(key);
  if (!text && text.error().code == Errc::not_found) return std::nullopt;
  if (!text) throw plugin::RetryableError(text.error().message);
  const auto parsed = parse_untrusted(*text);
  if (!parsed || !parsed->is_object())
    throw plugin::FinalError(key + " is no list of versions: remove it, and the task reads anew");
  Versions versions;
  for (const auto& [name, given] : parsed->items()) {
    Fixed& fixed = versions[name];
    if (!given.is_object()) {  // the version alone, as it was written before
      fixed.version = json_int(given).value_or(lakelog::latest_version);
      continue;
    }
    fixed.version = json_int(given.value("version", json())).value_or(lakelog::latest_version);
    const auto id = given.find("table_id");
    if (id != given.end() && id->is_string()) fixed.table_id = id->get<std::string>();
    fixed.since = json_int(given.value("since", json()));
  }
  return versions;
}

lake::DeltaTable open_newest(lake::Session& session, const lake::Lake& lake,
                             const std::string& name) {
  auto table = lake::DeltaTable::open(session, lake, name);
  if (!table.exists())
    throw plugin::FinalError("there is no table " + name +
                             "; batuta lake tables lists what there is");
  return table;
}

lake::DeltaTable open_fixed(lake::Session& session, const lake::Lake& lake, const std::string& name,
                            std::int64_t version) {
  try {
    return lake::DeltaTable::open(session, lake, name, version);
  } catch (const plugin::FinalError& error) {
    throw plugin::FinalError(std::string(error.what()) +
                             ": this run's first attempt read it; a new run reads what is there "
                             "now");
  }
}

void refuse_another(const lake::DeltaTable& table, const Fixed& fixed) {
  if (fixed.table_id.empty() || fixed.table_id == id_of(table)) return;
  throw plugin::FinalError(table.name() +
                           " was removed and made anew since this run's first attempt read its "
                           "version " +
                           std::to_string(fixed.version) + "; a new run reads what is there now");
}

std::string execution_of(const lakelog::Commit& commit) {
  const auto info = parse_untrusted(commit.info_json.empty() ? "{}" : commit.info_json);
  if (!info || !info->is_object()) return {};
  const auto ours = info->find("batuta");
  if (ours == info->end() || !ours->is_object()) return {};
  const auto id = ours->find("execution_id");
  return id != ours->end() && id->is_string() ? id->get<std::string>() : std::string();
}

std::optional<std::int64_t> since_of(const LastRead& last, const lake::DeltaTable& table) {
  const auto read = last.inputs.find(table.name());
  if (read == last.inputs.end() || read->second.table_id != id_of(table)) return std::nullopt;
  return read->second.version;
}

// The newest version behind `fixed` that this run wrote; else `fixed`. As far as the log tells.
std::int64_t as_the_run_left_it(const plugin::Context& context, lakelog::Storage& storage,
                                const std::string& name, std::int64_t fixed) {
  const lakelog::LogFolder log(storage, name);
  std::int64_t version = fixed;
  for (const std::int64_t later : lake::must(log.commits_after(fixed))) {
    const auto text = log.read(later);
    if (!text) continue;
    const auto commit = lakelog::parse_commit(*text);
    if (commit && execution_of(*commit) == context.execution_id()) version = later;
  }
  return version;
}

}  // namespace

Inputs open_inputs(plugin::Context& context, lake::Session& session, const std::string& target,
                   const std::vector<std::string>& names, const LastRead& last) {
  const lake::Lake lake = lake::lake_folder(context);
  const auto storage = lake::must(lake.storage());
  const std::string key = key_of(context, target);
  Inputs inputs;
  const auto before = read_fixed(*storage, key);
  inputs.fixed_before = before.has_value();
  Versions versions = before.value_or(Versions{});
  for (const std::string& name : names) {
    const auto fixed = versions.find(name);
    if (fixed == versions.end()) {
      auto table = open_newest(session, lake, name);
      versions[name] = {table.version(), id_of(table), since_of(last, table)};
      if (const auto& since = versions[name].since) inputs.since[name] = *since;
      inputs.tables.emplace(name, std::move(table));
      continue;
    }
    const std::int64_t read = fixed->second.version;
    if (fixed->second.since) inputs.since[name] = *fixed->second.since;
    const std::int64_t version =
        name == target ? read : as_the_run_left_it(context, *storage, name, read);
    auto table = open_fixed(session, lake, name, version);
    if (version == read) refuse_another(table, fixed->second);
    inputs.tables.emplace(name, std::move(table));
  }
  if (names.empty() || (before && versions == *before)) return inputs;
  // A model whose text was changed between two attempts may read more tables than before.
  if (before) {
    (void)lake::must(storage->put(key, text_of(versions)));
  } else {
    const auto put = lake::must(storage->put_if_absent(key, text_of(versions)));
    // An attempt that was given up for dead was quicker: what it read is what is read.
    if (put == lakelog::Put::exists) return open_inputs(context, session, target, names, last);
  }
  return inputs;
}

Inputs newest_inputs(lake::Session& session, const lake::Lake& lake,
                     const std::vector<std::string>& names, const LastRead& last) {
  Inputs inputs;
  for (const std::string& name : names) {
    auto table = lake::DeltaTable::open(session, lake, name);
    if (!table.exists()) continue;
    if (const auto since = since_of(last, table)) inputs.since[name] = *since;
    inputs.tables.emplace(name, std::move(table));
  }
  return inputs;
}

std::string versions_json(const Inputs& inputs) {
  json out = json::object();
  for (const auto& [name, table] : inputs.tables) out[name] = table.version();
  return json_text(out);
}

std::string table_ids_json(const Inputs& inputs) {
  json out = json::object();
  for (const auto& [name, table] : inputs.tables) out[name] = id_of(table);
  return json_text(out);
}

void prune_inputs(plugin::Context& context, const lake::DeltaTable& target) {
  const auto& storage = target.storage();
  const std::string own = key_of(context, target.name());
  auto listed = storage->list(prefix_of(target.name()));
  if (!listed)
    return context.warn("what old runs read cannot be listed: " + listed.error().message);
  if (listed->objects.size() <= kept_runs) return;
  listed->objects.resize(listed->objects.size() - kept_runs);  // execution ids grow with time
  std::size_t removed = 0;
  for (const auto& object : listed->objects) {
    if (object.key == own) continue;  // a clear of an old run, whose retries read the same
    if (const auto gone = storage->remove(object.key); !gone)
      return context.warn("what an old run read cannot be removed: " + gone.error().message);
    ++removed;
  }
  context.debug("the versions that " + std::to_string(removed) +
                " old runs read are no longer kept");
}

}  // namespace batuta::models
