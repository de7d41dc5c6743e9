// Length-prefixed frames over a byte stream: 4 bytes little-endian length, then the body.
// Pure buffering; sockets belong to the caller, so the same code serves Asio and plain poll(2).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace batuta {

inline constexpr std::uint32_t max_frame_bytes = 16u << 20;

// Appends header and body to `out`. CHECKs that the body fits.
void append_frame(std::string& out, std::string_view body);

// Cuts frames out of a stream that arrives in pieces.
class FrameReader {
 public:
  explicit FrameReader(std::uint32_t limit = max_frame_bytes) : limit_(limit) {}

  void feed(std::string_view bytes);
  // The next whole body, valid until the next call of feed() or next(); nullopt when more bytes
  // are needed or the stream is bad.
  std::optional<std::string_view> next();
  // A length over the limit was announced: the peer must be disconnected.
  bool bad() const { return bad_; }

 private:
  std::string buffer_;
  std::size_t used_ = 0;
  std::uint32_t limit_;
  bool bad_ = false;
};

}  // namespace batuta
