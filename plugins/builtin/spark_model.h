// A model in Spark's dialect: parameters "spark_sql", "parameters" and "views" of a spark task.
#pragma once

#include <string>
#include <vector>

#include "plugins/sdk/plugin.h"

namespace batuta::plugin {

// Writes into the attempt's scratch folder the Python program that computes the model, and what it
// computes (<task>.json), and adds both to the words of spark-submit. The program has each of
// "views" read the file that the parameter "reads" put below $BATUTA_TABLES, runs the statement
// with the parameters bound, and writes its rows to result.parquet in the scratch folder. It needs
// Spark 3.5, which has parameters by name of any type.
//
// FinalError for parameters that are no objects, RetryableError where nothing can be written.
std::vector<std::string> add_model(const Context& context, std::vector<std::string> words);

}  // namespace batuta::plugin
