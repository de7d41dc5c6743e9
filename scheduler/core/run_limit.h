// What a DAG says about its runs of one key: how many go on at once, and how many begin in a time.
#pragma once

#include <cstdint>
#include <string>

#include "common/time.h"

namespace batuta {

// What becomes of a run that may not start yet.
enum class WhenFull : std::uint8_t {
  queue,         // it waits
  skip,          // it ends, all of its tasks skipped
  cancel_other,  // it waits, and the oldest that goes on is ended early
};

struct RunLimit {
  std::string key_json;    // {"key": …} with templates, opaque to the core
  std::int32_t limit = 0;  // of runs with the same key; 0: none
  Duration per{};          // a rate: so many begin within this time; 0: so many go on at once
  WhenFull when_full = WhenFull::queue;

  bool is_set() const { return limit > 0; }
};
inline constexpr std::int32_t max_run_limit = 10'000;
inline constexpr std::size_t max_run_key = 250;  // bytes

}  // namespace batuta
