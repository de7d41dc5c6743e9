// Sends what a simulation has for its topic, through a spool of its own in front of the embedded
// log, as the function of a shop or a service would: it goes on while the log is away, and stops
// when the spool is full.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/demo/simulation.h"
#include "scheduler/demo/simulation_config.h"
#include "stream/kafka_connection.h"

namespace batuta::demo {

constexpr int topic_partitions = 3;

struct ProducerOptions {
  std::string home;      // whose embedded log has the topic; it is not made
  std::string spool;     // a folder of its own, made when it is missing
  std::string identity;  // of the simulation (describe()): a spool takes the messages of one
  std::int64_t spool_bytes = std::int64_t{1} << 30;  // 1 MiB at least
  // New messages a second, as a service would have them; 0: as fast as they can be made.
  int per_second = 0;
  // Returns when so much has passed since the call began; empty: sleeps.
  std::function<void(Duration)> pause_until = {};
  std::optional<stream::KafkaConnection> broker = {};  // in the embedded log's place
  // When each is sent by its time in the simulation, counted from the first that is new; of an
  // interval from the beginning of that one.
  SimulationPace pace = {};
  // Asked before each batch; false: nothing more is put. Empty: it goes on.
  std::function<bool()> goes_on = {};
};

struct Produced {
  std::int64_t put = 0;      // messages that had not been put into the spool before
  std::int64_t waiting = 0;  // of all that were ever put: not yet in the topic
  std::string why;           // they wait; empty when none does
};

// Puts the messages behind those that the spool has ever taken, and sends what waits; the topic is
// made when it is missing. Killed anywhere, the next call goes on: none is put twice or left out,
// and what was sent just before may be sent again (spool.h). Errc::unavailable: it shall not go on,
// and what the spool has taken stays. Errc::rate_limited: the spool is full,
// and what it has taken stays; Errc::conflict: it is another simulation's, or another call, in this
// process or another, is at it.
Result<Produced> produce_messages(const Simulation& simulation, const ProducerOptions& options);

}  // namespace batuta::demo
