#include "plugins/contract/stream_progress.h"

#include <filesystem>

#include "plugins/contract/sources.h"
#include "plugins/lake/attempt_session.h"
#include "stream/broker_errors.h"
#include "stream/kafka_stream.h"

namespace batuta::from_contract {

void fail_by(const Error& error) {
  switch (error.code) {
    case Errc::unavailable:
    case Errc::not_found:  // a topic that is made a moment later
    case Errc::rate_limited:
      throw plugin::RetryableError(error.message);
    default:
      throw plugin::FinalError(error.message);
  }
}

std::unique_ptr<stream::Stream> open_stream(const plugin::Context& context,
                                            const Described& described) {
  const contract::Source& source = described.table.source;
  if (source.brokers.empty() && source.connection.empty()) {
    // The home's stream folder lies beside its lake.
    const auto home = std::filesystem::path(context.lake()).parent_path();
    auto opened = stream::open_file_stream((home / "stream").string());
    if (!opened) fail_by(opened.error());
    return *std::move(opened);
  }
  stream::KafkaConnection connection{"of the contract", source.brokers, 0, "", "", ""};
  if (!source.connection.empty()) {
    const plugin::Connection given = context.connection(source.connection);
    if (given.conn_type != "kafka")
      throw plugin::FinalError("connection " + source.connection + " is of type " +
                               given.conn_type + ", not kafka");
    connection = {source.connection, given.host,     static_cast<int>(given.port),
                  given.login,       given.password, given.extra_json};
  }
  const auto settings = stream::kafka_settings(connection);
  if (!settings) fail_by(settings.error());
  auto opened = stream::open_kafka_stream(*settings);
  if (!opened) fail_by(opened.error());
  return *std::move(opened);
}

TellsBrokerErrors::~TellsBrokerErrors() {
  try {
    for (const stream::ErrorCount& one : stream::broker_errors().take_new())
      context_.report("broker_errors", stream::error_json(one));
  } catch (const std::exception&) {  // an older worker: they stand in the task's log
  }
}

std::string group_of(const Described& described) {
  if (!described.table.source.group.empty()) return described.table.source.group;
  std::string name = "batuta-" + described.path;
  for (char& c : name) {
    if (c == '/') c = '-';
  }
  return name;
}

std::string marker_of(const std::string& topic, int partition) {
  return "stream/" + topic + "/" + std::to_string(partition);
}

stream::Offsets taken_by(const lake::DeltaTable& bronze, const std::string& topic,
                         const stream::Spans& spans) {
  stream::Offsets out;
  for (const auto& [partition, span] : spans) {
    const std::int64_t next = bronze.marker(marker_of(topic, partition));
    if (next >= 0) out[partition] = next;
  }
  return out;
}

void note_progress(plugin::Context& context, const Described& described,
                   const lake::DeltaTable& bronze, stream::Stream& stream) {
  const std::string& topic = described.table.source.table;
  const std::string group = group_of(described);
  const auto tell = [&](const std::string& why) {
    context.warn("the group " + group + " of topic " + topic +
                 " still says an older offset; nothing depends on it but lag: " + why);
  };
  const auto spans = stream.offsets(topic);
  if (!spans) return tell(spans.error().message);
  const auto taken = taken_by(bronze, topic, *spans);
  const auto noted = stream.committed(group, topic);
  if (!noted) return tell(noted.error().message);
  if (taken.empty() || taken == *noted) return;
  const Status committed = stream.commit(group, topic, taken);
  if (!committed) tell(committed.error().message);
}

void note_progress(plugin::Context& context, const Described& described) {
  if (described.table.source.kind != contract::SourceKind::stream) return;
  const TellsBrokerErrors tells(context);
  try {
    lake::Session session(lake::session_options(context));  // reads the log's checkpoints
    const auto bronze =
        lake::DeltaTable::open(session, lake::lake_folder(context), "bronze/" + described.path);
    if (bronze.exists())
      note_progress(context, described, bronze, *open_stream(context, described));
  } catch (const std::exception& error) {
    context.warn("how far " + described.path + " is could not be noted: " + error.what());
  }
}

}  // namespace batuta::from_contract
