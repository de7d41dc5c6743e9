// Models as files: models/<layer>/<domain>/<table>.sql with a header comment, and the DAG that they
// make. Pure: text in, text out.
//
//   /* model
//   table: gold/brokerage/client_position     # without it: the file's own path
//   mode: merge
//   keys: [client, ticker]
//   quality:
//     - {rule: range, column: quantity, min: 0}
//   */
//   SELECT …
//
// The header is YAML and has the fields of a model's task (docs/models.md), spark_sql as the path
// of a second file below the folder, gold/brokerage/client_position.spark.sql; beside them, of any
// task, retries, retry_delay, execution_timeout, pool, owner, doc_md and display_name; and params,
// which the DAG then declares.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace batuta::cli {

// Behind the name of a model's table: the history of it.
inline constexpr std::string_view history_ending = "_hist";
// Of a model's second file, in Spark's dialect: no model of its own.
inline constexpr std::string_view spark_ending = ".spark.sql";

struct ModelFile {
  std::string path;  // below the folder of models
  std::string table;
  std::string fields_json;         // an object: the header, but for the table
  std::string sql;                 // the text behind the header
  std::vector<std::string> names;  // tables that the text names, as far as it tells; ascending
  std::string spark_path;          // below the folder of models; empty: there is no second file
};

// Errc::invalid or malformed with what is wrong with the header.
Result<ModelFile> read_model(const std::string& path, const std::string& text);

// The tables that a statement names as layer.domain.table or "layer/domain/table", each once. By
// its words: what looks like one and is a column's name is among them.
std::vector<std::string> tables_named(std::string_view sql);

struct ModelDag {
  std::string dag_id;
  std::string schedule;  // empty: none
  std::string prefix;    // of the files' paths, below the DAG folder
};

// The text of a DAG file: a task for each model, behind those whose tables it names. Errc::invalid
// for two models of one table, and for models that name each other in a circle, with their names.
Result<std::string> dag_of_models(const std::vector<ModelFile>& models, const ModelDag& dag);

// The cases of one test file as the plugin model_test takes them: see plugins/models/model_test.cc.
//   model: gold/brokerage/client_position
//   tests:
//     - name: sums by client
//       values: {ds: 2026-11-20}            # of the templates, by what stands between the braces
//       inputs:
//         silver/brokerage/orders:
//           - {client: ana, ticker: PETR4, quantity: 10, day: 2026-11-20}
//       expected:
//         - {client: ana, ticker: PETR4, quantity: 10}
// An input may be {types: {quantity: "DECIMAL(18,2)"}, rows: […]}; without a type a column of whole
// numbers is BIGINT, of other numbers DOUBLE, of true and false BOOLEAN, of dates DATE, of instants
// TIMESTAMPTZ, and else VARCHAR. Columns that `expected` does not name are not compared.
// Errc::invalid with the place.
Result<nlohmann::json> test_cases(const nlohmann::ordered_json& file,
                                  const std::map<std::string, ModelFile>& models);

// The statement with :template_n for its templates, and their values: `values` by what stands
// between the braces. Errc::invalid naming a template without a value; changed_partitions(…) needs
// none, and is null then.
struct BoundModel {
  std::string sql;
  std::string parameters_json;  // an object
  std::string changed_json;     // {"template_1": {"table", "column"}…}: its calls of that
};
Result<BoundModel> bound_model(const std::string& sql, const nlohmann::ordered_json& values);

}  // namespace batuta::cli
