// The conf of a run that is asked for, by whoever asks.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "scheduler/core/event.h"

namespace batuta {

// In the conf of a run: what is to become of rows in quarantine. Only the server puts it there,
// once it has asked for the right.
inline constexpr const char* quarantine_member = "batuta:quarantine";
// Beside it the values of a repair, as JSON text: {"set":{…}} or {"corrections":{…}}. Sealed with
// the run's passwords, and shown to nobody but the task.
inline constexpr const char* quarantine_values_member = "batuta:quarantine_values";

// In the conf of a run of lake_promotion: which branch of the lake is to become the lake's, by its
// ref, and which versions of its tables: {"branch","tables":{"<table>":<version>}}. Only the server
// puts it there, once it has asked for the rights.
inline constexpr const char* promotion_member = "batuta:promotion";
// The task that carries it out, and no other.
inline constexpr const char* promotion_plugin = "lake_promotion";
// The DAG that comes with the server once a branch was made.
inline constexpr const char* promotion_dag_id = "lake_promotion";
inline constexpr const char* promotion_task_id = "promote";

// Names of the DAG's params that are passwords ("format": "password"), ascending.
std::vector<std::string> password_params(const Dag& dag);

// Checks `conf_json`, an object, against the DAG's params and takes it over, with the data window
// that it names (conf.start, conf.end). Errc::malformed or Errc::invalid with a JSON pointer below
// /conf in `where`.
// Passwords are in the clear still: seal_request() before it is kept.
Status set_conf(const Dag& dag, std::string conf_json, RunRequested& request);
// Adds the server's own members to a conf that set_conf() took; the values of a repair in the clear
// still: seal_request() before it is kept. Errc::too_large where an order that
// is carried out could not be read again; nothing is changed then.
Status add_quarantine_order(RunRequested& request, const std::string& order_json);

// The same of a promotion.
Status add_promotion_order(RunRequested& request, const std::string& order_json);
// It, as JSON text; empty where there is none, or it cannot be read: its task refuses to run then.
std::string promotion_order_of(const std::string& conf_json);

// The order in the conf of a run, as JSON text, for one of its tasks: empty where the run is none
// of an order. Errc::invalid, and the attempt must not run, for every task that the order does not
// name, and for an order that cannot be read: whoever clears such a run would do with other tables
// what was allowed for one.
// `values_json`: what quarantine_values_member held, opened; empty where it was not there.
Result<std::string> quarantine_order_of(const std::string& conf_json, const std::string& task_id,
                                        const std::string& values_json = {});

}  // namespace batuta
