#include "common/frame.h"

#include <cstring>

#include "common/result.h"

namespace batuta {
namespace {

constexpr std::size_t header_bytes = 4;

std::uint32_t read_length(const char* at) {
  unsigned char raw[header_bytes];
  std::memcpy(raw, at, header_bytes);
  return std::uint32_t{raw[0]} | std::uint32_t{raw[1]} << 8 | std::uint32_t{raw[2]} << 16 |
         std::uint32_t{raw[3]} << 24;
}

}  // namespace

void append_frame(std::string& out, std::string_view body) {
  BATUTA_CHECK(body.size() <= max_frame_bytes, "a frame body over the limit");
  const auto size = static_cast<std::uint32_t>(body.size());
  const char header[header_bytes] = {static_cast<char>(size), static_cast<char>(size >> 8),
                                     static_cast<char>(size >> 16), static_cast<char>(size >> 24)};
  out.append(header, header_bytes);
  out.append(body);
}

void FrameReader::feed(std::string_view bytes) {
  if (bad_) return;  // nothing after a bad length can be trusted, so nothing is kept
  // Consumed bytes are dropped here and not in next(), so that the views handed out stay valid.
  if (used_ == buffer_.size()) {
    buffer_.clear();
  } else {
    buffer_.erase(0, used_);
  }
  used_ = 0;
  buffer_.append(bytes);
}

std::optional<std::string_view> FrameReader::next() {
  const std::size_t left = buffer_.size() - used_;
  if (bad_ || left < header_bytes) return std::nullopt;
  const std::uint32_t size = read_length(buffer_.data() + used_);
  if (size > limit_) {
    bad_ = true;
    buffer_.clear();
    used_ = 0;
    return std::nullopt;
  }
  if (left - header_bytes < size) return std::nullopt;
  const std::string_view body{buffer_.data() + used_ + header_bytes, size};
  used_ += header_bytes + size;
  return body;
}

}  // namespace batuta
