#include "plugins/builtin/spark_model.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "common/safe_json.h"
#include "plugins/builtin/child.h"
#include "plugins/builtin/spark_end.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

constexpr JsonLimits model_limits{16 << 20, 64, 2'000'000, 4 << 20};

// Times of the result are instants: Spark's own default (INT96) would make them local ones.
constexpr std::string_view model_program = R"(import json
import os
import sys

from pyspark.sql import SparkSession

with open(sys.argv[1], encoding="utf-8") as file:
    model = json.load(file)
spark = SparkSession.builder.getOrCreate()
if [int(part) for part in spark.version.split(".")[:2]] < [3, 5]:
    sys.exit("a model needs Spark 3.5 or newer, which binds its parameters: this is " + spark.version)
spark.conf.set("spark.sql.session.timeZone", "UTC")
spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
for view, table in model["views"].items():
    path = os.path.join(os.environ["BATUTA_TABLES"], table + ".parquet")
    spark.read.parquet("file://" + path).createOrReplaceTempView(view)
if model["parameters"]:
    result = spark.sql(model["sql"], args=model["parameters"])
else:
    result = spark.sql(model["sql"])
result.write.parquet("file://" + model["result"])
)";

json object_given(const Context& context, const char* name) {
  const std::string text = context.json(name);
  if (text.empty() || text == "null") return json::object();
  auto given = parse_untrusted(text, model_limits);
  if (!given || !given->is_object())
    throw FinalError(std::string("parameter ") + name + ": expected an object",
                     spark_code::refused);
  return *std::move(given);
}

}  // namespace

std::vector<std::string> add_model(const Context& context, std::vector<std::string> words) {
  const json model = {{"sql", context.text("spark_sql")},
                      {"parameters", object_given(context, "parameters")},
                      {"views", object_given(context, "views")},
                      {"result", context.scratch() + "/result.parquet"}};
  const std::string path = context.scratch() + "/" + context.task_id();
  write_private(path + ".py", model_program);
  write_private(path + ".json", json_text(model));
  words.push_back(path + ".py");
  words.push_back(path + ".json");
  return words;
}

}  // namespace batuta::plugin
