#include "scheduler/dagfile/asset_fields.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/safe_json.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_uri = 1500;  // bytes, as in Airflow; of names and groups too
constexpr std::size_t max_extra = 64 << 10;
constexpr std::size_t max_assets_of_task = 256;
constexpr std::size_t max_nesting = 8;

// Why a text is no asset's URI; empty when it is one.
std::string fault_of(const std::string& uri) {
  if (uri.empty() || uri.size() > max_uri) {
    return "an asset's URI has 1 to " + std::to_string(max_uri) + " characters";
  }
  if (uri.find("{{") != std::string::npos || uri.find("{%") != std::string::npos) {
    return "an asset's URI is known before anything runs: it cannot be a template";
  }
  const bool plain =
      std::all_of(uri.begin(), uri.end(), [](unsigned char c) { return c > ' ' && c < 127; });
  if (!plain) {
    return "an asset's URI has visible ASCII characters only: write %20 for a space";
  }
  const auto scheme = uri.find("://");
  if (scheme == std::string::npos) return {};
  std::string name = uri.substr(0, scheme);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name == "airflow" || name == "x-airflow") {
    return "the scheme \"" + name + "\" is kept by Airflow for itself";
  }
  const std::string rest = uri.substr(scheme + 3);
  const std::string host = rest.substr(0, rest.find('/'));
  const auto at = host.find('@');
  if (at != std::string::npos && host.substr(0, at).find(':') != std::string::npos) {
    return "an asset's URI is shown to everybody who may see the DAG: leave the password out";
  }
  return {};
}

std::string words(FieldReader& fields, const char* name) {
  const auto text = fields.text(name, max_uri);
  if (!text) return {};
  const bool sound =
      !text->empty() &&
      std::none_of(text->begin(), text->end(), [](unsigned char c) { return c < ' ' || c == 127; });
  if (!sound) fields.problem(name, "must be a line of text");
  return *text;
}

std::optional<AssetSpec> read_asset_object(const json& value, const std::string& pointer,
                                           Problems& problems) {
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
  fields.refuse_unknown("an asset");
  if (!fields.find("uri") && !fields.find("name")) {
    problems.add(pointer, "an asset needs a \"uri\"");
    return std::nullopt;
  }
  if (std::string fault = fault_of(spec.uri); !fault.empty()) {
    fields.problem(fields.find("uri") ? "uri" : "name", std::move(fault));
    return std::nullopt;
  }
  return spec;
}

std::optional<AssetSpec> read_asset(const json& value, const std::string& pointer,
                                    Problems& problems) {
  if (value.is_object()) return read_asset_object(value, pointer, problems);
  if (!value.is_string()) {
    problems.add(pointer,
                 "an asset is a URI or {\"uri\": …, \"name\": …, \"group\": …, "
                 "\"extra\": …}, not " +
                     std::string(json_kind(value)));
    return std::nullopt;
  }
  AssetSpec spec;
  spec.uri = value.get<std::string>();
  if (std::string fault = fault_of(spec.uri); !fault.empty()) {
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
  std::map<std::string, AssetIndex> places_;
};

class ConditionReader {
 public:
  ConditionReader(Assets& assets, Problems& problems) : assets_(assets), problems_(problems) {}

  std::optional<AssetCondition> read(const json& value, const std::string& pointer,
                                     std::size_t depth) {
    if (value.is_object() && (value.contains("all") || value.contains("any"))) {
      return read_named(value, pointer, depth);
    }
    const auto spec = read_asset(value, pointer, problems_);
    if (!spec) return std::nullopt;
    if (++count_ == max_assets_of_schedule + 1) {
      problems_.add(pointer, "a schedule names at most " + std::to_string(max_assets_of_schedule) +
                                 " assets");
    }
    return AssetCondition{AssetCondition::Kind::asset, assets_.take(*spec, pointer)};
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
  std::size_t count_ = 0;
};

void read_assets_of(FieldReader& fields, const char* name, std::vector<AssetSpec>& out) {
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
  read_assets_of(fields, "outlets", draft.outlets);
  read_assets_of(fields, "inlets", draft.inlets);
}

void read_awaited_assets(const json& value, const std::string& pointer, Problems& problems,
                         Dag& dag) {
  Assets assets(dag, problems);
  ConditionReader reader(assets, problems);
  // A list means that all of them are waited for.
  auto condition = value.is_array() ? reader.read_list(value, pointer, AssetCondition::Kind::all, 1)
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
    take(draft.inlets, "inlets", draft.task.inlets);
  }
}

}  // namespace batuta
