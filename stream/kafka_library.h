// librdkafka, opened at the first call as libcurl is: it brings OpenSSL, Cyrus SASL and curl along.
#pragma once

#include <librdkafka/rdkafka.h>

#include <memory>
#include <string>

namespace batuta::stream {

// The functions that are used, by their names without "rd_kafka_".
// clang-format off
#define BATUTA_RDKAFKA_FUNCTIONS(X)                                                              \
  X(conf_new) X(conf_destroy) X(conf_set) X(conf_set_opaque) X(conf_set_dr_msg_cb)               \
  X(conf_set_error_cb) X(conf_set_log_cb) X(new) X(destroy) X(destroy_flags) X(opaque) X(name)   \
  X(poll) X(poll_set_consumer) X(consumer_poll) X(assign) X(flush) X(purge) X(outq_len)          \
  X(produceva) X(error_code) X(error_string) X(error_destroy) X(err2str) X(err2name)             \
  X(message_headers) X(header_get_all) X(message_timestamp) X(message_destroy) X(metadata)       \
  X(metadata_destroy) X(topic_new) X(topic_destroy) X(query_watermark_offsets) X(committed)      \
  X(commit_queue) X(topic_partition_list_new) X(topic_partition_list_add)                        \
  X(topic_partition_list_destroy) X(queue_new) X(queue_destroy) X(queue_poll) X(event_destroy)   \
  X(event_error) X(event_topic_partition_list) X(event_CreateTopics_result)                      \
  X(event_CreatePartitions_result) X(NewTopic_new) X(NewTopic_destroy) X(NewTopic_set_config)    \
  X(CreateTopics) X(CreateTopics_result_topics) X(NewPartitions_new) X(NewPartitions_destroy)    \
  X(CreatePartitions) X(CreatePartitions_result_topics) X(topic_result_error) X(list_groups)     \
  X(group_list_destroy) X(conf_enable_sasl_queue) X(conf_set_oauthbearer_token_refresh_cb)       \
  X(sasl_background_callbacks_enable) X(oauthbearer_set_token) X(oauthbearer_set_token_failure)
// clang-format on

struct Rdkafka {
#define BATUTA_MEMBER(name) decltype(&::rd_kafka_##name) f_##name = nullptr;
  BATUTA_RDKAFKA_FUNCTIONS(BATUTA_MEMBER)
#undef BATUTA_MEMBER
  std::string error;  // not empty: nothing above may be called
};
const Rdkafka& rdkafka();

}  // namespace batuta::stream
