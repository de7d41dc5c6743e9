#include "scheduler/demo/simulate.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/demo/written_file.h"

namespace batuta::demo {
namespace {

// Beside truth.json: whose files they are and of how many days.
constexpr const char* mark_file = "/simulated.json";

int days_in(const std::string& folder, const std::string& identity) {
  std::ifstream file(folder + mark_file, std::ios::binary);
  const auto mark =
      parse_untrusted(std::string(std::istreambuf_iterator<char>(file), {}), JsonLimits{});
  if (!mark || !mark->is_object() || mark->value("simulation", nlohmann::json()) != identity)
    return 0;
  return static_cast<int>(std::clamp<std::int64_t>(
      json_int(mark->value("days", nlohmann::json())).value_or(0), 0, 260));
}

Status set_mark(const std::string& folder, const std::string& identity, int days) {
  return write_file(folder + mark_file,
                    json_text({{"simulation", identity}, {"days", days}}) + "\n");
}

}  // namespace

int days_until(const std::string& pipeline, const SimulationOptions& options, Time until) {
  int ended = 0;
  for (SimulationOptions some = options; ended < options.days; ++ended) {
    some.days = ended + 1;
    const auto simulation = make_simulation(pipeline, some);
    if (!simulation || simulation->ends() > until) break;
  }
  return ended;
}

Result<Simulated> simulate(const SimulateOrder& order) {
  SimulationOptions options = order.config.options;
  if (!make_simulation(order.pipeline, options))
    return {Errc::not_found, "there is no simulation of " + order.pipeline};
  const std::string identity = describe(order.pipeline, options);
  if (order.until)
    options.days = std::max(days_until(order.pipeline, options, *order.until),
                            std::min(days_in(order.folder, identity), options.days));
  Simulated done;
  done.days = options.days;
  if (done.days == 0) return done;
  const auto simulation = make_simulation(order.pipeline, options);
  if (Status written = simulation->write(order.folder); !written) return written.error();
  if (Status marked = set_mark(order.folder, identity, done.days); !marked) return marked.error();
  done.settings = simulation->settings(order.folder);
  if (order.written) order.written(done.settings);
  done.topic = simulation->topic();
  if (done.topic.empty()) return done;
  ProducerOptions with;
  with.home = order.home;
  with.spool = order.folder + "/spool";
  with.identity = identity;
  with.spool_bytes = order.spool_bytes;
  with.per_second = order.config.per_second;
  with.pace = order.config.pace;
  with.pause_until = order.pause_until;
  with.goes_on = order.goes_on;
  with.broker = order.broker;
  const auto produced = produce_messages(*simulation, with);
  if (!produced) return produced.error();
  done.produced = *produced;
  return done;
}

}  // namespace batuta::demo
