#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "tests/stream/beds.h"

namespace batuta::stream {

KafkaBed::KafkaBed() {
  char said[256];
  host_ = ::rd_kafka_new(RD_KAFKA_PRODUCER, ::rd_kafka_conf_new(), said, sizeof said);
  REQUIRE(host_ != nullptr);
  cluster_ = ::rd_kafka_mock_cluster_new(host_, 3);
  REQUIRE(cluster_ != nullptr);
}

KafkaBed::~KafkaBed() {
  ::rd_kafka_mock_cluster_destroy(cluster_);
  ::rd_kafka_destroy(host_);
}

std::string KafkaBed::bootstrap() const {
  return ::rd_kafka_mock_cluster_bootstraps(cluster_);
}

std::unique_ptr<KafkaStream> KafkaBed::open(KafkaOptions options) const {
  KafkaConnection connection;
  connection.id = "mock";
  connection.host = bootstrap();
  return must(open_kafka_stream(must(kafka_settings(connection)), options));
}

void KafkaBed::make_topic(const std::string& name, int partitions) const {
  REQUIRE(::rd_kafka_mock_topic_create(cluster_, name.c_str(), partitions, 1) ==
          RD_KAFKA_RESP_ERR_NO_ERROR);
}

}  // namespace batuta::stream
