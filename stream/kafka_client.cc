#include "stream/kafka_client.h"

#include <algorithm>
#include <string_view>

#include "common/log.h"

namespace batuta::stream {
namespace {

constexpr std::size_t kinds_at_most = 100;
constexpr std::size_t text_at_most = 200;

void on_error(rd_kafka_t* rk, int code, const char* reason, void* opaque) {
  (void)rk;
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  static_cast<Complaints*>(opaque)->add(rdkafka().f_err2name(error), reason);
}

void on_log(const rd_kafka_t* rk, int level, const char* facility, const char* text) {
  constexpr int warning = 4;  // as syslog numbers them
  // Old brokers (before 0.11) do not know that nothing is to be created: told at every connection.
  if (level > warning || std::string_view(facility) == "AUTOCREATE") return;
  static_cast<Complaints*>(rdkafka().f_opaque(rk))->add(facility, text);
}

}  // namespace

void Complaints::add(const std::string& kind, const std::string& text) {
  const std::string said = text.substr(0, text_at_most);
  const std::lock_guard held(mutex_);
  const std::string key = kind + ": " + said;
  const bool known = counts_.contains(key) || counts_.size() < kinds_at_most;
  if (++counts_[known ? key : "other"] == 1) log::warn("kafka: " + key);
  last_ = said;
  when_ = std::chrono::steady_clock::now();
}

std::map<std::string, std::int64_t> Complaints::counts() const {
  const std::lock_guard held(mutex_);
  return counts_;
}

std::string Complaints::last() const {
  const std::lock_guard held(mutex_);
  if (last_.empty() || std::chrono::steady_clock::now() - when_ > std::chrono::minutes(1))
    return {};
  return " (" + last_ + ")";
}

Partitions partitions_of(const std::string& topic, const Offsets& offsets) {
  const Rdkafka& kafka = rdkafka();
  Partitions list(kafka.f_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const auto& [partition, offset] : offsets) {
    kafka.f_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  }
  return list;
}

int left_ms(Deadline deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 1, 24LL * 3600 * 1000));
}

Result<Handle> open_handle(rd_kafka_type_t role, const KafkaSettings& settings,
                           const std::string& group, Duration timeout,
                           void (*dr_msg)(rd_kafka_t*, const rd_kafka_message_t*, void*),
                           Complaints& complaints) {
  const Rdkafka& kafka = rdkafka();
  if (!kafka.error.empty()) return {Errc::invalid, kafka.error};  // no waiting installs it
  std::unique_ptr<rd_kafka_conf_t, void (*)(rd_kafka_conf_t*)> conf(kafka.f_conf_new(),
                                                                    kafka.f_conf_destroy);
  char said[512];
  KafkaSettings all = settings;
  all["allow.auto.create.topics"] = "false";
  // A record of the greatest length, its headers and what the protocol adds.
  all["message.max.bytes"] = std::to_string(max_record_bytes + (1 << 20));
  if (role == RD_KAFKA_PRODUCER) {
    all["enable.idempotence"] = "true";
    all["partitioner"] = "murmur2_random";
    all.try_emplace("linger.ms", "5");
    all.try_emplace("compression.type", "lz4");
    all["message.timeout.ms"] =
        std::to_string(std::max<std::int64_t>(1000, timeout.count() / 1000));
  } else {
    all["group.id"] = group;
    all["enable.auto.commit"] = "false";
    all["enable.auto.offset.store"] = "false";
    all["auto.offset.reset"] = "error";
    all["enable.partition.eof"] = "true";
    all["isolation.level"] = "read_committed";
    // Bounds what is read ahead of who asks.
    all.try_emplace("queued.max.messages.kbytes", "32768");
  }
  for (const auto& [name, value] : all) {
    if (kafka.f_conf_set(conf.get(), name.c_str(), value.c_str(), said, sizeof said) !=
        RD_KAFKA_CONF_OK) {
      // What it says may repeat the value, which may be a secret.
      return {Errc::invalid,
              "librdkafka refuses the setting " + name +
                  "; its documentation (CONFIGURATION.md) says what may stand there",
              name};
    }
  }
  kafka.f_conf_set_opaque(conf.get(), &complaints);
  kafka.f_conf_set_error_cb(conf.get(), on_error);
  kafka.f_conf_set_log_cb(conf.get(), on_log);
  if (dr_msg != nullptr) kafka.f_conf_set_dr_msg_cb(conf.get(), dr_msg);
  rd_kafka_t* rk = kafka.f_new(role, conf.get(), said, sizeof said);
  if (rk == nullptr) return {Errc::invalid, std::string("librdkafka cannot begin: ") + said};
  (void)conf.release();  // it is part of the handle now
  if (role == RD_KAFKA_CONSUMER) kafka.f_poll_set_consumer(rk);
  return Handle(rk);
}

Error kafka_error(rd_kafka_resp_err_t code, const std::string& what, const Complaints& complaints) {
  const std::string text =
      what + ": " + rdkafka().f_err2str(code) + " (" + rdkafka().f_err2name(code) + ")";
  switch (code) {
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return {Errc::not_found, text, "topic"};
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      return {Errc::conflict, text, "topic"};
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return {Errc::forbidden, text, {}};
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
      return {Errc::unauthenticated, text + complaints.last(), {}};
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
      return {
          Errc::too_large, text + "; the broker's message.max.bytes says how long one may be", {}};
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
      return {Errc::conflict,
              text + ": other consumers are members of this group; give it a group of its own",
              {}};
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
      return {Errc::invalid, text, {}};
    default:
      return {Errc::unavailable, text + complaints.last(), {}};
  }
}

}  // namespace batuta::stream
