#include "scheduler/serve/topic_stream.h"

#include <filesystem>

#include "stream/kafka_stream.h"

namespace batuta {
namespace {

TopicStreams::Opened broker_stream(const stream::KafkaConnection& connection) {
  const auto settings = stream::kafka_settings(connection);
  if (!settings) return settings.error();
  stream::KafkaOptions options;
  options.timeout = std::chrono::seconds(10);  // it is looked at again
  auto opened = stream::open_kafka_stream(*settings, options);
  if (!opened) return opened.error();
  return std::unique_ptr<stream::Stream>(*std::move(opened));
}

}  // namespace

TopicStreams::Opened TopicStreams::of_connection(const std::string& connection_id) const {
  if (connection_id.empty()) return stream::open_file_stream(folder);
  auto connection = registry.connection(connection_id);
  if (!connection) {
    return {Errc::not_found, "connection \"" + connection_id + "\" does not exist"};
  }
  if (connection->conn_type != "kafka") {
    return {Errc::invalid,
            "connection " + connection_id + " is of type " + connection->conn_type + ", not kafka"};
  }
  if (Status opened = secrets.open(*connection); !opened) return opened.error();
  return of_broker(*connection);
}

TopicStreams::Opened TopicStreams::of_broker(const Connection& connection) {
  return broker_stream({connection.id, connection.host, connection.port.value_or(0),
                        connection.login, connection.password, connection.extra});
}

TopicStreams::Opened TopicStreams::if_there(const std::string& connection_id) const {
  std::error_code failed;
  if (connection_id.empty() && !std::filesystem::is_directory(folder, failed))
    return std::unique_ptr<stream::Stream>();
  return of_connection(connection_id);
}

TopicStreams::Opened TopicStreams::of_source(const contract::Source& source) const {
  if (!source.connection.empty()) {
    auto opened = of_connection(source.connection);
    // That there is no such connection is not that there is no topic.
    if (!opened && opened.error().code == Errc::not_found)
      return {Errc::conflict, opened.error().message};
    return opened;
  }
  if (!source.brokers.empty())
    return broker_stream({"of the contract", source.brokers, 0, "", "", ""});
  std::error_code failed;
  if (!std::filesystem::exists(folder, failed))
    return {Errc::not_found, "the embedded log has no topic yet"};
  return stream::open_file_stream(folder);
}

}  // namespace batuta
