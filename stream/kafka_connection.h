// What a connection of type "kafka" says, as settings of librdkafka. Pure: nothing is opened.
//
//   host      bootstrap servers, "broker1:9092,broker2:9092"; port for those that name none (9092)
//   login, password   SASL; or password alone: an Event Hubs connection string
//   extra     JSON: security_protocol, sasl_mechanism, ca_file, cert_file, key_file, key_password,
//             client_id, and librdkafka's own settings by their dotted names, as Airflow's
//             connections have them ("bootstrap.servers", "sasl.username", …)
#pragma once

#include <map>
#include <string>

#include "common/result.h"

namespace batuta::stream {

struct KafkaConnection {
  std::string id;  // for messages
  std::string host;
  int port = 0;
  std::string login, password, extra;
};

using KafkaSettings = std::map<std::string, std::string>;

// Errc::invalid with the field that is wrong and what may stand there; no message holds a secret.
Result<KafkaSettings> kafka_settings(const KafkaConnection& connection);

}  // namespace batuta::stream
