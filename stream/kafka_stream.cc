#include "stream/kafka_stream.h"

#include <algorithm>
#include <set>
#include <thread>

#include "stream/kafka_client.h"

namespace batuta::stream {
namespace {

// What became of one record of a produce.
struct Outcome {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__IN_PROGRESS;
  Position where;
};

void on_delivery(rd_kafka_t* rk, const rd_kafka_message_t* message, void* opaque) {
  (void)rk, (void)opaque;
  auto& outcome = *static_cast<Outcome*>(message->_private);
  outcome.code = message->err;
  outcome.where = {message->partition, message->offset};
}

class RealKafka final : public KafkaStream {
 public:
  RealKafka(const KafkaSettings& settings, const KafkaOptions& options)
      : settings_(settings), options_(options), reader_(settings_, options_, complaints_) {}

  Result<std::vector<TopicInfo>> topics() override;
  Status create(const std::string& topic, const TopicSettings& settings) override;
  Status grow(const std::string& topic, int partitions) override;
  Result<std::vector<Position>> produce(const std::string& topic,
                                        std::span<const NewRecord> records) override;
  Result<Batch> fetch(const std::string& topic, const Offsets& from,
                      const FetchLimits& limits) override;
  Status commit(const std::string& group, const std::string& topic,
                const Offsets& offsets) override;
  Result<Offsets> committed(const std::string& group, const std::string& topic) override;
  Result<Spans> offsets(const std::string& topic) override;
  Result<std::vector<std::string>> groups(const std::string& topic) override;
  std::map<std::string, std::int64_t> errors() const override { return complaints_.counts(); }

  Status open_producer();

 private:
  Deadline deadline() const { return std::chrono::steady_clock::now() + options_.timeout; }
  Result<int> partition_count(const std::string& topic);
  Result<rd_kafka_t*> group_handle(const std::string& group);
  Status hand_over(const std::string& topic, const NewRecord& record, Outcome& outcome,
                   Deadline until);
  Result<Event> answer(const Queue& queue, const std::string& topic, const std::string& what);

  const KafkaSettings settings_;
  const KafkaOptions options_;
  Complaints complaints_;
  KafkaReader reader_;
  Handle producer_;
  std::map<std::string, Handle> group_handles_;
  std::set<std::string> known_;  // topics that there were
};

Status RealKafka::open_producer() {
  if (producer_) return success();
  auto handle =
      open_handle(RD_KAFKA_PRODUCER, settings_, {}, options_.timeout, on_delivery, complaints_);
  if (!handle) return handle.error();
  producer_ = *std::move(handle);
  return success();
}

Result<std::vector<TopicInfo>> RealKafka::topics() {
  if (Status opened = open_producer(); !opened) return opened.error();
  const rd_kafka_metadata_t* told = nullptr;
  // librdkafka goes on trying where a login is refused, too: looked at after 2, 6, 14, … seconds.
  rd_kafka_resp_err_t code{};
  const Deadline until = deadline();
  for (auto patience = std::chrono::seconds(2);; patience *= 2) {
    const Deadline now = std::chrono::steady_clock::now();
    code = rdkafka().f_metadata(producer_.get(), 1, nullptr, &told,
                                left_ms(std::min(until, now + patience)));
    if (code != RD_KAFKA_RESP_ERR__TRANSPORT && code != RD_KAFKA_RESP_ERR__TIMED_OUT) break;
    rdkafka().f_poll(producer_.get(), 0);  // what went wrong is told
    if (!complaints_.refused().empty() || std::chrono::steady_clock::now() >= until) break;
  }
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return kafka_error(code, "topics", complaints_);
  const std::unique_ptr<const rd_kafka_metadata_t, void (*)(const rd_kafka_metadata_t*)> held(
      told, rdkafka().f_metadata_destroy);
  std::vector<TopicInfo> out;
  for (int i = 0; i < told->topic_cnt; ++i) {
    const rd_kafka_metadata_topic_t& topic = told->topics[i];
    if (topic.err == RD_KAFKA_RESP_ERR_NO_ERROR) out.push_back({topic.topic, topic.partition_cnt});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

// Asking a broker for a topic by its name may make it. So who is not known yet is looked for in the
// list of all; later only it is asked about.
Result<int> RealKafka::partition_count(const std::string& topic) {
  if (Status named = check_name("topic", topic); !named) return named.error();
  if (Status opened = open_producer(); !opened) return opened.error();
  if (!known_.contains(topic)) {
    const auto all = topics();
    if (!all) return all.error();
    for (const TopicInfo& one : *all) known_.insert(one.name);
    if (!known_.contains(topic)) {
      return {Errc::not_found, "the broker has no topic " + topic, "topic"};
    }
  }
  const Rdkafka& kafka = rdkafka();
  const std::unique_ptr<rd_kafka_topic_t, void (*)(rd_kafka_topic_t*)> handle(
      kafka.f_topic_new(producer_.get(), topic.c_str(), nullptr), kafka.f_topic_destroy);
  if (!handle) return {Errc::invalid, "topic " + topic + ": librdkafka refuses the name"};
  const auto until = deadline();
  for (;;) {
    const rd_kafka_metadata_t* told = nullptr;
    auto code = kafka.f_metadata(producer_.get(), 0, handle.get(), &told, left_ms(until));
    const std::unique_ptr<const rd_kafka_metadata_t, void (*)(const rd_kafka_metadata_t*)> held(
        told, kafka.f_metadata_destroy);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && told->topic_cnt == 1) {
      code = told->topics[0].err;
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return told->topics[0].partition_cnt;
    }
    // A broker that has just made the topic says so for a moment.
    const bool passing =
        code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR__TRANSPORT;
    if (!passing || std::chrono::steady_clock::now() >= until) {
      known_.erase(topic);
      count_error(code, topic);
      return kafka_error(code, "topic " + topic, complaints_);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

Result<Event> RealKafka::answer(const Queue& queue, const std::string& topic,
                                const std::string& what) {
  Event event(rdkafka().f_queue_poll(queue.get(), left_ms(deadline())));
  if (!event) {
    return {Errc::unavailable, what + ": no answer within the time-out" + complaints_.last()};
  }
  const auto code = rdkafka().f_event_error(event.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    count_error(code, topic);
    return kafka_error(code, what, complaints_);
  }
  return event;
}

Status RealKafka::create(const std::string& topic, const TopicSettings& settings) {
  if (Status named = check_name("topic", topic); !named) return named;
  if (Status good = check_settings(settings); !good) return good;
  if (Status opened = open_producer(); !opened) return opened;
  const Rdkafka& kafka = rdkafka();
  char said[512];
  const std::unique_ptr<rd_kafka_NewTopic_t, void (*)(rd_kafka_NewTopic_t*)> wanted(
      kafka.f_NewTopic_new(topic.c_str(), settings.partitions, options_.replication, said,
                           sizeof said),
      kafka.f_NewTopic_destroy);
  if (!wanted) return {Errc::invalid, "topic " + topic + ": " + said};
  const auto set = [&](const char* name, std::int64_t value) {
    kafka.f_NewTopic_set_config(wanted.get(), name, std::to_string(value).c_str());
  };
  if (settings.retention_bytes >= 0) set("retention.bytes", settings.retention_bytes);
  if (settings.retention >= Duration::zero())
    set("retention.ms", settings.retention.count() / 1000);
  set("max.message.bytes", static_cast<std::int64_t>(max_record_bytes + (1 << 20)));
  const Queue queue(kafka.f_queue_new(producer_.get()));
  rd_kafka_NewTopic_t* list[] = {wanted.get()};
  kafka.f_CreateTopics(producer_.get(), list, 1, nullptr, queue.get());
  const auto event = answer(queue, topic, "create topic " + topic);
  if (!event) return event.error();
  std::size_t count = 0;
  const auto results =
      kafka.f_CreateTopics_result_topics(kafka.f_event_CreateTopics_result(event->get()), &count);
  if (count != 1) return {Errc::internal, "create topic " + topic + ": no result"};
  const auto code = kafka.f_topic_result_error(results[0]);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return success();
  count_error(code, topic);
  return kafka_error(code, "create topic " + topic, complaints_);
}

Status RealKafka::grow(const std::string& topic, int partitions) {
  const auto now = partition_count(topic);
  if (!now) return now.error();
  if (partitions < *now || partitions > max_partitions) {
    return {Errc::invalid, "topic " + topic + " has " + std::to_string(*now) +
                               " partitions: it can have more, up to " +
                               std::to_string(max_partitions) + ", not " +
                               std::to_string(partitions)};
  }
  if (partitions == *now) return success();
  const Rdkafka& kafka = rdkafka();
  char said[512];
  const std::unique_ptr<rd_kafka_NewPartitions_t, void (*)(rd_kafka_NewPartitions_t*)> wanted(
      kafka.f_NewPartitions_new(topic.c_str(), static_cast<std::size_t>(partitions), said,
                                sizeof said),
      kafka.f_NewPartitions_destroy);
  if (!wanted) return {Errc::invalid, "topic " + topic + ": " + said};
  const Queue queue(kafka.f_queue_new(producer_.get()));
  rd_kafka_NewPartitions_t* list[] = {wanted.get()};
  kafka.f_CreatePartitions(producer_.get(), list, 1, nullptr, queue.get());
  const auto event = answer(queue, topic, "partitions of topic " + topic);
  if (!event) return event.error();
  std::size_t count = 0;
  const auto results = kafka.f_CreatePartitions_result_topics(
      kafka.f_event_CreatePartitions_result(event->get()), &count);
  if (count != 1) return {Errc::internal, "partitions of topic " + topic + ": no result"};
  const auto code = kafka.f_topic_result_error(results[0]);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return success();
  count_error(code, topic);
  return kafka_error(code, "partitions of topic " + topic, complaints_);
}

Status RealKafka::hand_over(const std::string& topic, const NewRecord& record, Outcome& outcome,
                            Deadline until) {
  const Rdkafka& kafka = rdkafka();
  // Not const: librdkafka's union has no const pointers; it copies (RD_KAFKA_MSG_F_COPY).
  const auto bytes = [](const std::optional<std::string>& text) {
    return text ? const_cast<char*>(text->data()) : nullptr;
  };
  for (;;) {
    std::vector<rd_kafka_vu_t> parts;
    const auto part = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
      rd_kafka_vu_t one{};
      one.vtype = type;
      return parts.emplace_back(one);
    };
    part(RD_KAFKA_VTYPE_TOPIC).u.cstr = topic.c_str();
    part(RD_KAFKA_VTYPE_PARTITION).u.i32 = record.partition.value_or(RD_KAFKA_PARTITION_UA);
    part(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
    part(RD_KAFKA_VTYPE_VALUE).u.mem = {bytes(record.value),
                                        record.value ? record.value->size() : 0};
    part(RD_KAFKA_VTYPE_KEY).u.mem = {bytes(record.key), record.key ? record.key->size() : 0};
    if (record.time) {
      part(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = record.time->time_since_epoch().count() / 1000;
    }
    for (const Header& header : record.headers) {
      part(RD_KAFKA_VTYPE_HEADER).u.header = {header.name.c_str(), header.value.data(),
                                              static_cast<ssize_t>(header.value.size())};
    }
    part(RD_KAFKA_VTYPE_OPAQUE).u.ptr = &outcome;
    const std::unique_ptr<rd_kafka_error_t, void (*)(rd_kafka_error_t*)> failed(
        kafka.f_produceva(producer_.get(), parts.data(), parts.size()), kafka.f_error_destroy);
    if (!failed) return success();
    const auto code = kafka.f_error_code(failed.get());
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || std::chrono::steady_clock::now() >= until) {
      return kafka_error(code, "topic " + topic + ": produce", complaints_);
    }
    kafka.f_poll(producer_.get(), 50);
  }
}

Result<std::vector<Position>> RealKafka::produce(const std::string& topic,
                                                 std::span<const NewRecord> records) {
  const auto partitions = partition_count(topic);
  if (!partitions) return partitions.error();
  if (Status good = check_records(records, *partitions); !good) return good.error();
  const Rdkafka& kafka = rdkafka();
  const auto until = deadline();
  std::vector<Outcome> outcomes(records.size());
  Status handed = success();
  for (std::size_t i = 0; i < records.size() && handed; ++i) {
    handed = hand_over(topic, records[i], outcomes[i], until);
    kafka.f_poll(producer_.get(), 0);
  }
  if (!handed || kafka.f_flush(producer_.get(), left_ms(until)) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    // No report may come after `outcomes` are gone: what is under way is given up and reported now.
    kafka.f_purge(producer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    while (kafka.f_outq_len(producer_.get()) > 0) kafka.f_poll(producer_.get(), 50);
  }
  for (const Outcome& outcome : outcomes) {
    const bool tried = outcome.code != RD_KAFKA_RESP_ERR__IN_PROGRESS;
    if (tried && outcome.code != RD_KAFKA_RESP_ERR_NO_ERROR)
      count_error(outcome.code, topic, outcome.where.partition);
  }
  if (!handed) return handed.error();
  std::vector<Position> out;
  out.reserve(records.size());
  for (const Outcome& outcome : outcomes) {
    if (outcome.code != RD_KAFKA_RESP_ERR_NO_ERROR) {
      // An idempotent producer that gave up cannot go on; the next produce has a new one.
      producer_.reset();
      return kafka_error(outcome.code, "topic " + topic + ": produce", complaints_);
    }
    out.push_back(outcome.where);
  }
  return out;
}

Result<Batch> RealKafka::fetch(const std::string& topic, const Offsets& from,
                               const FetchLimits& limits) {
  const auto partitions = partition_count(topic);
  if (!partitions) return partitions.error();
  for (const auto& [partition, offset] : from) {
    if (partition >= 0 && partition < *partitions) continue;
    return {Errc::not_found, "topic " + topic + " has no partition " + std::to_string(partition)};
  }
  return reader_.fetch(producer_.get(), topic, from, limits);
}

Result<Spans> RealKafka::offsets(const std::string& topic) {
  const auto partitions = partition_count(topic);
  if (!partitions) return partitions.error();
  Offsets all;
  for (int partition = 0; partition < *partitions; ++partition) all[partition] = 0;
  return reader_.spans(producer_.get(), topic, all, deadline());
}

Result<rd_kafka_t*> RealKafka::group_handle(const std::string& group) {
  if (Status named = check_name("group", group); !named) return named.error();
  Handle& handle = group_handles_[group];
  if (!handle) {
    auto opened =
        open_handle(RD_KAFKA_CONSUMER, settings_, group, options_.timeout, nullptr, complaints_);
    if (!opened) return opened.error();
    handle = *std::move(opened);
  }
  return handle.get();
}

Status RealKafka::commit(const std::string& group, const std::string& topic,
                         const Offsets& offsets) {
  const auto partitions = partition_count(topic);
  if (!partitions) return partitions.error();
  for (const auto& [partition, offset] : offsets) {
    if (partition < 0 || partition >= *partitions) {
      return {Errc::not_found, "topic " + topic + " has no partition " + std::to_string(partition)};
    }
    if (offset < 0) return {Errc::invalid, "an offset is 0 or more, not " + std::to_string(offset)};
  }
  const auto handle = group_handle(group);
  if (!handle) return handle.error();
  if (offsets.empty()) return success();
  const Partitions list = partitions_of(topic, offsets);
  const std::string what = "group " + group + ", topic " + topic + ": commit";
  const Queue queue(rdkafka().f_queue_new(*handle));
  const auto code = rdkafka().f_commit_queue(*handle, list.get(), queue.get(), nullptr, nullptr);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    count_error(code, topic);
    return kafka_error(code, what, complaints_);
  }
  const auto event = answer(queue, topic, what);
  if (!event) return event.error();
  const auto* told = rdkafka().f_event_topic_partition_list(event->get());
  for (int i = 0; told != nullptr && i < told->cnt; ++i) {
    if (told->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      count_error(told->elems[i].err, topic, told->elems[i].partition);
      return kafka_error(told->elems[i].err, what, complaints_);
    }
  }
  return success();
}

Result<Offsets> RealKafka::committed(const std::string& group, const std::string& topic) {
  const auto partitions = partition_count(topic);
  if (!partitions) return partitions.error();
  const auto handle = group_handle(group);
  if (!handle) return handle.error();
  Offsets all;
  for (int partition = 0; partition < *partitions; ++partition) all[partition] = 0;
  const Partitions list = partitions_of(topic, all);
  const auto code = rdkafka().f_committed(*handle, list.get(), left_ms(deadline()));
  const std::string what = "group " + group + ", topic " + topic + ": committed offsets";
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    count_error(code, topic);
    return kafka_error(code, what, complaints_);
  }
  Offsets out;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& one = list->elems[i];
    if (one.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      count_error(one.err, topic, one.partition);
      return kafka_error(one.err, what, complaints_);
    }
    if (one.offset >= 0) out[one.partition] = one.offset;
  }
  return out;
}

Result<std::vector<std::string>> RealKafka::groups(const std::string& topic) {
  if (const auto there = partition_count(topic); !there) return there.error();
  const rd_kafka_group_list* told = nullptr;
  const auto code = rdkafka().f_list_groups(producer_.get(), nullptr, &told, left_ms(deadline()));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return kafka_error(code, "groups", complaints_);
  const std::unique_ptr<const rd_kafka_group_list, void (*)(const rd_kafka_group_list*)> held(
      told, rdkafka().f_group_list_destroy);
  std::vector<std::string> out;
  for (int i = 0; i < told->group_cnt; ++i) {
    const std::string name = told->groups[i].group;
    if (!check_name("group", name)) continue;
    const auto offsets = committed(name, topic);
    if (!offsets) return offsets.error();
    if (!offsets->empty()) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

Result<std::unique_ptr<KafkaStream>> open_kafka_stream(const KafkaSettings& settings,
                                                       const KafkaOptions& options) {
  auto stream = std::make_unique<RealKafka>(settings, options);
  if (Status opened = stream->open_producer(); !opened) return opened.error();
  return std::unique_ptr<KafkaStream>(std::move(stream));
}

}  // namespace batuta::stream
