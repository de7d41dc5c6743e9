// Bytes of a message body: fixed-width little-endian integers and length-prefixed strings.
// The reader never reads past its end: the first short read makes it `bad`, and everything after
// yields zeros, so a decoder checks once at its end.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace batuta {

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
  std::string_view get_text() {
    const auto size = get<std::uint32_t>();
    if (in_.size() < size) {
      fail();
      return {};
    }
    const auto text = in_.substr(0, size);
    in_.remove_prefix(size);
    return text;
  }
  // A count of items that each take at least `least` bytes; bad if they cannot all be there.
  std::uint32_t get_count(std::size_t least) {
    const auto n = get<std::uint32_t>();
    if (n > in_.size() / (least ? least : 1)) fail();
    return bad_ ? 0 : n;
  }
  bool bad() const { return bad_; }
  bool at_end() const { return in_.empty(); }

 private:
  void fail() {
    bad_ = true;
    in_ = {};
  }
  std::string_view in_;
  bool bad_ = false;
};

}  // namespace batuta
