// Fields that Airflow's official client requires of each object (its spec's `required` lists). The
// client refuses an answer without them.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/api/fake_services.h"

namespace batuta::http::shapes_test {
namespace {

const std::string run = "/api/v2/dags/demo/dagRuns/done";
const std::string task = run + "/taskInstances/first";

struct Expected {
  const char* schema;
  std::string path;
  std::string pointer;  // where in the answer the object stands
  const char* required;
};

const std::string dag_fields =
    "dag_id dag_display_name file_token fileloc has_import_errors has_task_concurrency_limits "
    "is_paused is_stale max_active_tasks max_consecutive_failed_dag_runs owners tags "
    "timetable_partitioned timetable_periodic is_backfillable";
const std::string details_fields =
    dag_fields + " catchup concurrency render_template_as_native_obj";
constexpr const char* run_fields =
    "dag_run_id dag_id dag_display_name run_after run_type state dag_versions";
constexpr const char* task_fields =
    "id task_id dag_id dag_run_id map_index run_after try_number max_tries pool pool_slots "
    "executor_config task_display_name dag_display_name";
constexpr const char* try_fields =
    "task_id dag_id dag_run_id map_index try_number max_tries pool pool_slots executor_config "
    "task_display_name dag_display_name";
constexpr const char* pool_fields =
    "name slots occupied_slots running_slots queued_slots scheduled_slots open_slots "
    "deferred_slots include_deferred";
constexpr const char* version_fields = "id version_number dag_id created_at dag_display_name";
constexpr const char* xcom_fields =
    "key timestamp map_index task_id dag_id run_id run_after dag_display_name task_display_name";

}  // namespace

TEST_CASE("every object has the fields that Airflow's client requires") {
  const Expected shapes[] = {
      {"DAGCollection", "/api/v2/dags", "", "dags total_entries"},
      {"DAG", "/api/v2/dags", "/dags/0", dag_fields.c_str()},
      {"DAG", "/api/v2/dags/demo", "", dag_fields.c_str()},
      {"DAGTag", "/api/v2/dags/demo", "/tags/0", "name dag_id dag_display_name"},
      {"DAGDetails", "/api/v2/dags/demo/details", "", details_fields.c_str()},
      {"DagVersion", "/api/v2/dags/demo/details", "/latest_dag_version", version_fields},
      {"TaskCollection", "/api/v2/dags/demo/tasks", "", "tasks total_entries"},
      {"Task", "/api/v2/dags/demo/tasks", "/tasks/0",
       "depends_on_past extra_links retry_exponential_backoff wait_for_downstream"},
      {"TimeDelta", "/api/v2/dags/demo/tasks", "/tasks/0/retry_delay", "days seconds microseconds"},
      {"DAGSource", "/api/v2/dagSources/demo", "", "dag_id dag_display_name"},
      {"DAGWarning", "/api/v2/dagWarnings", "/dag_warnings/0",
       "dag_id dag_display_name message timestamp warning_type"},
      {"DAGVersions", "/api/v2/dags/demo/dagVersions", "/dag_versions/0", version_fields},
      {"DagStats", "/api/v2/dagStats", "/dags/0", "dag_id dag_display_name stats"},
      {"DAGTags", "/api/v2/dagTags", "", "tags total_entries"},
      {"ImportError", "/api/v2/importErrors", "/import_errors/0",
       "import_error_id timestamp filename stack_trace"},
      {"DAGRunCollection", "/api/v2/dags/~/dagRuns", "", "dag_runs total_entries"},
      {"DAGRun", "/api/v2/dags/~/dagRuns", "/dag_runs/0", run_fields},
      {"DAGRun", run, "", run_fields},
      {"DagVersion", run, "/dag_versions/0", version_fields},
      {"TaskInstances", run + "/taskInstances", "", "task_instances total_entries"},
      {"TaskInstance", run + "/taskInstances", "/task_instances/0", task_fields},
      {"TaskInstance", task, "", task_fields},
      {"TaskInstanceHistory", task + "/tries", "/task_instances/0", try_fields},
      {"TaskInstanceHistory", task + "/tries/1", "", try_fields},
      {"Dependency", task + "/dependencies", "/dependencies/0", "name reason"},
      {"Log", task + "/logs/1", "", "content"},
      {"LogMessage", task + "/logs/1", "/content/0", "event"},
      {"XComCollection", task + "/xcomEntries", "", "xcom_entries total_entries"},
      {"XCom", task + "/xcomEntries", "/xcom_entries/0", xcom_fields},
      {"XComNative", task + "/xcomEntries/return_value", "", "value key run_id"},
      {"PoolCollection", "/api/v2/pools", "", "pools total_entries"},
      {"Pool", "/api/v2/pools/default_pool", "", pool_fields},
      {"Variable", "/api/v2/variables/v", "", "key value is_encrypted"},
      {"Connection", "/api/v2/connections/c", "", "connection_id conn_type"},
      {"EventLog", "/api/v2/eventLogs", "/event_logs/0", "event_log_id when event"},
      {"Job", "/api/v2/jobs", "/jobs/0", "id"},
      {"Health", "/api/v2/monitor/health", "", "metadatabase scheduler triggerer"},
      {"Version", "/api/v2/version", "", "version"},
  };
  TestApi api;
  api.registry.variable_rows["v"] = {"v", "1", ""};
  api.registry.connection_rows["c"].id = "c";
  for (const auto& shape : shapes) {
    CAPTURE(shape.schema);
    CAPTURE(shape.path);
    const auto body = api.get(shape.path);
    const nlohmann::json::json_pointer pointer(shape.pointer);
    REQUIRE(body.contains(pointer));
    const auto& object = body.at(pointer);
    std::istringstream names(shape.required);
    for (std::string name; names >> name;) {
      CAPTURE(name);
      CHECK(object.contains(name));
      if (object.contains(name)) CHECK_FALSE(object[name].is_null());
    }
  }
}

TEST_CASE("times are UTC with a Z and enumerations are Airflow's words") {
  TestApi api;
  const auto object = api.get(run);
  CHECK(object["run_after"] == "2026-11-20T10:00:00Z");
  CHECK(object["run_type"] == "manual");
  CHECK(object["state"] == "success");
  CHECK(object["duration"] == 1.5);
  CHECK(object["triggered_by"] == "rest_api");
}

}  // namespace batuta::http::shapes_test
