// The programs of Spark and Hadoop on this worker.
#pragma once

#include <string>
#include <vector>

namespace batuta::plugin {

// A program of that name in one of the folders of a PATH, as an absolute path; empty: none.
std::string program_on(const std::string& path, const std::string& name);

// What spark-submit is on this worker ($BATUTA_SPARK_SUBMIT, JSON, checked where it was read), its
// program as an absolute path. FinalError (spark_code::refused) where there is none.
std::vector<std::string> submit_program(const std::string& path);

}  // namespace batuta::plugin
