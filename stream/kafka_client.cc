#include "stream/kafka_client.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "common/log.h"
#include "common/safe_json.h"
#include "stream/broker_errors.h"
#include "stream/kafka_token.h"

namespace batuta::stream {
namespace {

constexpr std::size_t kinds_at_most = 100;
constexpr std::size_t text_at_most = 200;

// What librdkafka says where the callback below could not get a token; its reason was told there.
constexpr std::string_view no_token = "Failed to acquire SASL OAUTHBEARER token";

void on_error(rd_kafka_t* rk, int code, const char* reason, void* opaque) {
  (void)rk;
  const auto error = static_cast<rd_kafka_resp_err_t>(code);
  auto& complaints = *static_cast<Complaints*>(opaque);
  complaints.add(rdkafka().f_err2name(error), reason);
  if (error == RD_KAFKA_RESP_ERR__AUTHENTICATION && !std::string_view(reason).starts_with(no_token))
    complaints.refuse(reason);
}

// The token source travels as a setting that librdkafka hands to the callback and looks at no
// further: each handle has its own, and nothing is shared with its thread.
std::string text_of(const TokenSource& source) {
  return nlohmann::json{
      {"url", source.url},     {"client", source.client},         {"secret", source.secret},
      {"scope", source.scope}, {"extensions", source.extensions}, {"ca_file", source.ca_file}}
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

TokenSource source_of(const char* text) {
  const auto told = parse_untrusted(text == nullptr ? "" : text);
  TokenSource out;
  if (!told || !told->is_object()) return out;
  out.url = told->value("url", "");
  out.client = told->value("client", "");
  out.secret = told->value("secret", "");
  out.scope = told->value("scope", "");
  out.extensions = told->value("extensions", "");
  out.ca_file = told->value("ca_file", "");
  return out;
}

// "name=value,name=value" as names and values in turn.
std::vector<std::string> extension_words(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto one = text.substr(0, comma);
    const auto equals = std::min(one.find('='), one.size());
    out.emplace_back(one.substr(0, equals));
    out.emplace_back(one.substr(std::min(equals + 1, one.size())));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return out;
}

// On the handle's own thread: whoever waits for an answer here polls nothing meanwhile.
void on_token_wanted(rd_kafka_t* rk, const char* config, void* opaque) {
  const Rdkafka& kafka = rdkafka();
  const TokenSource source = source_of(config);
  std::string why;
  if (const auto token = fetch_token(source); !token) {
    why = token.error().message;
    auto& complaints = *static_cast<Complaints*>(opaque);
    complaints.add("token", why);
    if (token.error().code == Errc::unauthenticated) complaints.refuse(why);
  } else {
    const auto words = extension_words(source.extensions);
    std::vector<const char*> extensions;
    for (const std::string& word : words) extensions.push_back(word.c_str());
    char said[512];
    const auto until =
        std::chrono::duration_cast<std::chrono::milliseconds>(token->until.time_since_epoch());
    if (kafka.f_oauthbearer_set_token(rk, token->text.c_str(), until.count(), source.client.c_str(),
                                      extensions.data(), extensions.size(), said,
                                      sizeof said) == RD_KAFKA_RESP_ERR_NO_ERROR)
      return;
    why = said;
    static_cast<Complaints*>(opaque)->add("token", why);
  }
  kafka.f_oauthbearer_set_token_failure(rk, why.c_str());
}

void on_log(const rd_kafka_t* rk, int level, const char* facility, const char* text) {
  constexpr int warning = 4;  // as syslog numbers them
  // Old brokers (before 0.11) do not know that nothing is to be created: told at every connection.
  if (level > warning || std::string_view(facility) == "AUTOCREATE") return;
  static_cast<Complaints*>(rdkafka().f_opaque(rk))->add(facility, text);
}

}  // namespace

void Complaints::add(const std::string& kind, const std::string& text) {
  broker_errors().add({kind, {}, -1, broker_named_by(text)});
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

void Complaints::refuse(const std::string& text) {
  const std::lock_guard held(mutex_);
  refused_ = text.substr(0, text_at_most);
  refused_at_ = std::chrono::steady_clock::now();
}

std::string Complaints::refused() const {
  const std::lock_guard held(mutex_);
  const bool lately = std::chrono::steady_clock::now() - refused_at_ < std::chrono::minutes(1);
  return lately ? refused_ : std::string();
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
  const auto tokens = take_token_source(all);
  if (tokens) all["sasl.oauthbearer.config"] = text_of(*tokens);
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
    // Bounds what is read ahead of who asks, by bytes and by messages. At either bound librdkafka
    // sleeps for a second, however soon there is room: it has to hold what is read in that second.
    all.try_emplace("queued.max.messages.kbytes", "65536");
    all.try_emplace("queued.min.messages", "250000");
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
  if (tokens) {
    kafka.f_conf_set_oauthbearer_token_refresh_cb(conf.get(), on_token_wanted);
    kafka.f_conf_enable_sasl_queue(conf.get(), 1);
  }
  rd_kafka_t* rk = kafka.f_new(role, conf.get(), said, sizeof said);
  if (rk == nullptr) return {Errc::invalid, std::string("librdkafka cannot begin: ") + said};
  (void)conf.release();  // it is part of the handle now
  Handle out(rk);
  if (role == RD_KAFKA_CONSUMER) kafka.f_poll_set_consumer(rk);
  if (!tokens) return out;
  const std::unique_ptr<rd_kafka_error_t, void (*)(rd_kafka_error_t*)> failed(
      kafka.f_sasl_background_callbacks_enable(rk), kafka.f_error_destroy);
  if (failed)
    return {Errc::internal,
            std::string("librdkafka cannot ask for tokens: ") + kafka.f_error_string(failed.get())};
  return out;
}

void count_error(rd_kafka_resp_err_t code, const std::string& topic, int partition) {
  const std::string name = rdkafka().f_err2name(code);
  if (!broker_errors().add({name, topic, partition, {}})) return;
  const std::string part = partition < 0 ? "" : ", partition " + std::to_string(partition);
  log::warn("kafka: topic " + topic + part + ": " + rdkafka().f_err2str(code) + " (" + name + ")");
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
      if (const std::string refused = complaints.refused(); !refused.empty())
        return {Errc::unauthenticated, text + " (" + refused + ")", {}};
      return {Errc::unavailable, text + complaints.last(), {}};
  }
}

}  // namespace batuta::stream
