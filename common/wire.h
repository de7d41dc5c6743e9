// Bytes of a message body: numbers as varints, fixed-width little-endian integers, and strings with
// their length in front. The reader never reads past its end: the first short read makes it `bad`,
// and everything after yields zeros, so a decoder checks once at its end.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace batuta {

// Small magnitudes of either sign become small numbers.
constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
}

class WireWriter {
 public:
  explicit WireWriter(std::string& out) : out_(out) {}
  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T>
  void put(T value) {
    char raw[sizeof(T)];
    std::memcpy(raw, &value, sizeof(T));
    out_.append(raw, sizeof(T));
  }
  void put(std::string_view text) {
    put(static_cast<std::uint32_t>(text.size()));
    out_.append(text);
  }
  // Seven bits a byte, the lowest first; the top bit says that more follow.
  void put_varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_.push_back(static_cast<char>(value | 0x80));
    out_.push_back(static_cast<char>(value));
  }
  void put_block(std::string_view text) {
    put_varint(text.size());
    out_.append(text);
  }
  // What `write` appends, its length in front.
  template <class F>
  void put_block_of(F write) {
    out_.push_back('\0');
    const std::size_t start = out_.size();
    write();
    std::uint64_t size = out_.size() - start;
    if (size < 0x80) {  // nearly always
      out_[start - 1] = static_cast<char>(size);
      return;
    }
    std::string length;
    WireWriter{length}.put_varint(size);
    out_[start - 1] = length[0];
    out_.insert(start, length, 1);
  }

 private:
  std::string& out_;
};

class WireReader {
 public:
  explicit WireReader(std::string_view in) : in_(in) {}
  template <class T>
  requires std::is_integral_v<T> || std::is_enum_v<T> T get() {
    T value{};
    if (in_.size() < sizeof(T)) {
      fail();
    } else {
      std::memcpy(&value, in_.data(), sizeof(T));
      in_.remove_prefix(sizeof(T));
    }
    return value;
  }
  std::string_view get_text() { return take(get<std::uint32_t>()); }
  std::uint64_t get_varint() {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < in_.size() && i < 10; ++i) {
      const auto byte = static_cast<unsigned char>(in_[i]);
      if (i == 9 && byte > 1) break;  // beyond 64 bits
      value |= std::uint64_t{byte & 0x7fu} << (7 * i);
      if (byte < 0x80) {
        in_.remove_prefix(i + 1);
        return value;
      }
    }
    fail();
    return 0;
  }
  std::string_view get_block() { return take(get_varint()); }
  bool bad() const { return bad_; }
  bool at_end() const { return in_.empty(); }

 private:
  std::string_view take(std::uint64_t size) {
    if (in_.size() < size) {
      fail();
      return {};
    }
    const auto text = in_.substr(0, size);
    in_.remove_prefix(size);
    return text;
  }
  void fail() {
    bad_ = true;
    in_ = {};
  }
  std::string_view in_;
  bool bad_ = false;
};

}  // namespace batuta
