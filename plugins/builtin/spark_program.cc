#include "plugins/builtin/spark_program.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/builtin/spark_end.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {
namespace {

[[noreturn]] void no_program(const std::string& why) {
  throw FinalError(why, spark_code::refused);
}

}  // namespace

std::string program_on(const std::string& path, const std::string& name) {
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    std::string candidate = path.substr(at, end - at) + "/" + name;
    if (candidate.starts_with('/') && ::access(candidate.c_str(), X_OK) == 0) return candidate;
    at = end + 1;
  }
  return {};
}

std::vector<std::string> submit_program(const std::string& path) {
  std::vector<std::string> words{"spark-submit"};
  if (const char* text = std::getenv("BATUTA_SPARK_SUBMIT"); text != nullptr && *text != '\0') {
    const auto given = parse_untrusted(text);
    if (!given || !given->is_array()) no_program("worker.spark_submit is no list of words");
    if (!given->empty()) words.clear();
    for (const nlohmann::json& word : *given)
      words.push_back(word.is_string() ? word.get<std::string>() : json_text(word));
  }
  std::string& program = words.front();
  if (program.find('/') != std::string::npos) {
    if (program.starts_with('/') && ::access(program.c_str(), X_OK) == 0) return words;
    no_program("worker.spark_submit: " + program + " is no program of this worker" +
               (program.starts_with('/') ? std::string(": ") + std::strerror(errno)
                                         : ", whose path must be absolute"));
  }
  if (const std::string found = program_on(path, program); !found.empty()) {
    program = found;
    return words;
  }
  no_program("there is no " + program +
             " on this worker: install Apache Spark and name its program in "
             "worker.spark_submit, such as [\"/opt/spark/bin/spark-submit\"] (PATH is " +
             path + ")");
}

}  // namespace batuta::plugin
