// What is wrong in the DAG files: import errors and warnings.
#include <nlohmann/json.hpp>

#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/listing.h"
#include "scheduler/api/params.h"

namespace batuta::http {

namespace {

Cell text_cell(std::string_view text) {
  return Cell(std::string(text));
}

constexpr Column<DagWarning> warning_columns[] = {
    {"dag_id", [](const DagWarning& w) { return cell(w.dag_id); }},
    {"warning_type",
     [](const DagWarning& w) { return Cell(std::string(airflow_warning_type(w))); }},
    {"message", [](const DagWarning& w) { return cell(w.message); }},
    {"timestamp", [](const DagWarning& w) { return cell(w.timestamp); }},
};

constexpr Column<ImportError> error_columns[] = {
    {"id", [](const ImportError& e) { return Cell(e.id); }},
    {"import_error_id", [](const ImportError& e) { return Cell(e.id); }},
    {"timestamp", [](const ImportError& e) { return cell(e.timestamp); }},
    {"filename", [](const ImportError& e) { return text_cell(split_bundle_file(e.file).path); }},
    {"bundle_name",
     [](const ImportError& e) { return text_cell(split_bundle_file(e.file).bundle); }},
    {"stacktrace", [](const ImportError& e) { return cell(e.message); }},
};

}  // namespace

Result<Response> list_dag_warnings(Context& context, const Request& request) {
  QueryReader query(request);
  auto list = query.list_query();
  const auto type = query.text("warning_type");
  if (type && *type != "asset conflict" && *type != "non-existent pool" &&
      *type != "runtime varying value") {
    query.fail("warning_type",
               "must be asset conflict, non-existent pool or runtime varying value");
  }
  if (!query.status()) return query.status().error();
  if (type) list.filters.push_back({"warning_type", Filter::Op::any, {*type}});
  const auto bag = context.services.backend.dags();
  const auto picked = pick<DagWarning>(
      bag->warnings, warning_columns, list,
      [sight = seen_dags(request)](const DagWarning& w) { return sight.sees(w.dag_id); });
  return page_response("dag_warnings", picked, [old = is_old_client(request)](const DagWarning& w) {
    return warning_json(w, old);
  });
}

Result<Response> list_import_errors(Context& context, const Request& request) {
  QueryReader query(request);
  const auto list = query.list_query();
  if (!query.status()) return query.status().error();
  const auto bag = context.services.backend.dags();
  const auto picked = pick<ImportError>(bag->import_errors, error_columns, list,
                                        [&, sight = seen_dags(request)](const ImportError& e) {
                                          return sees_file(sight, *bag, e.file);
                                        });
  return page_response("import_errors", picked, import_error_json);
}

Result<Response> get_import_error(Context& context, const Request& request) {
  const auto id = path_number(request, "import_error_id");
  if (!id) return id.error();
  const auto bag = context.services.backend.dags();
  for (const auto& error : bag->import_errors) {
    if (error.id != *id || !sees_file(seen_dags(request), *bag, error.file)) continue;
    return json_response(import_error_json(error));
  }
  return {Errc::not_found, "no such import error: it may have been mended"};
}

}  // namespace batuta::http
