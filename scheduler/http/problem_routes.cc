// What is wrong in the DAG files: import errors and warnings.
#include <nlohmann/json.hpp>

#include "scheduler/http/codecs.h"
#include "scheduler/http/handlers.h"
#include "scheduler/http/params.h"

namespace batuta::http {

Result<Response> list_dag_warnings(Context& context, const Request& request) {
  QueryReader query(request);
  const Page page = query.page();
  const auto dag_id = query.text("dag_id");
  const auto type = query.text("warning_type");
  if (type && *type != "asset conflict" && *type != "non-existent pool" &&
      *type != "runtime varying value") {
    query.fail("warning_type",
               "must be asset conflict, non-existent pool or runtime varying value");
  }
  if (!query.status()) return query.status().error();
  const auto bag = context.services.backend.dags();
  std::vector<DagWarning> rows;
  for (const auto& warning : bag->warnings) {
    if (dag_id && warning.dag_id != *dag_id) continue;
    if (type && airflow_warning_type(warning) != *type) continue;
    rows.push_back(warning);
  }
  return json_response(page_of("dag_warnings", page, rows.size(),
                               [&](std::size_t i) { return warning_json(rows[i]); }));
}

Result<Response> list_import_errors(Context& context, const Request& request) {
  QueryReader query(request);
  const Page page = query.page();
  if (!query.status()) return query.status().error();
  const auto bag = context.services.backend.dags();
  const auto& rows = bag->import_errors;
  return json_response(page_of("import_errors", page, rows.size(),
                               [&](std::size_t i) { return import_error_json(rows[i]); }));
}

Result<Response> get_import_error(Context& context, const Request& request) {
  const auto id = path_number(request, "import_error_id");
  if (!id) return id.error();
  const auto bag = context.services.backend.dags();
  for (const auto& error : bag->import_errors) {
    if (error.id == *id) return json_response(import_error_json(error));
  }
  return {Errc::not_found, "no such import error: it may have been mended"};
}

}  // namespace batuta::http
