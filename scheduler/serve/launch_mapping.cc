// Mapped tasks: over what, and what their instances are called.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/serve/launch_context.h"

namespace batuta {
namespace {

using json = nlohmann::json;

// What a task is mapped over has at most so many bytes as JSON.
constexpr std::size_t max_mapped_bytes = std::size_t{16} << 20;
constexpr std::size_t max_name = 250;  // Airflow's

// Cut between two characters, and marked as cut.
std::string short_name(std::string name) {
  if (name.size() <= max_name) return name;
  static constexpr std::string_view mark = "…";
  std::size_t end = max_name - mark.size();
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0U) == 0x80U) --end;
  name.resize(end);
  return name.append(mark);
}

Result<ParsedSpec> parsed(std::optional<ParsedSpec>& kept, const std::string& text,
                          std::size_t most) {
  if (!kept) {
    auto spec = ParsedSpec::parse(text, false, most);
    if (!spec) return spec;
    kept = std::move(*spec);
  }
  return *kept;
}

}  // namespace

bool RegistryLaunchContext::still_true(const Attempt& attempt, const MappedOver& kept) const {
  if (kept.version != attempt.dag.version) return false;
  const auto value_of = [&](const std::string& key) -> std::optional<std::string> {
    const auto found = registry_.variable(key);
    return found ? std::optional(found->value) : std::nullopt;
  };
  return std::all_of(
             kept.results.begin(), kept.results.end(),
             [&](const auto& one) { return attempt.results_stamp(one.first) == one.second; }) &&
         std::all_of(kept.variables.begin(), kept.variables.end(),
                     [&](const auto& one) { return value_of(one.first) == one.second; });
}

Result<MappedCache::Kept> RegistryLaunchContext::read_mapping(const Attempt& attempt,
                                                              std::size_t& bytes) {
  const auto spec = parsed(parts_of(attempt.dag, attempt.hot.task).mapped_over,
                           attempt.task.expand_json, max_mapped_bytes);
  if (!spec) return spec.error();
  const auto opened = opened_params(attempt);
  if (!opened) return opened.error();
  const ParamsCache::Params& params = *opened;
  auto made = std::make_shared<MappedOver>();
  made->version = attempt.dag.version;
  std::set<TaskIndex> pulled;
  std::set<std::string> variables;
  const auto note = [&](std::string_view id) {
    if (const auto task = find_task(attempt.dag, id)) pulled.insert(*task);
  };
  std::string told_text, shown_text;
  const auto read = [&](std::vector<std::string>* hidden) -> Result<MappedItems> {
    TemplateScope scope = scope_of(attempt, *params, hidden);
    scope.xcom = [&note, plain = scope.xcom](std::string_view id, std::string_view key) {
      note(id);
      return plain(id, key);
    };
    scope.mapped_xcoms = [&note, plain = scope.mapped_xcoms](
                             std::string_view id, std::string_view key, const auto* map_indexes) {
      note(id);
      return plain(id, key, map_indexes);
    };
    scope.variable = [&variables, plain = scope.variable](std::string_view key) {
      variables.emplace(key);
      return plain(key);
    };
    auto value = spec->render_value(scope);
    if (!value) return value.error();
    (hidden ? told_text : shown_text) = json_text(*value);
    bytes += (hidden ? told_text : shown_text).size();
    return MappedItems::of(std::move(*value), attempt.task.max_map_length);
  };
  auto told = read(&made->hidden);
  if (!told) return told.error();
  made->told = *told;
  made->shown = *told;
  if (!made->hidden.empty() || !params->hidden.empty()) {
    auto shown = read(nullptr);
    if (shown_text != told_text) {
      made->hidden.insert(made->hidden.end(), params->hidden.begin(), params->hidden.end());
    }
    // Where stars do not fit, nothing is shown of any item.
    made->shown = shown && shown->count() == told->count() ? *shown : MappedItems();
  }
  for (const TaskIndex task : pulled) {
    made->results.emplace_back(task, attempt.results_stamp(task));
  }
  for (const std::string& key : variables) {
    const auto found = registry_.variable(key);
    made->variables.emplace_back(key, found ? std::optional(found->value) : std::nullopt);
  }
  return MappedCache::Kept(std::move(made));
}

Result<MappedCache::Kept> RegistryLaunchContext::mapped_over(const Attempt& attempt) {
  const TaskIndex task = attempt.hot.task;
  const MappedCache::Kept kept = mapped_.find(attempt.run.seq, task);
  if (kept && still_true(attempt, *kept)) return kept;
  std::size_t bytes = 0;
  auto made = read_mapping(attempt, bytes);
  // What was made of a secret that is not there yet is worth nothing.
  if (made && !looking_up_ && !secret_fault_) mapped_.keep(attempt.run.seq, task, *made, bytes);
  return made;
}

Result<LaunchContext::Expansion> RegistryLaunchContext::read_expansion(const Attempt& attempt) {
  const auto over = mapped_over(attempt);
  if (!over) return over.error();
  Expansion out{(*over)->told.count(), {}};
  if (attempt.task.map_index_template.empty() || out.count == 0) return out;
  const auto spec = parsed(parts_of(attempt.dag, attempt.hot.task).name,
                           attempt.task.map_index_template, std::size_t{1} << 20);
  if (!spec) return spec.error();
  const auto params = params_of(attempt);
  TemplateScope scope = scope_of(attempt, *params, nullptr);
  InstanceHot hot = attempt.hot;
  scope.hot = &hot;
  out.names.reserve(static_cast<std::size_t>(out.count));
  for (std::int32_t i = 0; i < out.count; ++i) {
    const json item = i < (*over)->shown.count() ? (*over)->shown.item(i) : json::object();
    hot.map_index = MapIndex{i};
    scope.item = &item;
    const auto value = spec->render_value(scope);
    if (!value) return value.error();
    const json& name = (*value)["map_index_template"];
    out.names.push_back(short_name(name.is_string() ? name.get<std::string>() : json_text(name)));
  }
  return out;
}

}  // namespace batuta
