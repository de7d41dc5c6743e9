#include "plugins/lake/layer/upstream.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::lake {

using nlohmann::json;

std::vector<std::string> Upstream::texts(const char* field) const {
  std::vector<std::string> out;
  const auto parsed = parse_untrusted(result_json);
  if (!parsed) return out;
  const auto list = parsed->find(field);
  if (list == parsed->end() || !list->is_array()) return out;
  for (const json& item : *list)
    if (item.is_string()) out.push_back(item.get<std::string>());
  return out;
}

Upstream check_upstream(const plugin::Context& context, const std::string& table) {
  auto parsed = parse_untrusted(context.upstreams_json());
  const json* found = nullptr;
  if (parsed && parsed->is_object()) {
    for (const auto& [task, value] : parsed->items()) {
      if (!value.is_object() || value.value("table", json()) != table) continue;
      if (found != nullptr) throw plugin::FinalError("two upstream tasks returned " + table);
      found = &value;
    }
  }
  if (found == nullptr)
    throw plugin::FinalError("no direct upstream task returned a result for " + table);
  if (found->value("execution_id", json()) != context.execution_id())
    throw plugin::FinalError("the upstream result for " + table + " is of another execution");
  const auto records = found->find("records");
  const auto count = records == found->end() ? std::nullopt : json_int(*records);
  if (!count || *count < 0)
    throw plugin::FinalError("the upstream result for " + table + " has no count of records");
  return {json_text(*found)};
}

}  // namespace batuta::lake
