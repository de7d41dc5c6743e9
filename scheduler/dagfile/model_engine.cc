#include "scheduler/dagfile/model_engine.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/suggest.h"
#include "scheduler/dagfile/changed_call.h"
#include "scheduler/dagfile/spark_fields.h"
#include "scheduler/dagfile/spark_text.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_spark_sql = 256 << 10;
constexpr std::size_t most_of_a_list = 200;
constexpr const char* spark_result = "result.parquet";

void read_spark_sql(FieldReader& fields, json& spark) {
  const auto sql = fields.text("spark_sql", max_spark_sql);
  if (!sql) return;
  const auto read = spark_text(*sql);
  if (!read) return fields.problem("spark_sql", read.error().message);
  static const std::vector<std::string> words = {"select", "with", "from", "values"};
  if (std::find(words.begin(), words.end(), read->first_word) == words.end())
    return fields.problem("spark_sql",
                          "a model is one SELECT, and begins with SELECT, WITH, FROM or VALUES, "
                          "not with " +
                              read->first_word.substr(0, 40));
  json parameters = json::object();
  for (const auto& [name, text] : read->parameters) {
    if (changed_call(std::string_view(text).substr(2, text.size() - 4)))
      return fields.problem("spark_sql",
                            "changed_partitions is found in the table's log by the slot's engine, "
                            "and Spark computes all: leave it out of this text");
    parameters[name] = text;
  }
  std::set<std::string> tables;
  for (const auto& [view, table] : read->views) tables.insert(table);
  spark["spark_sql"] = read->text;
  spark["parameters"] = std::move(parameters);
  spark["views"] = read->views;
  spark["reads"] = tables;
}

}  // namespace

bool read_model_engine(FieldReader& fields, json& spark) {
  static const std::vector<std::string> engines = {"duckdb", "spark"};
  const auto engine = fields.text("engine");
  if (engine && std::find(engines.begin(), engines.end(), *engine) == engines.end())
    fields.problem("engine", "engine is duckdb, which it is without, or spark" +
                                 did_you_mean(*engine, engines));
  const bool there = engine && *engine == "spark";
  read_spark_sql(fields, spark);
  const bool named = fields.find("spark_sql") != nullptr;
  if (there && !named)
    fields.problem("engine",
                   "with the engine spark a model needs \"spark_sql\": {\"$file\": "
                   "\"gold/position.spark.sql\"}, the statement in Spark's dialect");
  for (const char* name : {"connection", "conf", "jars", "packages"})
    if (fields.find(name) && !named)
      fields.problem(name, "is of the engine spark, for which a model needs \"spark_sql\"");
  if (const auto id = fields.id("connection")) spark["connection"] = *id;
  read_spark_conf(fields, spark);
  for (const char* name : {"jars", "packages"})
    if (const auto list = fields.texts(name, most_of_a_list)) spark[name] = *list;
  return there;
}

void run_model_on_spark(FieldReader& fields, json spark, Task& task, json& params) {
  for (const char* name : {"history", "cluster_by", "incremental", "always"})
    if (fields.find(name))
      fields.problem(name,
                     "is of the engine duckdb: Spark computes all each time, and its result is "
                     "handed in as a file; a model over this table can have it");
  if (task.is_mapped())
    fields.problem("engine", "a mapped model runs on the engine duckdb: make this one task");
  task.is_data = false;
  task.plugin = "spark";
  json output = {{"file", spark_result}};
  for (const char* name : {"table", "mode", "keys", "partition_by", "delete_when", "quality",
                           "description", "contract"})
    if (params.contains(name)) output[name] = params[name];
  if (spark.contains("connection"))
    task.connections.push_back(spark["connection"].get<std::string>());
  spark["table"] = params.value("table", "");
  spark["outputs"] = json::array({std::move(output)});
  // What it reads and writes are files of the worker, wherever the connection's others run.
  spark["deploy_mode"] = "client";
  if (!task.do_xcom_push) spark["do_xcom_push"] = false;
  params = std::move(spark);
}

}  // namespace batuta
