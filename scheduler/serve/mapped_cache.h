// What mapped tasks are mapped over, read once for all of their instances' launches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/ids.h"
#include "scheduler/dagfile/mapped_items.h"

namespace batuta {

// The items as the plugins get them, and as people may see them; what of them must not be shown;
// and what they were made from, so that one can tell whether they still are what would be read.
struct MappedOver {
  MappedItems told;
  MappedItems shown;
  std::vector<std::string> hidden;
  std::string version;
  std::vector<std::pair<TaskIndex, std::uint64_t>> results;  // tasks and their results' stamps
  std::vector<std::pair<std::string, std::optional<std::string>>> variables;
};

// Bounded by the bytes of what was read and by number; when one more does not fit, all go. One
// thread.
class MappedCache {
 public:
  using Kept = std::shared_ptr<const MappedOver>;
  static constexpr std::size_t max_bytes = std::size_t{32} << 20;
  static constexpr std::size_t max_tasks = 256;

  // Null when it is not kept.
  Kept find(RunSeq run, TaskIndex task) const {
    const auto found = kept_.find({run, task});
    return found == kept_.end() ? nullptr : found->second.first;
  }
  void keep(RunSeq run, TaskIndex task, Kept items, std::size_t bytes) {
    if (const auto old = kept_.find({run, task}); old != kept_.end()) {
      bytes_ -= old->second.second;
      kept_.erase(old);
    }
    if (bytes > max_bytes) return;
    if (kept_.size() >= max_tasks || bytes_ + bytes > max_bytes) {
      kept_.clear();
      bytes_ = 0;
    }
    bytes_ += bytes;
    kept_[{run, task}] = {std::move(items), bytes};
  }
  void forget(RunSeq run) {
    for (auto at = kept_.lower_bound({run, 0}); at != kept_.end() && at->first.first == run;) {
      bytes_ -= at->second.second;
      at = kept_.erase(at);
    }
  }

 private:
  std::size_t bytes_ = 0;
  std::map<std::pair<RunSeq, TaskIndex>, std::pair<Kept, std::size_t>> kept_;
};

}  // namespace batuta
