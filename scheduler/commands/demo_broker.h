// An Apache Kafka of the demo's own, in <home>/demo/kafka: `batuta demo run --real` where
// $KAFKA_HOME names its published jars. It has the topics.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "common/result.h"
#include "scheduler/demo/real_broker.h"

namespace batuta {

// How to get it, for messages.
inline constexpr const char* kafka_remedy =
    "KAFKA_HOME, the folder of an Apache Kafka 4 (its jars in libs), and a java on the PATH";

// The folder of its jars: $KAFKA_HOME/libs; empty: it is not there, or there is no java.
std::string kafka_jars();

// Whether a demo of this home has put its topics there.
bool topics_are_in_kafka(const std::string& home);

// One broker on a port of this machine alone, in plain text, the same at each start: a spool knows
// where its messages go. It ends with this object, and with the thread that started it, however
// that ends.
class DemoBroker {
 public:
  // Starts it and waits until it answers. Called by the main thread while nobody else has the
  // home. `home` is absolute. Errc::not_found: it is not there; Errc::conflict: its port is taken;
  // Errc::unavailable: it does not start, with the last lines of its log.
  static Result<std::unique_ptr<DemoBroker>> start(const std::string& home);
  ~DemoBroker();
  DemoBroker(const DemoBroker&) = delete;
  DemoBroker& operator=(const DemoBroker&) = delete;

  stream::KafkaConnection connection() const;

 private:
  DemoBroker() = default;
  Status prepare();
  Status launch();
  Status wait_for_topics();

  std::string folder_, java_, jars_;
  int port_ = 0, controller_ = 0;
  pid_t pid_ = -1;
};

// Ends one that an earlier demo of this home left behind, if there is one. Errc::conflict: it does
// not end. Nothing else is ever signalled: the process must have been started on that folder.
Status end_left_kafka(const std::string& home);

}  // namespace batuta
