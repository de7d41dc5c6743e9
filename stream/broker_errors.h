// How often brokers have answered with an error, by what it was about: for /metrics. Of this
// process and since it began, whichever stream it was: streams come and go, a counter stays. A
// task's slot tells the scheduler what is new with each attempt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/counts.h"

namespace batuta::stream {

// What an error was about; what is not known of it is empty, or -1.
struct ErrorPlace {
  std::string error;   // librdkafka's name, as "_TRANSPORT"; "token"; a facility of its log
  std::string topic;   // where it was about one
  int partition = -1;  // so here
  std::string broker;  // "host:port", where a broker's connection has told
  auto operator<=>(const ErrorPlace&) const = default;
};

using ErrorCount = Count<ErrorPlace>;

// The first of its place is worth a line in the log.
class BrokerErrors : public Counts<ErrorPlace> {
 public:
  // Places that are told apart. What comes after is counted under the error "(others)", which has
  // neither topic nor broker.
  static constexpr std::size_t most_places = 500;
  BrokerErrors() : Counts(most_places, {"(others)", {}, -1, {}}) {}
};

// That of this process.
BrokerErrors& broker_errors();

// How an attempt tells of one: a JSON object. Texts are cut to what is read again.
std::string error_json(const ErrorCount& one);
// Of a list of them, those that can be meant, at most BrokerErrors::most_places: a worker's word
// alone. Whatever else it holds is nothing.
std::vector<ErrorCount> read_errors(std::string_view list_json);

// The "host:port" that a text of librdkafka begins with: "sasl_ssl://a:9093/1: Connect to …",
// "[thrd:a:9093/bootstrap]: a:9093/bootstrap: …". Empty where it names none.
std::string broker_named_by(std::string_view text);

}  // namespace batuta::stream
