#include "scheduler/dagfile/shared_fields.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/builtin_fields.h"

namespace batuta {

using nlohmann::json;

json read_shared(FieldReader& dag_fields) {
  json out = json::object();
  read_env(dag_fields, out);
  read_working_dir(dag_fields, out);
  return out;
}

void take_over(const json& shared, Task& task) {
  const bool contained = task.plugin == "container";
  const bool takes =
      task.plugin == "shell" || task.plugin == "python" || task.plugin == "spark" || contained;
  if (!takes || shared.empty()) return;
  JsonLimits limits;
  limits.bytes = limits.string_bytes = std::size_t{8} << 20;
  limits.tokens = 2'000'000;
  auto spec = parse_untrusted(task.spec_json, limits);
  if (!spec) return;
  json& params = (*spec)["params"];
  for (const auto& [name, value] : shared.items()) {
    if (contained && name != "env") continue;  // folders of the worker's machine say nothing there
    json& own = params[name];
    if (own.is_null()) {
      own = value;
    } else if (own.is_object() && value.is_object()) {
      json merged = value;
      merged.update(own);
      own = std::move(merged);
    }
  }
  task.spec_json = json_text(*spec);
  task.has_templates = task.has_templates || task.spec_json.find("{{") != std::string::npos ||
                       task.spec_json.find("{%") != std::string::npos;
}

}  // namespace batuta
