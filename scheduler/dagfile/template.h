// {{ … }} in task fields: Airflow's names, a fixed grammar, no code.
//   path        params.x  var.value.x  var.json.x.y  ds  ts  run_id  dag.dag_id  task.task_id
//               ti.try_number  logical_date  data_interval_start  data_interval_end  macros…
//   call        ti.xcom_pull('task')  ti.xcom_pull('task').field  ti.xcom_pull(task_ids='task', key='k')
//   filter      {{ value | tojson }}  | ds | ts | upper | lower | default('x') | raw
// A string that is exactly one expression keeps its JSON type. Undefined is an error.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "scheduler/core/rows.h"

namespace batuta {

struct TemplateScope {
  const RunRow* run = nullptr;
  const TaskInstanceRow* row = nullptr;
  std::string dag_id;
  std::string task_id;
  std::string params_json;                    // conf over DAG params defaults
  // JSON text of an upstream's XCom; nullopt when there is none.
  std::function<std::optional<std::string>(std::string_view task_id, std::string_view key)> xcom;
  std::function<std::optional<std::string>(std::string_view key)> variable;
};

// Renders every string inside `spec_json`; the member "command" of a shell task has its values
// shell-quoted unless `| raw`. Output at most 1 MiB. Errc::invalid with a JSON pointer in `where`.
Result<std::string> render_spec(std::string_view spec_json, const TemplateScope& scope,
                                bool shell_quote_command);

// Names of tasks whose XCom the spec pulls (so that they can be fetched before rendering).
std::vector<std::string> xcom_sources(std::string_view spec_json);

// Checks the grammar only; used when a DAG file is parsed. Errc::invalid.
Status check_templates(std::string_view spec_json);

}  // namespace batuta
