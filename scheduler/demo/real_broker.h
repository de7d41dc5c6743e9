// A broker of Kafka's protocol in the place of the embedded log.
#pragma once

#include <string>

#include "common/result.h"
#include "stream/kafka_connection.h"

namespace batuta::demo {

// "broker1:9092,broker2:9092", in plain text; or "@FILE": JSON with "host" and, as a connection of
// type kafka has them, "port", "login", "password" and "extra". Errc::invalid, saying what is
// wrong; no message holds a secret.
Result<stream::KafkaConnection> read_broker(const std::string& given);

// That it answers, and takes the login. Blocks for as long as it is waited for (30 s).
Status ask_broker(const stream::KafkaConnection& broker);

}  // namespace batuta::demo
