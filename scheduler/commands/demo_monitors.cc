#include "scheduler/commands/demo_monitors.h"

#include <chrono>
#include <cstdio>
#include <utility>

#include "scheduler/commands/demo_truth.h"
#include "scheduler/commands/watch_run.h"
#include "scheduler/serve/platform_facts.h"
#include "scheduler/serve/server.h"

namespace batuta {
namespace {

constexpr Duration judges_patience = std::chrono::minutes(15);

}  // namespace

Result<std::string> judge_monitors(Server& server, const std::string& home,
                                   const std::vector<std::string>& domains) {
  std::string names;
  for (const std::string& name : domains) names += (names.empty() ? "'" : ", '") + name + "'";
  server.gather_facts();  // or the run that is over would not be known for up to a minute
  std::printf("\n");
  RunRequested request;
  request.dag_id = monitors_dag_id;
  request.conf_json = "{}";
  auto state = watch_run(server, std::move(request), judges_patience);
  if (!state && state.error().code == Errc::not_found) return std::string("success");  // "off"
  if (!state || *state != "success") return state;
  show_query(home, "monitors (volume wants three versions before the newest to compare it with)",
             "SELECT monitor_id AS monitor, kind, target, status, message FROM "
             "\"mngt/platform/monitor_result\" WHERE domain IN (" +
                 names +
                 ") QUALIFY row_number() OVER (PARTITION BY monitor_id ORDER BY evaluated_at "
                 "DESC) = 1 ORDER BY 1");
  return state;
}

}  // namespace batuta
