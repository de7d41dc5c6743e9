// Keeps secret values out of a byte stream, however the stream is cut: the exact value, its lines,
// in upper and lower case, and its JSON-escaped, URL-encoded, hex and base64 forms (alone or inside
// something longer) become ***. A value of less than 6 bytes only where it stands as a word of its
// own: anywhere else it would blank out ordinary text.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace batuta {

class Mask {
 public:
  Mask() = default;
  explicit Mask(const std::vector<std::string>& values);

  bool empty() const { return patterns_.empty(); }

  // Appends to `out` what is safe to show. Bytes that may be the start of a secret are kept back
  // until the next feed() or flush().
  void feed(std::string_view bytes, std::string& out);
  void flush(std::string& out);
  // True when a value is too short to be masked wherever it stands.
  bool has_short_values() const { return short_values_; }
  // One whole text.
  std::string whole(std::string_view text) const;

 private:
  struct Pattern {
    std::string text;
    bool word = false;  // only where no letter, digit or _ stands before or behind
    auto operator<=>(const Pattern&) const = default;
  };
  void add(std::string_view text, bool word = false);
  void add_forms(const std::string& value);
  // Copies `text` masked; stops where a longer text could still complete a secret, unless `last`.
  // `before`: the byte that came before `text`. Returns how much of `text` was used.
  std::size_t run(std::string_view text, char before, bool last, std::string& out) const;

  std::vector<Pattern> patterns_;                    // longest first
  std::array<std::vector<std::size_t>, 256> first_;  // first byte -> patterns
  std::string kept_;
  char before_ = ' ';  // the last byte that was used
  bool short_values_ = false;
};

}  // namespace batuta
