// Keeps a line that repeats from flooding a log: said at once, then once a span, with how often it
// was left out in between.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/time.h"

namespace batuta {

// Not thread-safe. Remembers at most `max_keys` lines; the one said longest ago is forgotten first.
class LogLimit {
 public:
  static constexpr std::size_t max_keys = 256;
  explicit LogLimit(Duration span = std::chrono::minutes(1)) : span_us_(span.count()) {}

  // What to put behind the line `key`: nothing, or " (and 12 more times in the last 60 s)".
  // nullopt: leave the line out. `now_us`: of any clock that does not go back.
  std::optional<std::string> pass(const std::string& key, std::int64_t now_us);

 private:
  struct Line {
    std::int64_t said_us = 0;
    std::uint64_t left_out = 0;
  };
  const std::int64_t span_us_;
  std::map<std::string, Line> lines_;
};

}  // namespace batuta
