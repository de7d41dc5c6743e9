// A path of a route's pattern that names what the fakes of fake_services.h have.
#pragma once

#include <string>
#include <string_view>

namespace batuta::http {

inline std::string existing_path(std::string_view pattern) {
  constexpr std::pair<std::string_view, std::string_view> ids[] = {{"{dag_id}", "demo"},
                                                                   {"{dag_run_id}", "done"},
                                                                   {"{task_id}", "first"},
                                                                   {"{map_index}", "-1"},
                                                                   {"{variable_key}", "v"},
                                                                   {"{connection_id}", "c"},
                                                                   {"{pool_name}", "default_pool"},
                                                                   {"{xcom_key}", "return_value"},
                                                                   {"{event_log_id}", "7"},
                                                                   {"{import_error_id}", "3"},
                                                                   {"{layer}", "gold"},
                                                                   {"{domain}", "sales"},
                                                                   {"{letter}", "0:0"},
                                                                   {"{table}", "orders"}};
  std::string path(pattern);
  // Of the two tasks the second is mapped.
  if (pattern.ends_with("/listMapped")) path.replace(path.find("{task_id}"), 9, "second");
  if (pattern.ends_with("s/list")) {  // of all of them
    for (const std::string_view name : {"{dag_id}", "{dag_run_id}"}) {
      if (const auto at = path.find(name); at != path.npos) path.replace(at, name.size(), "~");
    }
  }
  for (const auto& [name, id] : ids) {
    if (const auto at = path.find(name); at != path.npos) path.replace(at, name.size(), id);
  }
  for (auto at = path.find('{'); at != path.npos; at = path.find('{')) {
    path.replace(at, path.find('}') - at + 1, "1");
  }
  return path;
}

}  // namespace batuta::http
