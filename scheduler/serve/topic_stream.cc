#include "scheduler/serve/topic_stream.h"

#include "stream/kafka_stream.h"

namespace batuta {

Result<std::unique_ptr<stream::Stream>> stream_of(const std::string& connection_id,
                                                  Registry& registry,
                                                  const std::function<Status(Connection&)>& open,
                                                  const std::string& folder) {
  if (connection_id.empty()) return stream::open_file_stream(folder);
  auto connection = registry.connection(connection_id);
  if (!connection) {
    return {Errc::not_found, "connection \"" + connection_id + "\" does not exist"};
  }
  if (connection->conn_type != "kafka") {
    return {Errc::invalid,
            "connection " + connection_id + " is of type " + connection->conn_type + ", not kafka"};
  }
  if (Status opened = open(*connection); !opened) return opened.error();
  const auto settings =
      stream::kafka_settings({connection_id, connection->host, connection->port.value_or(0),
                              connection->login, connection->password, connection->extra});
  if (!settings) return settings.error();
  stream::KafkaOptions options;
  options.timeout = std::chrono::seconds(10);  // it is looked at again
  auto opened = stream::open_kafka_stream(*settings, options);
  if (!opened) return opened.error();
  return std::unique_ptr<stream::Stream>(*std::move(opened));
}

}  // namespace batuta
