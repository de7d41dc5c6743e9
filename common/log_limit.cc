#include "common/log_limit.h"

#include <algorithm>

namespace batuta {

std::optional<std::string> LogLimit::pass(const std::string& key, std::int64_t now_us) {
  const auto known = lines_.find(key);
  if (known == lines_.end()) {
    if (lines_.size() >= max_keys) {
      lines_.erase(std::min_element(lines_.begin(), lines_.end(), [](const auto& a, const auto& b) {
        return a.second.said_us < b.second.said_us;
      }));
    }
    lines_[key] = {now_us, 0};
    return std::string{};
  }
  Line& line = known->second;
  if (now_us - line.said_us < span_us_) {
    ++line.left_out;
    return std::nullopt;
  }
  std::string behind;
  if (line.left_out > 0) {
    behind = " (and " + std::to_string(line.left_out) + " more times in the last " +
             std::to_string((now_us - line.said_us) / 1'000'000) + " s)";
  }
  line = {now_us, 0};
  return behind;
}

}  // namespace batuta
