#include "scheduler/dagfile/fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/ids.h"
#include "common/safe_json.h"
#include "common/suggest.h"
#include "scheduler/dagfile/json_position.h"

namespace batuta {

using nlohmann::json;

bool is_template(const json& value) {
  return value.is_string() && value.get_ref<const std::string&>().find("{{") != std::string::npos;
}

void Problems::add(std::string pointer, std::string message) {
  if (!full()) list_.push_back({std::move(pointer), std::move(message)});
}

FieldReader::FieldReader(const json& object, std::string pointer, Problems& problems)
    : object_(object), pointer_(std::move(pointer)), problems_(problems) {
  known_.reserve(40);
}

std::string FieldReader::pointer_to(std::string_view name) const {
  return pointer_ + "/" + pointer_token(name);
}

void FieldReader::problem(std::string_view name, std::string message) {
  problems_.add(pointer_to(name), std::move(message));
}

const json* FieldReader::find(std::string_view name) {
  known_.emplace_back(name);
  const auto it = object_.find(name);
  return it == object_.end() ? nullptr : &*it;
}

void FieldReader::wrong_type(std::string_view name, std::string_view wanted) {
  problem(name, std::string(name) + " must be " + std::string(wanted) + ", not " +
                    std::string(json_kind(*object_.find(name))));
}

std::optional<std::string> FieldReader::text(std::string_view name, std::size_t max_bytes) {
  const json* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_string()) {
    wrong_type(name, "a text");
    return std::nullopt;
  }
  const auto& text = value->get_ref<const std::string&>();
  if (text.size() > max_bytes) {
    problem(name, std::string(name) + " is longer than " + std::to_string(max_bytes) + " bytes");
    return std::nullopt;
  }
  if (text.find('\0') != std::string::npos) {
    problem(name, std::string(name) + " holds a NUL character");
    return std::nullopt;
  }
  return text;
}

std::optional<std::string> FieldReader::id(std::string_view name) {
  auto value = text(name);
  if (value && !valid_id(*value)) {
    problem(name, "\"" + value->substr(0, 80) + "\" is not a valid " + std::string(name) + ": " +
                      std::string(id_rule));
    return std::nullopt;
  }
  return value;
}

std::optional<bool> FieldReader::boolean(std::string_view name) {
  const json* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_boolean()) {
    wrong_type(name, "true or false");
    return std::nullopt;
  }
  return value->get<bool>();
}

std::optional<std::int64_t> FieldReader::integer(std::string_view name, std::int64_t least,
                                                 std::int64_t most) {
  const json* value = find(name);
  if (!value) return std::nullopt;
  const auto number = json_int(*value);
  if (!number && !value->is_number()) {
    wrong_type(name, "a whole number");
    return std::nullopt;
  }
  if (!number || *number < least || *number > most) {
    problem(name, std::string(name) + " must be a whole number from " + std::to_string(least) +
                      " to " + std::to_string(most));
    return std::nullopt;
  }
  return number;
}

std::optional<Duration> FieldReader::duration(std::string_view name) {
  const json* value = find(name);
  if (!value || value->is_null()) return std::nullopt;
  if (!value->is_string() && !value->is_number()) {
    wrong_type(name, "a duration such as \"90s\" or \"2m\"");
    return std::nullopt;
  }
  const auto text = value->is_string() ? value->get<std::string>() : json_text(*value);
  const auto duration = parse_duration(text);
  if (!duration) {
    problem(name, "\"" + text.substr(0, 80) +
                      "\" is not a duration: write \"90s\", \"2m\", "
                      "\"1h30m\", \"1d\" or a number of seconds");
  }
  return duration;
}

OptTime FieldReader::time(std::string_view name) {
  const json* value = find(name);
  if (!value || value->is_null()) return std::nullopt;
  if (!value->is_string()) {
    wrong_type(name, "a time such as \"2024-01-01T00:00:00Z\"");
    return std::nullopt;
  }
  const auto& text = value->get_ref<const std::string&>();
  const auto time = parse_iso(text);
  if (!time) {
    problem(name, "\"" + text.substr(0, 80) +
                      "\" is not a time with its zone: write \"2024-01-01T00:00:00Z\"");
  }
  return time;
}

std::optional<std::vector<std::string>> FieldReader::texts(std::string_view name,
                                                           std::size_t most) {
  const json* value = find(name);
  if (!value) return std::nullopt;
  if (!value->is_array()) {
    wrong_type(name, "a list of texts");
    return std::nullopt;
  }
  if (value->size() > most) {
    problem(name, std::string(name) + " may hold at most " + std::to_string(most) + " entries");
    return std::nullopt;
  }
  std::vector<std::string> out;
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < value->size(); ++i) {
    const json& item = (*value)[i];
    const auto where = pointer_to(name) + "/" + std::to_string(i);
    if (!item.is_string() || item.get_ref<const std::string&>().empty()) {
      problems_.add(where, "an entry of " + std::string(name) + " must be a text, not empty");
      continue;
    }
    const auto& text = item.get_ref<const std::string&>();
    if (!seen.insert(text).second) {
      problems_.add(where, "\"" + text.substr(0, 80) + "\" is listed twice");
      continue;
    }
    out.push_back(text);
  }
  return out;
}

std::optional<std::vector<std::string>> FieldReader::ids(std::string_view name, std::size_t most) {
  auto out = texts(name, most);
  if (!out) return out;
  for (const auto& text : *out) {
    if (!valid_id(text)) {
      problem(name, "\"" + text.substr(0, 80) + "\" is not a valid name: " + std::string(id_rule));
    }
  }
  return out;
}

const json* FieldReader::object(std::string_view name) {
  const json* value = find(name);
  if (value && !value->is_object()) {
    wrong_type(name, "an object");
    return nullptr;
  }
  return value;
}

void FieldReader::allow(std::string_view name) {
  known_.emplace_back(name);
}

namespace {
// Words of Airflow and Dagu for what we have under another name.
std::string_view field_known_elsewhere(std::string_view field) {
  static constexpr std::pair<std::string_view, std::string_view> words[] = {
      {"schedule_interval", "schedule"},
      {"name", "dag_id"},
      {"id", "task_id"},
      {"steps", "tasks"},
      {"upstream", "depends_on"},
      {"depends", "depends_on"},
      {"dependencies", "depends_on"},
      {"bash_command", "command"},
      {"cmd", "command"},
      {"script", "command"},
      {"execution_date", "logical_date"},
      {"timeout", "execution_timeout"},
      {"concurrency", "max_active_tasks"},
      {"retry_interval", "retry_delay"},
      {"endpoint", "url"},
      {"cron", "schedule"},
      {"interval", "schedule"},
      {"needs", "depends_on"},
      {"upstream_task_ids", "depends_on"},
      {"bash", "command"},
      {"run", "command"},
      {"on_failure_callback", "on_failure"},
      {"on_success_callback", "on_success"},
      {"on_retry_callback", "on_retry"},
      {"on_skipped_callback", "on_skipped"},
      {"email_on_failure", "on_failure"},
      {"email_on_retry", "on_retry"},
      {"sla", "deadline"},
      {"dagrun_deadline", "deadline"},
      {"task_concurrency", "max_active_tis_per_dag"},
      {"max_active_tasks_per_dag", "max_active_tasks"},
      {"maxActiveRuns", "max_active_runs"},
      {"is_paused", "is_paused_upon_creation"},
      {"run_as_user", "run_as"},
  };
  for (const auto& [theirs, ours] : words) {
    if (field == theirs) return ours;
  }
  return {};
}
}  // namespace

void FieldReader::refuse_unknown(std::string_view what) {
  for (const auto& [name, value] : object_.items()) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    const std::vector<std::string> names(known_.begin(), known_.end());
    const std::string_view ours = field_known_elsewhere(name);
    const bool fits =
        !ours.empty() && std::find(known_.begin(), known_.end(), ours) != known_.end();
    problem(name,
            "unknown field \"" + name.substr(0, 80) + "\" in " + std::string(what) +
                (fits ? "; here it is \"" + std::string(ours) + "\"" : did_you_mean(name, names)));
  }
}

std::string_view json_kind(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return "null";
    case json::value_t::object:
      return "an object";
    case json::value_t::array:
      return "a list";
    case json::value_t::string:
      return "a text";
    case json::value_t::boolean:
      return "true or false";
    default:
      return "a number";
  }
}

}  // namespace batuta
