// What the slots of an agent use of their machine, with all that they started, as /proc tells it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/message.h"

namespace batuta {

inline constexpr std::size_t most_slot_loads = 512;

// What is left out of a reading is counted, never half told.
class SlotLoads {
 public:
  // `proc`: files laid out as /proc is.
  explicit SlotLoads(std::string proc = "/proc") : proc_(std::move(proc)) {}

  // Of each child of the process, by process id: until 512 slots or 2,000 processes have been read
  // by this object. Those that end meanwhile are missing.
  std::vector<SlotLoad> of(std::int32_t agent);
  // Children that were left out for those bounds.
  std::int64_t left_out() const { return left_out_; }

 private:
  std::vector<std::int32_t> children(std::int32_t pid) const;
  bool read(std::int32_t slot, SlotLoad& load);

  const std::string proc_;
  std::size_t slots_ = 0, processes_ = 0;
  std::int64_t left_out_ = 0;
};

}  // namespace batuta
