// simulated_sources: what stands in for a pipeline's databases, files and topics, as a task. What
// it makes is a function of the settings and the days alone: any slice gives the same bytes, in
// whatever order and how often it is made. See docs/pipelines/simulators.md.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "common/safe_json.h"
#include "common/time.h"
#include "plugins/sdk/plugin.h"
#include "scheduler/demo/simulate.h"
#include "scheduler/demo/simulation.h"
#include "scheduler/demo/simulation_config.h"
#include "stream/kafka_connection.h"

namespace batuta::simulators {
namespace {

using nlohmann::json;

// What another try may mend, and what it cannot.
[[noreturn]] void fail_as(const Error& error) {
  switch (error.code) {
    case Errc::unavailable:
    case Errc::rate_limited:  // the spool is full
    case Errc::conflict:      // another task is at it
      throw plugin::RetryableError(error.message);
    default:
      throw plugin::FinalError(error.message);
  }
}

// An object, or the text of a file that the DAG names by {"$file": …}.
demo::SimulationConfig config_of_task(const plugin::Context& context) {
  const std::string given = context.json("settings");
  if (given.empty() || given == "null") return {};
  std::string text = given;
  if (given.front() == '"') text = context.text("settings");
  const auto config = demo::read_simulation_config(text);
  if (!config) throw plugin::FinalError("parameter settings: " + config.error().message);
  return *config;
}

std::optional<stream::KafkaConnection> broker_of_task(const plugin::Context& context) {
  const std::string id = context.text("connection", "");
  if (id.empty()) return std::nullopt;
  const plugin::Connection given = context.connection(id);
  if (given.conn_type != "kafka")
    throw plugin::FinalError("connection " + id + " is of type \"" + given.conn_type +
                             "\": messages go to one of type kafka");
  return stream::KafkaConnection{id,          given.host,     static_cast<int>(given.port),
                                 given.login, given.password, given.extra_json};
}

demo::SimulateOrder order_of_task(const plugin::Context& context) {
  demo::SimulateOrder order;
  order.pipeline = context.text("pipeline");
  const auto known = demo::simulated_pipelines();
  if (std::find(known.begin(), known.end(), order.pipeline) == known.end()) {
    std::string list;
    for (const std::string& each : known) list += (list.empty() ? "" : ", ") + each;
    throw plugin::FinalError("parameter pipeline: there is no simulation of \"" +
                             order.pipeline.substr(0, 80) + "\"; there are " + list);
  }
  const std::filesystem::path to = context.text("to");
  if (!to.is_absolute())
    throw plugin::FinalError("parameter to: an absolute folder, which is the same on every worker");
  order.folder = to.lexically_normal().string();
  // The home's topics lie beside its lake.
  order.home = std::filesystem::path(context.lake()).parent_path().string();
  order.config = config_of_task(context);
  order.spool_bytes = context.integer("spool_bytes", order.spool_bytes);
  if (order.spool_bytes < (1 << 20))
    throw plugin::FinalError("parameter spool_bytes: 1048576 (1 MiB) at least");
  order.broker = broker_of_task(context);
  if (context.boolean("by_interval", false)) order.until = context.data_interval().end;
  return order;
}

json told(const demo::Simulated& done) {
  json settings = json::object();
  for (const demo::SimulationSetting& setting : done.settings)
    settings[setting.key] = setting.value;
  json out = json::object();
  out["days"] = done.days;
  out["settings"] = std::move(settings);
  out["topic"] = done.topic;
  out["messages"] = done.produced.put;
  return out;
}

}  // namespace

struct SimulatedSources {
  static constexpr auto name = "simulated_sources";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "extract";
  static constexpr auto summary = "Writes and sends what stands in for a pipeline's sources";
  static constexpr batuta_param params[] = {
      plugin::required(BATUTA_PARAM_STRING, "pipeline", "brokerage, ecommerce, risk or users"),
      plugin::required(BATUTA_PARAM_STRING, "to", "a folder; messages wait in its spool"),
      plugin::optional(BATUTA_PARAM_ANY, "settings",
                       "seed, size, days, first_day, defects, speed, interval, rate"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "by_interval",
                       "only the days that end by the run's data interval", "false"),
      plugin::optional(BATUTA_PARAM_CONNECTION, "connection",
                       "of type kafka: brokers that get the messages instead"),
      plugin::optional(BATUTA_PARAM_INTEGER, "spool_bytes",
                       "what messages may take on disk that no topic has yet", "1073741824")};

  void execute(plugin::Context& context) {
    demo::SimulateOrder order = order_of_task(context);
    const auto begun = std::chrono::steady_clock::now();
    order.goes_on = [&] { return !context.cancelled(); };
    order.pause_until = [&](Duration due) {
      const auto past =
          std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - begun);
      if (due > past) context.sleep(due - past);
    };
    const auto done = demo::simulate(order);
    context.check_cancelled();
    if (!done) fail_as(done.error());
    if (done->days == 0)
      throw plugin::Skip("the simulation begins on " +
                         to_iso(Time(order.config.options.first_day)).substr(0, 10) +
                         ": none of its days ends by the end of this run's data interval");
    context.records(done->produced.put);
    context.return_json(json_text(told(*done)));
    // They are safe where they are, and another try sends them.
    if (done->produced.waiting > 0)
      throw plugin::RetryableError("topic " + done->topic + ": " +
                                   std::to_string(done->produced.waiting) + " messages wait in " +
                                   order.folder + "/spool: " + done->produced.why);
    if (!done->topic.empty())
      context.info("topic " + done->topic + ": " + std::to_string(done->produced.put) +
                   " new messages");
  }
};

}  // namespace batuta::simulators

BATUTA_PLUGIN(batuta::simulators::SimulatedSources)
