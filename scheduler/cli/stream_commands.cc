// Topics of the embedded log below the home, or of a broker of Kafka's protocol
// (--kafka, or
// --connection out of a file of connections); no server is asked.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/import_file.h"
#include "scheduler/cli/record_printer.h"
#include "scheduler/cli/stream_reach.h"
#include "stream/kafka_stream.h"
#include "stream/spool.h"
#include "stream/stream.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct StreamArguments {
  StreamReach reach;
  std::string topic, group, spool, key, key_separator, retention, from = "latest";
  std::vector<std::string> headers;
  int partitions = 1, partition = -1, count = 10;
  std::int64_t retention_bytes = -1;
  bool grow = false, follow = false, tombstone = false, skip = false;
  CLI::App* tail = nullptr;  // whose -o may be left out
};

template <class T>
T stream_value(Result<T> result) {
  if (!result) throw Failure(result.error().message, result.error().code == Errc::invalid ? 2 : 1);
  return std::move(*result);
}

void list_topics(Session& session, const StreamArguments& a) {
  const auto stream = open_log_there(session, a.reach);
  json rows = json::array();
  const auto topics = stream ? stream_value(stream->topics()) : std::vector<stream::TopicInfo>();
  for (const stream::TopicInfo& topic : topics) {
    std::int64_t records = 0;
    for (const auto& [partition, span] : stream_value(stream->offsets(topic.name))) {
      records += span.next - span.first;
    }
    rows.push_back({{"topic", topic.name}, {"partitions", topic.partitions}, {"records", records}});
  }
  print_rows(session.format(), rows,
             {{"topic", "topic"}, {"partitions", "partitions"}, {"records", "records"}});
}

void create_topic(Session& session, const StreamArguments& a) {
  const auto stream = open_reach(session, a.reach);
  if (a.grow) {
    stream_value(stream->grow(a.topic, a.partitions));
    return;
  }
  stream::TopicSettings settings;
  settings.partitions = a.partitions;
  settings.retention_bytes = a.retention_bytes;
  if (!a.retention.empty()) {
    const auto duration = parse_duration(a.retention);
    if (!duration) throw Failure("--retention: a time such as 7d or 12h, not " + a.retention, 2);
    settings.retention = *duration;
  }
  stream_value(stream->create(a.topic, settings));
}

// `line` is number `number` of standard input; `so_far` says what became of those before.
stream::NewRecord record_of(const StreamArguments& a, std::string line, std::int64_t number,
                            const std::function<std::string()>& so_far) {
  stream::NewRecord record;
  if (a.partition >= 0) record.partition = a.partition;
  if (!a.key.empty()) record.key = a.key;
  for (const std::string& header : a.headers) {
    const auto equals = header.find('=');
    if (equals == std::string::npos) throw Failure("--header: NAME=VALUE, not " + header, 2);
    record.headers.push_back({header.substr(0, equals), header.substr(equals + 1)});
  }
  if (!a.key_separator.empty()) {
    const auto at = line.find(a.key_separator);
    if (at == std::string::npos) {
      throw Failure("line " + std::to_string(number) + " is without \"" + a.key_separator +
                        "\" between key and value" + so_far(),
                    2);
    }
    record.key = line.substr(0, at);
    line.erase(0, at + a.key_separator.size());
  }
  if (!a.tombstone) record.value = std::move(line);
  return record;
}

// That a spool cannot be sent is no fault of the command line, whatever the topic says of it.
template <class T>
T sent_value(Result<T> result) {
  if (!result) throw Failure(result.error().message, 1);
  return std::move(*result);
}

std::unique_ptr<stream::Spool> open_spool(const Session& session, const StreamArguments& a) {
  if (const Status named = stream::check_name("topic", a.topic); !named) {
    throw Failure(named.error().message, 2);
  }
  auto spool = stream_value(stream::Spool::open(a.spool));
  const std::string where =
      !a.reach.kafka.empty() ? "the broker " + a.reach.kafka
      : !a.reach.connection.empty()
          ? "the connection " + a.reach.connection
          : "the embedded log of " +
                std::filesystem::absolute(session.home).lexically_normal().string();
  if (const Status bound = spool->bind("topic " + a.topic + " of " + where); !bound) {
    throw Failure(bound.error().message, 1);
  }
  return spool;
}

// Lines of standard input, a batch at a time; what was produced is told at the
// end, and on a failure how many lines came before it.
void produce(Session& session, const StreamArguments& a) {
  constexpr std::size_t batch_records = 1000;
  constexpr std::size_t batch_bytes = 4 << 20;
  // Only what may wait for a topic may be there before it.
  const auto stream =
      a.spool.empty() ? open_topic_there(session, a.reach, a.topic) : open_reach(session, a.reach);
  const auto spool = a.spool.empty() ? nullptr : open_spool(session, a);
  std::int64_t done = 0;
  std::vector<stream::NewRecord> batch;
  std::size_t bytes = 0;
  const std::function<std::string()> so_far = [&] {
    return " (" + std::to_string(done) + " records were " + (spool ? "put" : "produced") +
           " before)";
  };
  const auto send = [&] {
    Status sent = success();
    if (spool) {
      sent = spool->put(batch);
    } else if (const auto produced = stream->produce(a.topic, batch); !produced) {
      sent = produced.error();
    }
    if (!sent) {
      throw Failure(sent.error().message + so_far(), 1);
    }
    done += static_cast<std::int64_t>(batch.size());
    batch.clear();
    bytes = 0;
  };
  if (a.tombstone) {
    batch.push_back(record_of(a, {}, 1, so_far));
    if (!batch.back().key) throw Failure("--tombstone: whose? Name a --key", 2);
  } else {
    std::int64_t number = 0;
    for (std::string line; std::getline(std::cin, line);) {
      batch.push_back(record_of(a, std::move(line), ++number, so_far));
      bytes += stream::size_of(batch.back());
      if (batch.size() >= batch_records || bytes >= batch_bytes) send();
    }
  }
  if (!batch.empty()) send();
  if (!spool) {
    return print_object(session.format(), json{{"topic", a.topic}, {"produced", done}});
  }
  // What was put is safe: that the broker is away is told, and is no failure. A record that never
  // will be taken is one.
  const auto drained = spool->drain(*stream, a.topic);
  if (!drained && stream::is_final(drained.error().code)) {
    // Whoever may not send at all has no record that is wrong.
    const bool record = !stream::may_not_send(drained.error().code);
    throw Failure(drained.error().message + " (" + std::to_string(done) + " records were put" +
                      (record ? "; \"stream drain --skip\" moves that one aside)" : ")"),
                  1);
  }
  if (!drained) std::fprintf(stderr, "batuta: %s\n", drained.error().message.c_str());
  print_object(
      session.format(),
      json{{"topic", a.topic}, {"put", done}, {"waiting", stream_value(spool->state()).waiting}});
}

void drain_spool(Session& session, const StreamArguments& a) {
  const auto stream = open_reach(session, a.reach);
  const auto spool = open_spool(session, a);
  if (a.skip) {
    const bool skipped = sent_value(spool->skip(*stream, a.topic));
    std::fprintf(stderr, "batuta: %s\n",
                 skipped ? "one record was moved to the topic refused of the spool"
                         : "no record is refused: nothing was moved");
  }
  const std::int64_t sent = sent_value(spool->drain(*stream, a.topic));
  print_object(
      session.format(),
      json{{"topic", a.topic}, {"sent", sent}, {"waiting", stream_value(spool->state()).waiting}});
}

volatile std::sig_atomic_t stop_following = 0;

void tail(Session& session, const StreamArguments& a) {
  const auto stream = open_topic_there(session, a.reach, a.topic);
  stream::Offsets at;
  for (const auto& [partition, span] : stream_value(stream->offsets(a.topic))) {
    if (a.partition >= 0 && partition != a.partition) continue;
    at[partition] = a.from == "earliest" ? span.first : std::max(span.first, span.next - a.count);
  }
  if (at.empty()) {
    throw Failure("topic " + a.topic + " has no partition " + std::to_string(a.partition), 1);
  }
  RecordPrinter printer(session.format(), a.tail->count("--output") > 0, a.follow);
  stream::FetchLimits limits;
  limits.on_gap = stream::OnGap::earliest;
  if (a.follow) {
    limits.wait = std::chrono::milliseconds(500);
    const auto stop = +[](int) { stop_following = 1; };
    std::signal(SIGINT, stop);
    std::signal(SIGTERM, stop);
  }
  while (stop_following == 0) {
    const auto batch = stream_value(stream->fetch(a.topic, at, limits));
    for (const stream::Gap& lost : batch.gaps) {
      std::fprintf(stderr, "batuta: %s\n", stream::to_text(lost).c_str());
    }
    for (const stream::Record& record : batch.records) printer.print(record);
    if (std::fflush(stdout) != 0) return;
    at = batch.next;
    if (batch.at_end && !a.follow) break;
  }
  printer.finish();
}

void list_groups(Session& session, const StreamArguments& a) {
  const auto stream = open_topic_there(session, a.reach, a.topic);
  json rows = json::array();
  for (const std::string& group : stream_value(stream->groups(a.topic))) {
    std::int64_t behind = 0;
    for (const auto& one : stream_value(stream::lag(*stream, group, a.topic))) behind += one.lag;
    rows.push_back({{"group", group}, {"topic", a.topic}, {"lag", behind}});
  }
  print_rows(session.format(), rows, {{"group", "group"}, {"topic", "topic"}, {"lag", "lag"}});
}

void show_lag(Session& session, const StreamArguments& a) {
  const auto stream = open_topic_there(session, a.reach, a.topic);
  json rows = json::array();
  for (const auto& one : stream_value(stream::lag(*stream, a.group, a.topic))) {
    rows.push_back({{"partition", one.partition},
                    {"committed", one.committed ? json(*one.committed) : json(nullptr)},
                    {"first", one.kept.first},
                    {"next", one.kept.next},
                    {"lag", one.lag},
                    {"lost", one.lost}});
  }
  print_rows(session.format(), rows,
             {{"partition", "partition"},
              {"committed", "committed"},
              {"first", "first"},
              {"next", "next"},
              {"lag", "lag"},
              {"lost", "lost"}});
}

using StreamAction = void (*)(Session&, const StreamArguments&);

CLI::App* add_stream_verb(CLI::App& noun, Session& session,
                          const std::shared_ptr<StreamArguments>& a, const char* name,
                          const char* help, StreamAction action, bool with_topic) {
  CLI::App* verb =
      add_verb(noun, session, name, help, [&session, a, action] { action(session, *a); });
  if (with_topic) verb->add_option("topic", a->topic)->required();
  add_reach_options(*verb, a->reach);
  return verb;
}

stream::KafkaConnection named_connection(const StreamReach& reach) {
  if (reach.connections.empty()) {
    throw Failure("--connection: name the file that it is in with --connections FILE", 2);
  }
  for (const Connection& one : read_connections(reach.connections)) {
    if (one.id != reach.connection) continue;
    if (one.conn_type != "kafka") {
      throw Failure("connection " + one.id + " is of type " + one.conn_type + ", not kafka", 2);
    }
    return {one.id, one.host, one.port.value_or(0), one.login, one.password, one.extra};
  }
  throw Failure("no connection " + reach.connection + " in " + reach.connections, 2);
}

}  // namespace

void add_reach_options(CLI::App& verb, StreamReach& reach) {
  CLI::Option* kafka =
      verb.add_option("--kafka", reach.kafka, "a broker instead of the embedded log: HOST:PORT,…");
  verb.add_option("--connection", reach.connection, "one of type kafka, out of --connections")
      ->excludes(kafka);
  verb.add_option("--connections", reach.connections, "file of connections, as dags test takes it");
}

std::unique_ptr<stream::Stream> open_reach(const Session& session, const StreamReach& reach) {
  if (reach.kafka.empty() && reach.connection.empty()) {
    return stream_value(stream::open_file_stream(session.home + "/stream"));
  }
  const auto connection = reach.kafka.empty()
                              ? named_connection(reach)
                              : stream::KafkaConnection{"--kafka", reach.kafka, 0, "", "", ""};
  return stream_value(stream::open_kafka_stream(stream_value(stream::kafka_settings(connection))));
}

std::unique_ptr<stream::Stream> open_log_there(const Session& session, const StreamReach& reach) {
  if (!reach.kafka.empty() || !reach.connection.empty()) return open_reach(session, reach);
  namespace fs = std::filesystem;
  std::error_code failed;  // stays when it could not be looked at, which opening it tells
  if (!fs::exists(session.home, failed) && !failed) {
    throw Failure("there is no folder " + fs::absolute(session.home).lexically_normal().string() +
                      "; name the installation with --home",
                  1);
  }
  if (!fs::exists(session.home + "/stream", failed) && !failed) return nullptr;
  return open_reach(session, reach);
}

std::unique_ptr<stream::Stream> open_topic_there(const Session& session, const StreamReach& reach,
                                                 const std::string& topic) {
  auto stream = open_log_there(session, reach);
  if (!stream) {
    throw Failure("there is no topic " + topic + ": " +
                      std::filesystem::absolute(session.home).lexically_normal().string() +
                      " has no topics",
                  1);
  }
  return stream;
}

void add_stream_commands(CLI::App& app, Session& session) {
  auto a = std::make_shared<StreamArguments>();
  CLI::App* noun = app.add_subcommand("stream", "Topics of the embedded log, or of a Kafka broker");
  noun->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, StreamAction action, bool with_topic) {
    return add_stream_verb(*noun, session, a, name, help, action, with_topic);
  };
  add("topics", "All topics", list_topics, false);
  CLI::App* create =
      add("create", "Create a topic, or give it more partitions", create_topic, true);
  CLI::Option* partitions =
      create->add_option("--partitions", a->partitions, "how many; 1 without it")
          ->check(whole_number(1, stream::max_partitions));
  CLI::Option* grow =
      create->add_flag("--grow", a->grow, "the topic is there: so many partitions from now on")
          ->needs(partitions);
  create->add_option("--retention", a->retention, "how long records are kept: 7d; for ever")
      ->excludes(grow);
  create->add_option("--retention-bytes", a->retention_bytes, "kept per partition; no bound")
      ->check(whole_number(0))
      ->excludes(grow);
  CLI::App* to = add("produce", "A record for every line of standard input", produce, true);
  to->add_option("--key", a->key, "of all of them");
  to->add_option("--key-separator", a->key_separator, "between the key and the value of a line");
  to->add_option("--partition", a->partition)->check(whole_number(0, stream::max_partitions - 1));
  to->add_option("--header", a->headers, "NAME=VALUE, of all of them; may be given again")
      ->allow_extra_args(false);
  to->add_flag("--tombstone", a->tombstone, "one record without a value, for --key");
  to->add_option("--spool", a->spool,
                 "folder of a spool: what cannot be sent now waits there, up to 1 GiB");
  CLI::App* drain = add("drain", "Send what waits in a spool", drain_spool, true);
  drain->add_option("--spool", a->spool, "its folder")->required();
  drain->add_flag("--skip", a->skip,
                  "move the record that the topic refuses to the topic refused of the spool first");
  CLI::App* end = add(
      "tail", "The newest records of every partition; without -o a JSON object a line", tail, true);
  a->tail = end;
  end->add_option("-n,--count", a->count, "so many of each partition (10)")
      ->check(whole_number(0, 1'000'000'000));
  end->add_option("--from", a->from, "earliest: all there are")
      ->check(CLI::IsMember({"earliest", "latest"}));
  end->add_option("--partition", a->partition)->check(whole_number(0, stream::max_partitions - 1));
  end->add_flag("-f,--follow", a->follow, "go on with what comes");
  add("groups", "Groups that have committed for a topic, and how far they are behind", list_groups,
      true);
  CLI::App* behind = add("lag", "How far a group is behind, by partition", show_lag, true);
  behind->add_option("--group", a->group)->required();
}

}  // namespace batuta::cli
