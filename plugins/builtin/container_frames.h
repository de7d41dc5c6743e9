// The framed stream in which a container engine sends both outputs of a container: a byte that says
// which, three zero bytes, four bytes of length (big endian), then so many bytes of output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace batuta::plugin {

class ContainerFrames {
 public:
  // `descriptor` is 1 or 2: whose output it is.
  using Handler = std::function<void(int descriptor, std::string_view bytes)>;
  explicit ContainerFrames(Handler handler) : handler_(std::move(handler)) {}

  // Bytes as they come, cut anywhere; output is handed on at once, whole frames or not. False as
  // soon as it is no such stream: nothing more is taken.
  bool feed(std::string_view bytes);
  // Not in the midst of a frame.
  bool whole() const { return !broken_ && head_size_ == 0 && left_ == 0; }

 private:
  bool take_head(std::string_view& bytes);

  static constexpr std::size_t head_bytes = 8;
  Handler handler_;
  unsigned char head_[head_bytes] = {};
  std::size_t head_size_ = 0;
  std::uint32_t left_ = 0;  // of the frame that has begun
  int descriptor_ = 1;
  bool broken_ = false;
};

}  // namespace batuta::plugin
