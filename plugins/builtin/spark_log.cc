#include "plugins/builtin/spark_log.h"

#include <unistd.h>

#include <chrono>
#include <exception>

#include "plugins/builtin/child.h"
#include "plugins/builtin/last_line.h"
#include "plugins/builtin/spark_program.h"

namespace batuta::plugin {
namespace {

constexpr auto log_patience = std::chrono::minutes(2);
// `yarn logs` has the same of each file.
constexpr const char* log_bytes = "-262144";  // negative: the last ones

void show_log_of_yarn(Context& context, const std::string& id,
                      const std::map<std::string, std::string>& environment) {
  const auto path = environment.find("PATH");
  Child child;
  child.program = program_on(path == environment.end() ? "" : path->second, "yarn");
  if (child.program.empty())
    return context.info(
        "the driver's log stays over there: there is no yarn on this worker's PATH");
  // Of the last attempt's first container, in which the driver ran.
  child.arguments = {"logs", "-applicationId", id, "-am", "-1", "-size", log_bytes};
  child.environment = environment;
  child.folder = context.scratch();
  const auto until = std::chrono::steady_clock::now() + log_patience;
  child.cancelled = [&] { return context.cancelled() || std::chrono::steady_clock::now() > until; };
  for (const int number : {STDOUT_FILENO, STDERR_FILENO})
    child.streams.push_back({number, [number](std::string_view bytes) { pass_on(number, bytes); }});
  const auto end = run_child(child);
  if (end.exit_code != 0 || end.signal != 0)
    context.warn("`yarn logs` did not tell the whole log of " + id + ": it ended with " +
                 (end.signal != 0 ? "signal " + std::to_string(end.signal)
                                  : "code " + std::to_string(end.exit_code)));
}

}  // namespace

void show_driver_log(Context& context, const SparkCluster& cluster, const std::string& id,
                     const std::map<std::string, std::string>& environment) {
  try {
    if (cluster.kind() == SparkCluster::Kind::yarn)
      return show_log_of_yarn(context, id, environment);
    const std::string text = cluster.driver_log(id);
    if (text.empty())
      return context.info(
          "the driver's log stays over there: \"page\" in the extra of the "
          "tracking connection would name the master's page");
    pass_on(STDOUT_FILENO, text);
  } catch (const std::exception& error) {
    context.warn("the log of " + id + " cannot be had: " + error.what());
  }
}

}  // namespace batuta::plugin
