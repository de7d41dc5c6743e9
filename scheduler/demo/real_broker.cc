#include "scheduler/demo/real_broker.h"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "stream/kafka_stream.h"

namespace batuta::demo {

Result<stream::KafkaConnection> read_broker(const std::string& given) {
  stream::KafkaConnection broker;
  broker.id = "--kafka";
  if (!given.starts_with('@')) {
    broker.host = given;
  } else {
    const std::string path = given.substr(1);
    std::ifstream file(path, std::ios::binary);
    const auto parsed =
        parse_untrusted(std::string(std::istreambuf_iterator<char>(file), {}), JsonLimits{});
    if (!file || !parsed || !parsed->is_object())
      return {Errc::invalid, "--kafka: " + path + " holds no JSON object with \"host\""};
    for (const auto& [name, value] : parsed->items()) {
      if (name == "port" && value.is_number_integer()) {
        broker.port = static_cast<int>(json_int(value).value_or(0));
      } else if (name == "extra" && value.is_object()) {
        broker.extra = json_text(value);
      } else if ((name == "host" || name == "login" || name == "password") && value.is_string()) {
        (name == "host"    ? broker.host
         : name == "login" ? broker.login
                           : broker.password) = value.get<std::string>();
      } else {
        return {Errc::invalid, "--kafka: " + path + ": \"" + name.substr(0, 80) +
                                   "\" is none of host, port, login, password and extra, or not "
                                   "of its type"};
      }
    }
  }
  // What is wrong is told before anything is started.
  if (const auto settings = stream::kafka_settings(broker); !settings) return settings.error();
  return broker;
}

Status ask_broker(const stream::KafkaConnection& broker) {
  const auto settings = stream::kafka_settings(broker);
  if (!settings) return settings.error();
  const auto stream = stream::open_kafka_stream(*settings);
  if (!stream) return stream.error();
  const auto topics = (*stream)->topics();
  return topics ? success() : Status(topics.error());
}

}  // namespace batuta::demo
