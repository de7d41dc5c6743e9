// Writes a pipeline's sources and sends what comes by a topic: all that `batuta demo simulate` and
// the plugin simulated_sources do.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/demo/message_producer.h"
#include "scheduler/demo/simulation_config.h"
#include "stream/kafka_connection.h"

namespace batuta::demo {

struct SimulateOrder {
  std::string pipeline;
  SimulationConfig config;
  std::string folder;  // absolute; messages wait in its spool
  std::string home;    // whose embedded log has the topic
  std::int64_t spool_bytes = std::int64_t{1} << 30;
  std::optional<stream::KafkaConnection> broker = {};  // in that log's place
  // Of the days only those that end by then, but never fewer than the folder has had: what was
  // there stays there, in whatever order slices are asked for.
  OptTime until = {};
  // As ProducerOptions has them.
  std::function<void(Duration)> pause_until = {};
  std::function<bool()> goes_on = {};
  // Called when the files are there, before anything is sent; may be empty.
  std::function<void(const std::vector<SimulationSetting>&)> written = {};
};

struct Simulated {
  int days = 0;  // 0: none has ended by `until`, and nothing was done
  std::vector<SimulationSetting> settings;
  std::string topic;  // empty: none
  Produced produced;
};

// The most of the simulation's days that all end by `until`; 0: not one.
int days_until(const std::string& pipeline, const SimulationOptions& options, Time until);

// Errc::not_found: there is no such pipeline. Else as Simulation::write() and produce_messages().
// One call at a time for a folder: of two at once one is refused where there is a topic.
Result<Simulated> simulate(const SimulateOrder& order);

}  // namespace batuta::demo
