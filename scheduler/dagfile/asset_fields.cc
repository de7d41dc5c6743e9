#include "scheduler/dagfile/asset_fields.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "common/safe_json.h"
#include "scheduler/core/asset_uri.h"
#include "scheduler/dagfile/changed_call.h"
#include "scheduler/dagfile/wait_types.h"

namespace batuta {

namespace {

using nlohmann::json;

constexpr std::size_t max_uri = max_asset_uri;  // of names and groups too
constexpr std::size_t max_extra = 64 << 10;
constexpr std::size_t max_assets_of_task = 256;
constexpr std::size_t max_nesting = 8;

std::string words(FieldReader& fields, const char* name) {
  const auto text = fields.text(name, max_uri);
  if (!text) return {};
  const bool sound =
      !text->empty() &&
      std::none_of(text->begin(), text->end(), [](unsigned char c) { return c < ' ' || c == 127; });
  if (!sound) fields.problem(name, "must be a line of text");
  return *text;
}

constexpr std::size_t max_watchers = 8;  // of an asset
constexpr Duration default_look = std::chrono::minutes(1);
constexpr Duration longest_look = std::chrono::hours(24);

// {"name", "wait_for", "poke_interval"}: what is looked at is written as a sensor's.
std::optional<WatcherSpec> read_watcher(const json& value, const std::string& pointer,
                                        Problems& problems) {
  if (!value.is_object()) {
    problems.add(pointer, "a watcher is {\"wait_for\": {\"file\": …}, \"poke_interval\": \"1m\"}");
    return std::nullopt;
  }
  FieldReader fields(value, pointer, problems);
  WatcherSpec spec;
  spec.name = words(fields, "name");
  if (spec.name.empty()) spec.name = "watcher";
  if (const auto interval = fields.duration("poke_interval")) {
    spec.interval = *interval;
    if (*interval < std::chrono::seconds(1) || *interval > longest_look) {
      fields.problem("poke_interval", "poke_interval is at least 1s and at most 24h");
    }
  } else {
    spec.interval = default_look;
  }
  const json* wait = fields.object("wait_for");
  fields.refuse_unknown("a watcher");
  if (wait == nullptr) {
    if (!fields.find("wait_for")) {
      fields.problem("wait_for",
                     "a watcher needs \"wait_for\" with one of file, http, topic and sql");
    }
    return std::nullopt;
  }
  for (const char* kind : {"time", "until", "delay", "run"}) {
    if (!wait->contains(kind)) continue;
    fields.problem("wait_for", std::string("a watcher looks at a file, an http answer, a topic or "
                                           "a database, not at \"") +
                                   kind + "\"");
    return std::nullopt;
  }
  const auto params = read_deferral(json::object({{"wait_for", *wait}}));
  if (!params) {
    problems.add(pointer + params.error().where, params.error().message);
    return std::nullopt;
  }
  spec.argument_json = json_text(params->at("wait_for"));
  return spec;
}

void read_watchers(FieldReader& fields, AssetSpec& spec) {
  const json* value = fields.find("watchers");
  if (value == nullptr) return;
  if (!value->is_array() || value->empty() || value->size() > max_watchers) {
    return fields.problem("watchers", "watchers must be a list of 1 to " +
                                          std::to_string(max_watchers) + " watchers");
  }
  std::set<std::string> names;
  for (std::size_t i = 0; i < value->size(); ++i) {
    const std::string pointer = fields.pointer_to("watchers") + "/" + std::to_string(i);
    auto watcher = read_watcher((*value)[i], pointer, fields.problems());
    if (!watcher) continue;
    if (!names.insert(watcher->name).second) {
      fields.problems().add(pointer, "two watchers of an asset need a \"name\" each");
    }
    spec.watchers.push_back(std::move(*watcher));
  }
}

bool is_alias(const json& value) {
  return value.is_object() && value.contains("alias");
}

std::optional<AliasSpec> read_alias(const json& value, const std::string& pointer,
                                    Problems& problems, bool in_schedule) {
  FieldReader fields(value, pointer, problems);
  AliasSpec spec;
  spec.name = words(fields, "alias");
  spec.group = words(fields, "group");
  if (in_schedule) fields.allow("partitions");
  fields.refuse_unknown("an alias");
  if (spec.name.empty()) return std::nullopt;  // told already
  if (spec.name.find("{{") != std::string::npos) {
    fields.problem("alias", "an alias is known before anything runs: it cannot be a template");
  }
  return spec;
}

std::optional<AssetSpec> read_asset_object(const json& value, const std::string& pointer,
                                           Problems& problems, bool in_schedule) {
  FieldReader fields(value, pointer, problems);
  AssetSpec spec;
  spec.name = words(fields, "name");
  spec.group = words(fields, "group");
  // As in Airflow the one stands for the other.
  spec.uri = fields.find("uri") ? fields.text("uri", max_uri).value_or("") : spec.name;
  if (const json* extra = fields.object("extra")) {
    spec.extra_json = json_text(*extra);
    if (spec.extra_json.size() > max_extra) {
      fields.problem("extra", "extra is at most 64 KiB of JSON");
    }
  }
  read_watchers(fields, spec);
  if (in_schedule) fields.allow("partitions");
  fields.refuse_unknown("an asset");
  if (!fields.find("uri") && !fields.find("name")) {
    problems.add(pointer, "an asset needs a \"uri\"");
    return std::nullopt;
  }
  if (std::string fault = fault_of_asset_uri(spec.uri); !fault.empty()) {
    fields.problem(fields.find("uri") ? "uri" : "name", std::move(fault));
    return std::nullopt;
  }
  return spec;
}

std::optional<AssetSpec> read_asset(const json& value, const std::string& pointer,
                                    Problems& problems, bool in_schedule = false) {
  if (value.is_object()) return read_asset_object(value, pointer, problems, in_schedule);
  if (!value.is_string()) {
    problems.add(pointer,
                 "an asset is a URI or {\"uri\": …, \"name\": …, \"group\": …, "
                 "\"extra\": …}, not " +
                     std::string(json_kind(value)));
    return std::nullopt;
  }
  AssetSpec spec;
  spec.uri = value.get<std::string>();
  if (std::string fault = fault_of_asset_uri(spec.uri); !fault.empty()) {
    problems.add(pointer, std::move(fault));
    return std::nullopt;
  }
  return spec;
}

// The assets of one file by their URIs.
class Assets {
 public:
  Assets(Dag& dag, Problems& problems) : dag_(dag), problems_(problems) {
    for (AssetIndex i = 0; i < dag.assets.size(); ++i) places_.emplace(dag.assets[i].uri, i);
    for (AssetIndex i = 0; i < dag.aliases.size(); ++i) aliases_.emplace(dag.aliases[i].name, i);
  }
  AssetIndex take(const AliasSpec& spec, const std::string& pointer) {
    const auto place = static_cast<AssetIndex>(dag_.aliases.size());
    const auto [at, fresh] = aliases_.emplace(spec.name, place);
    if (fresh) {
      dag_.aliases.push_back(spec);
    } else {
      merge(spec.group, dag_.aliases[at->second].group, "group", pointer);
    }
    return at->second;
  }
  AssetIndex take(const AssetSpec& spec, const std::string& pointer) {
    const auto [at, fresh] = places_.emplace(spec.uri, static_cast<AssetIndex>(dag_.assets.size()));
    if (fresh) {
      dag_.assets.push_back(spec);
      return at->second;
    }
    AssetSpec& known = dag_.assets[at->second];
    merge(spec.name, known.name, "name", pointer);
    merge(spec.group, known.group, "group", pointer);
    merge(spec.extra_json, known.extra_json, "extra", pointer);
    if (known.watchers.empty()) {
      known.watchers = spec.watchers;
    } else if (!spec.watchers.empty() && spec.watchers != known.watchers) {
      problems_.add(pointer,
                    "this file has the same asset with other watchers: say them once, and name "
                    "the asset by its URI elsewhere");
    }
    return at->second;
  }

 private:
  void merge(const std::string& said, std::string& known, const char* what,
             const std::string& pointer) {
    if (said.empty() || said == known) return;
    if (known.empty()) {
      known = said;
    } else {
      problems_.add(pointer, "this file has the same asset with another " + std::string(what) +
                                 ": say it once, and name the asset by its URI elsewhere");
    }
  }

  Dag& dag_;
  Problems& problems_;
  std::map<std::string, AssetIndex> places_, aliases_;
};

class ConditionReader {
 public:
  // `mapper`: of partitions, where an asset says nothing else; none: there are no partitions.
  ConditionReader(Assets& assets, Problems& problems, std::optional<PartitionMapper> mapper)
      : assets_(assets), problems_(problems), mapper_(std::move(mapper)) {}

  std::optional<AssetCondition> read(const json& value, const std::string& pointer,
                                     std::size_t depth) {
    if (value.is_object() && (value.contains("all") || value.contains("any"))) {
      return read_named(value, pointer, depth);
    }
    AssetCondition out;
    if (is_alias(value)) {
      const auto alias = read_alias(value, pointer, problems_, true);
      if (!alias) return std::nullopt;
      out.kind = AssetCondition::Kind::alias;
      out.asset = assets_.take(*alias, pointer);
    } else {
      const auto spec = read_asset(value, pointer, problems_, true);
      if (!spec) return std::nullopt;
      out.asset = assets_.take(*spec, pointer);
    }
    read_partitions(value, pointer, out);
    if (++count_ == max_assets_of_schedule + 1) {
      problems_.add(pointer, "a schedule names at most " + std::to_string(max_assets_of_schedule) +
                                 " assets");
    }
    return out;
  }

  std::optional<AssetCondition> read_list(const json& list, const std::string& pointer,
                                          AssetCondition::Kind kind, std::size_t depth) {
    AssetCondition out;
    out.kind = kind;
    if (!list.is_array() || list.empty()) {
      problems_.add(pointer, "must be a list of at least one asset");
      return std::nullopt;
    }
    if (depth > max_nesting) {
      problems_.add(pointer,
                    "a condition is nested at most " + std::to_string(max_nesting) + " deep");
      return std::nullopt;
    }
    for (std::size_t i = 0; i < list.size() && !problems_.full(); ++i) {
      auto each = read(list[i], pointer + "/" + std::to_string(i), depth + 1);
      if (each) out.of.push_back(std::move(*each));
    }
    if (out.of.empty()) return std::nullopt;
    return out;
  }

 private:
  void read_partitions(const json& value, const std::string& pointer, AssetCondition& out) {
    out.mapper = mapper_.value_or(PartitionMapper());
    const auto own = value.is_object() ? value.find("partitions") : value.end();
    if (own != value.end()) {
      const std::string where = pointer + "/partitions";
      if (!mapper_) {
        problems_.add(where, "the schedule has no runs by partition: give it \"partitions\", too");
      }
      out.mapper = read_partition_mapper(*own, where, problems_).value_or(out.mapper);
    }
    const auto key = std::pair(out.kind, out.asset);
    const auto [at, fresh] = mappers_.emplace(key, out.mapper);
    if (!fresh && !(at->second == out.mapper)) {
      problems_.add(pointer, "the same asset stands here with other partitions");
    }
  }

  std::optional<AssetCondition> read_named(const json& value, const std::string& pointer,
                                           std::size_t depth) {
    if (value.size() != 1) {
      problems_.add(pointer,
                    "a condition is {\"all\": […]} or {\"any\": […]}, and nothing beside it");
      return std::nullopt;
    }
    const bool all = value.contains("all");
    const char* name = all ? "all" : "any";
    return read_list(value[name], pointer + "/" + name,
                     all ? AssetCondition::Kind::all : AssetCondition::Kind::any, depth);
  }

  Assets& assets_;
  Problems& problems_;
  const std::optional<PartitionMapper> mapper_;
  std::map<std::pair<AssetCondition::Kind, AssetIndex>, PartitionMapper> mappers_;
  std::size_t count_ = 0;
};

// `aliases`: null where none may stand.
void read_assets_of(FieldReader& fields, const char* name, std::vector<AssetSpec>& out,
                    std::vector<AliasSpec>* aliases) {
  const json* value = fields.find(name);
  if (!value) return;
  if (!value->is_array()) {
    return fields.problem(name, std::string(name) + " must be a list of assets");
  }
  if (value->size() > max_assets_of_task) {
    return fields.problem(
        name, "a task names at most " + std::to_string(max_assets_of_task) + " assets here");
  }
  std::set<std::string> seen;
  for (std::size_t i = 0; i < value->size(); ++i) {
    const std::string pointer = fields.pointer_to(name) + "/" + std::to_string(i);
    if (is_alias((*value)[i])) {
      if (aliases == nullptr) {
        fields.problems().add(pointer,
                              "an alias stands in outlets and in a schedule: name here the assets "
                              "that the task reads");
        continue;
      }
      const auto alias = read_alias((*value)[i], pointer, fields.problems(), false);
      if (!alias) continue;
      if (!seen.insert("alias " + alias->name).second) {
        fields.problems().add(
            pointer, "the alias \"" + alias->name.substr(0, 80) + "\" stands twice in " + name);
        continue;
      }
      aliases->push_back(*alias);
      continue;
    }
    const auto spec = read_asset((*value)[i], pointer, fields.problems());
    if (!spec) continue;
    if (!seen.insert(spec->uri).second) {
      fields.problems().add(
          pointer, "the asset \"" + spec->uri.substr(0, 80) + "\" stands twice in " + name);
      continue;
    }
    out.push_back(*spec);
  }
}

}  // namespace

void read_task_assets(FieldReader& fields, TaskDraft& draft) {
  read_assets_of(fields, "outlets", draft.outlets, &draft.outlet_aliases);
  read_assets_of(fields, "inlets", draft.inlets, nullptr);
}

namespace {

// {"stale": "gold/shop/daily", "of": ["silver/shop/orders"…]}: any of the inputs, while the first
// is older. A table may be named without lake://.
json uri_of_table(const json& value) {
  if (!value.is_string() || !is_table_name(value.get_ref<const std::string&>())) return value;
  return std::string(lake_assets) + value.get<std::string>();
}

std::optional<AssetCondition> read_stale(const json& value, const std::string& pointer,
                                         ConditionReader& reader, Dag& dag, Problems& problems) {
  const auto of = value.find("of");
  if (value.size() != 2 || of == value.end() || !of->is_array()) {
    problems.add(pointer,
                 "staleness is {\"stale\": \"gold/shop/daily\", \"of\": "
                 "[\"silver/shop/orders\"]}: what is made, and the list of what it is made of");
    return std::nullopt;
  }
  if (dag.partitioned) {
    problems.add(pointer, "staleness is of a whole asset: it has no runs by partition");
    return std::nullopt;
  }
  const auto made = read_asset(uri_of_table(value["stale"]), pointer + "/stale", problems);
  if (made) dag.stale_asset = made->uri;
  json inputs = json::array();
  for (const json& one : *of) {
    inputs.push_back(uri_of_table(one));
    if (made && inputs.back() == made->uri)
      problems.add(pointer + "/of", "nothing is older than itself: name what it is made of");
  }
  return reader.read_list(inputs, pointer + "/of", AssetCondition::Kind::any, 1);
}

}  // namespace

void read_awaited_assets(const json& value, const std::string& pointer, Problems& problems,
                         Dag& dag, std::optional<PartitionMapper> partitions) {
  Assets assets(dag, problems);
  dag.partitioned = partitions.has_value();
  ConditionReader reader(assets, problems, std::move(partitions));
  // A list means that all of them are waited for.
  const bool stale = value.is_object() && value.contains("stale");
  auto condition = stale ? read_stale(value, pointer, reader, dag, problems)
                   : value.is_array()
                       ? reader.read_list(value, pointer, AssetCondition::Kind::all, 1)
                       : reader.read(value, pointer, 1);
  if (condition) dag.waits_for = std::move(*condition);
}

void connect_assets(std::vector<TaskDraft>& drafts, Dag& dag, Problems& problems) {
  Assets assets(dag, problems);
  for (TaskDraft& draft : drafts) {
    const auto take = [&](const std::vector<AssetSpec>& specs, const char* name,
                          std::vector<AssetIndex>& out) {
      for (const AssetSpec& spec : specs) {
        out.push_back(assets.take(spec, draft.pointer + "/" + name));
      }
    };
    take(draft.outlets, "outlets", draft.task.outlets);
    for (const AliasSpec& alias : draft.outlet_aliases) {
      draft.task.outlet_aliases.push_back(assets.take(alias, draft.pointer + "/outlets"));
    }
    take(draft.inlets, "inlets", draft.task.inlets);
  }
}

}  // namespace batuta
