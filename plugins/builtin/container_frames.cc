#include "plugins/builtin/container_frames.h"

#include <algorithm>

namespace batuta::plugin {

bool ContainerFrames::take_head(std::string_view& bytes) {
  while (head_size_ < head_bytes && !bytes.empty()) {
    head_[head_size_++] = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
  }
  if (head_size_ < head_bytes) return true;
  head_size_ = 0;
  // 0 is an echo of standard input, 3 the engine's own word on what went wrong.
  if (head_[0] > 3 || head_[1] != 0 || head_[2] != 0 || head_[3] != 0) return false;
  descriptor_ = head_[0] < 2 ? 1 : 2;
  left_ = 0;
  for (std::size_t i = 4; i < head_bytes; ++i) left_ = left_ << 8 | head_[i];
  return true;
}

bool ContainerFrames::feed(std::string_view bytes) {
  while (!broken_ && !bytes.empty()) {
    if (left_ == 0) {
      broken_ = !take_head(bytes);
      continue;
    }
    const std::string_view part = bytes.substr(0, std::min<std::size_t>(left_, bytes.size()));
    handler_(descriptor_, part);
    left_ -= static_cast<std::uint32_t>(part.size());
    bytes.remove_prefix(part.size());
  }
  return !broken_;
}

}  // namespace batuta::plugin
