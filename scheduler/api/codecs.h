// Rows as Airflow's REST objects. Every field that Airflow's client requires is there; what we have
// beyond them stands in one member "batuta", so that a name of theirs can never clash with ours.
// Pure; any thread.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "scheduler/api/backend.h"
#include "scheduler/api/context.h"
#include "scheduler/core/dag.h"
#include "scheduler/store/history.h"

namespace batuta::http {

// ---- small parts

nlohmann::json iso_or_null(const OptTime& t);
nlohmann::json text_or_null(std::string_view text);  // empty = null
// Our own stored JSON text as a value; null when empty or not readable.
nlohmann::json stored_json(std::string_view text);
// {"__type":"TimeDelta","days","seconds","microseconds"}
nlohmann::json time_delta(Duration d);
nlohmann::json seconds_between(const OptTime& from, const OptTime& to);
// A UUID (version 8) that depends on `seed` only, for objects that have no UUID of their own.
std::string stable_uuid(std::string_view seed);
// {"<plural>": items, "total_entries": n}
nlohmann::json collection(std::string_view plural, nlohmann::json items, std::int64_t total);
// The same of one page of `total` rows in memory.
nlohmann::json page_of(std::string_view plural, const Page& page, std::size_t total,
                       const std::function<nlohmann::json(std::size_t)>& row);

// ---- DAGs

// Asked by Airflow's client of 3.0 or 3.1, which says so, and takes less than later ones.
bool is_old_client(const Request& request);

// What the DAG waits for, as Airflow's asset_expression; null for nothing, or no DAG.
nlohmann::json asset_expression(const Dag* dag);

struct DagFacts {
  const DagRow& row;
  const Dag* dag = nullptr;  // the newest version; null when its file is gone
  OptTime parsed_at;
  bool has_import_errors = false;
  Time now;
  std::string bundle_revision{};  // that its bundle is of, if it has any
};
OptTime next_run(const DagFacts& facts);
nlohmann::json dag_json(const DagFacts& facts);
// dag_json and what details add, as JSON text; `version` may be null. Its params stand in the order
// of the DAG file.
std::string dag_details_text(const DagFacts& facts, const VersionInfo* version,
                             std::int64_t active_runs, bool is_favorite);
// A param, or a field of a question's form: {"value", "description", "schema"}.
nlohmann::json param_form(const nlohmann::json& schema);
// `old_client`: one of Airflow 3.0 or 3.1, whose document has retry_exponential_backoff as a
// boolean, and whose client takes nothing else; since then it is a number.
nlohmann::json task_json(const Dag& dag, const Task& task, bool old_client = false);
nlohmann::json task_groups_json(const Dag& dag);
struct KeptVersion {
  std::string_view hash, file;  // that it is known by; where it was first read
};
std::string version_text(const std::string& dag_id, const KeptVersion& version, std::int64_t number,
                         Time created_at);  // as JSON text
nlohmann::json version_json(const std::string& dag_id, const KeptVersion& version,
                            std::int64_t number, Time created_at);
// Our kinds of warnings as values of Airflow's enum, so that generated clients can parse them; the
// kind itself is the answer's batuta.kind.
std::string_view airflow_warning_type(const DagWarning& warning);
// `old_client`: it knows but two of the types.
nlohmann::json warning_json(const DagWarning& warning, bool old_client = false);
nlohmann::json import_error_json(const ImportError& error);

// ---- runs and task instances

// The run as JSON text, without a tree in between: the answer to a trigger is on its way while the
// task already runs. run_json is the same as a value, for lists. `old_client`: it does not know
// that a run was begun to make an asset, and takes it for one by hand, as Airflow did then.
std::string run_text(const RunRow& run, const VersionInfo* version, bool old_client = false);
nlohmann::json run_json(const RunRow& run, const VersionInfo* version, bool old_client = false);
nlohmann::json task_instance_json(const TaskInstanceView& view, const VersionInfo* version);
// A row of a reply: the view is made from the run and its version.
TaskInstanceView view_of(const RunRow& run, const TaskInstanceRow& row, const Dag* dag);
nlohmann::json attempt_report_json(const AttemptReportRow& row);
nlohmann::json xcom_json(const XcomRow& row, const TaskInstanceView& of);  // without the value

// ---- the rest

nlohmann::json pool_json(const PoolView& pool);
nlohmann::json variable_json(const Variable& variable);  // sensitive values masked
// The host as people may see it: a webhook's address is a password, and any address may hold one
// before its @.
std::string shown_host(const Connection& connection);
nlohmann::json connection_json(const Connection& connection);  // never the password
nlohmann::json user_json(const User& user);
nlohmann::json token_json(const TokenInfo& token);
nlohmann::json grants_json(const std::vector<Grant>& grants);
nlohmann::json role_json(const Role& role);
nlohmann::json group_json(const UserGroup& group);
nlohmann::json event_log_json(const EventLogView& view);
nlohmann::json plugin_json(const PluginInfo& plugin);
nlohmann::json outbox_json(const OutboxRow& row);
nlohmann::json job_config_json(const JobConfigView& row);
nlohmann::json job_execution_json(const JobExecutionView& view);

}  // namespace batuta::http
