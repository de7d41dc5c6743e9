#include "scheduler/serve/upstream_results.h"

#include <nlohmann/json.hpp>

#include "common/run_files.h"
#include "common/safe_json.h"
#include "scheduler/dagfile/template.h"
#include "scheduler/store/sealed_value.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::string_view whole_value = "return_value";
constexpr std::size_t cost_of_an_entry = 64;  // its names, as JSON

json value_or_null(const std::string& text) {
  auto value = parse_untrusted(text);
  return value ? *value : json(nullptr);
}

std::string of_task(const LaunchContext::Attempt& attempt, TaskIndex task) {
  return "the result of task " + attempt.dag.tasks[task].id;
}

// Its names, when the whole is an object or a text that is one.
std::vector<std::string> members_of(const std::string& whole) {
  json value = value_or_null(whole);
  if (value.is_string()) value = value_or_null(value.get<std::string>());
  std::vector<std::string> names;
  if (!value.is_object()) return names;
  for (const auto& [name, member] : value.items()) names.push_back(name);
  return names;
}

}  // namespace

// What people may see in the place of a value that was sealed, or what the next task gets of it.
Result<std::string> UpstreamResults::told(const Attempt& attempt, TaskIndex task,
                                          std::string stored,
                                          std::vector<std::string>* hidden) const {
  if (hidden == nullptr) return shown_value(std::move(stored));
  if (!is_sealed(stored)) return stored;
  auto opened = open_value(key_, attempt.run.seq, stored);
  if (!opened) {
    return {Errc::invalid, of_task(attempt, task) +
                               " holds secrets and was sealed with another secret.key: put that "
                               "file back, or clear that task to compute it anew"};
  }
  hidden->insert(hidden->end(), opened->hidden.begin(), opened->hidden.end());
  return std::move(opened->json);
}

// A value that is kept sealed was not taken apart: its member, as if it had been.
Result<std::optional<std::string>> UpstreamResults::member_of_sealed(
    const Attempt& attempt, TaskIndex task, std::string_view name,
    std::vector<std::string>* hidden) const {
  const auto whole = value(attempt, task, whole_value, hidden);
  if (!whole) return whole;
  json object = *whole ? value_or_null(**whole) : json(nullptr);
  if (object.is_string()) object = value_or_null(object.get<std::string>());
  const auto found = object.is_object() ? object.find(std::string(name)) : object.end();
  if (found == object.end()) return std::optional<std::string>();
  return std::optional(json_text(*found));
}

Result<std::optional<std::string>> UpstreamResults::value(const Attempt& attempt, TaskIndex task,
                                                          std::string_view name,
                                                          std::vector<std::string>* hidden) const {
  auto stored = attempt.xcom(task, name);
  if (!stored && name != whole_value && attempt.dag.tasks[task].multiple_outputs) {
    return member_of_sealed(attempt, task, name, hidden);
  }
  if (!stored) return stored;
  if (!result_file_of(*stored)) {
    auto text = told(attempt, task, *std::move(stored), hidden);
    if (!text) return text.error();
    return std::optional(*std::move(text));
  }
  auto text = read(attempt, task, *stored);
  return text ? std::optional(*std::move(text)) : std::nullopt;
}

Result<std::string> UpstreamResults::read(const Attempt& attempt, TaskIndex task,
                                          std::string_view stored) const {
  const ResultFile file = *result_file_of(stored);
  const std::string& id = attempt.dag.tasks[task].id;
  if (file.bytes > static_cast<std::int64_t>(max_template_result)) {
    return {Errc::too_large,
            of_task(attempt, task) + " has " + std::to_string(file.bytes) +
                " bytes, and a template takes 1 MiB: read it as a file, in a command by "
                "$(batuta-xcom " +
                id + "), in a python task by batuta.xcom(\"" + id + "\")"};
  }
  auto text = read_result_file(result_path(home_, to_string(attempt.run.uuid), id, file),
                               file.bytes, 0, max_template_result);
  if (!text) return {text.error().code, of_task(attempt, task) + ": " + text.error().message};
  return text;
}

Result<ResultCache::Value> UpstreamResults::kept(const Attempt& attempt, TaskIndex task,
                                                 std::string_view name, bool for_task) const {
  const auto stored = attempt.xcom(task, name);
  const auto file = stored ? result_file_of(*stored) : std::nullopt;
  if (!file) {
    if (!for_task || (stored && !is_sealed(*stored))) return ResultCache::Value();
    std::vector<std::string> hidden;
    const auto opened = value(attempt, task, name, &hidden);
    return opened ? Result<ResultCache::Value>(ResultCache::Value()) : opened.error();
  }
  const std::string path =
      result_path(home_, to_string(attempt.run.uuid), attempt.dag.tasks[task].id, *file);
  if (auto known = cache_.find(path)) return known;
  const auto text = read(attempt, task, *stored);
  if (!text) return text.error();
  JsonLimits limits;  // it may be one long text
  limits.string_bytes = max_template_result;
  limits.tokens = max_template_result;
  auto value = parse_untrusted(*text, limits);
  if (!value) return value.error();
  ResultCache::Value made = std::make_shared<const json>(std::move(*value));
  cache_.keep(path, made, text->size());
  return made;
}

Result<std::string> UpstreamResults::list(const Attempt& attempt, TaskIndex task,
                                          std::string_view name,
                                          const std::vector<std::int64_t>* map_indexes,
                                          std::vector<std::string>* hidden) const {
  auto stored = attempt.mapped_xcoms(task, name, map_indexes);
  if (!stored) return stored.error();
  std::string list = "[";
  for (std::string& value : *stored) {
    if (list.size() > 1) list += ',';
    if (result_file_of(value)) {
      auto text = read(attempt, task, value);
      if (!text) return text;
      list += *text;
    } else {
      auto text = told(attempt, task, std::move(value), hidden);
      if (!text) return text;
      list += *text;
    }
    if (list.size() > max_xcom_list) {
      return {Errc::too_large, "the results of task " + attempt.dag.tasks[task].id +
                                   " are larger than 16 MiB together: pull some of them with "
                                   "map_indexes, or read them as files"};
    }
  }
  return list + "]";
}

std::optional<std::string> UpstreamResults::file(const Attempt& attempt, TaskIndex task) const {
  const auto stored = attempt.xcom(task, whole_value);
  const auto file = stored ? result_file_of(*stored) : std::nullopt;
  if (!file) return std::nullopt;
  return result_path(home_, to_string(attempt.run.uuid), attempt.dag.tasks[task].id, *file);
}

Result<json> UpstreamResults::handed_over(const Attempt& attempt,
                                          std::vector<std::string>& hidden) const {
  json out = json::array();
  std::size_t bytes = 0;
  const auto add = [&](TaskIndex task, MapIndex index, const std::string& key,
                       const std::string& value) {
    bytes += value.size() + key.size() + cost_of_an_entry;
    out.push_back({{"task", attempt.dag.tasks[task].id},
                   {"map_index", number_of(index)},
                   {"key", key},
                   {"json", value}});
  };
  for (const TaskIndex task : attempt.task.upstream) {
    if (!attempt.xcoms_by_index) break;
    const Task& upstream = attempt.dag.tasks[task];
    auto found = attempt.xcoms_by_index(task, whole_value);
    if (!found) return found.error();
    const bool same_item = is_mapped_with(attempt.dag, attempt.hot.task, task);
    for (auto& [of_index, stored] : *found) {
      if (same_item && of_index != attempt.hot.map_index) continue;
      const MapIndex index = same_item ? unmapped : of_index;  // the one that there is for it
      if (const auto file = result_file_of(stored)) {
        const std::string path =
            result_path(home_, to_string(attempt.run.uuid), upstream.id, *file);
        bytes += path.size() + upstream.id.size() + cost_of_an_entry;
        out.push_back({{"task", upstream.id},
                       {"map_index", number_of(index)},
                       {"key", whole_value},
                       {"bytes", file->bytes},
                       {"file", path}});
        continue;
      }
      const auto whole = told(attempt, task, std::move(stored), &hidden);
      if (!whole) return whole.error();
      add(task, index, std::string(whole_value), *whole);
      // By their own names, for they may have been changed by hand; of an instance, whose members
      // only a look for each would tell, as they are in the whole.
      if (!upstream.multiple_outputs || (upstream.is_mapped() && !same_item)) continue;
      for (const std::string& name : members_of(*whole)) {
        const auto member = value(attempt, task, name, &hidden);
        if (!member) return member.error();
        if (*member) add(task, index, name, **member);
      }
    }
    if (bytes > max_handed_over) {
      return {
          Errc::too_large,
          "what the upstream tasks returned is larger than 4 MiB together (of a value that is a "
          "file, its path), and the task asks for all of it by batuta-xcom: depend on fewer, or "
          "return less each"};
    }
  }
  return out;
}

}  // namespace batuta
