#include "scheduler/dagfile/run_conf.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"
#include "scheduler/dagfile/dag_parser.h"

namespace batuta {

// It is kept as it was given; it is checked with the defaults of the DAG's params, which attempts
// get with it.
Status set_conf(const Dag& dag, std::string conf_json, RunRequested& request) {
  const auto checked = validate_conf(dag, conf_json);
  if (!checked) {
    Error error = checked.error();
    if (!error.where.starts_with("/conf")) error.where = "/conf" + error.where;
    return error;
  }
  const auto value = parse_untrusted(*checked);
  if (!value) return value.error();
  const auto time_of = [&](const char* name) -> OptTime {
    const auto it = value->find(name);
    if (it == value->end() || !it->is_string()) return std::nullopt;
    return parse_iso(it->get_ref<const std::string&>());
  };
  request.conf_json = std::move(conf_json);
  request.conf_start = time_of("start");
  request.conf_end = time_of("end");
  return success();
}

}  // namespace batuta
