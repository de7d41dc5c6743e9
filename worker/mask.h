// Keeps secret values out of a byte stream, however the stream is cut: the exact value, its lines,
// and its JSON-escaped, URL-encoded and base64 forms (alone or inside something longer) become ***.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace batuta {

class Mask {
 public:
  Mask() = default;
  // Values shorter than 6 bytes are not masked: they would blank out ordinary text.
  explicit Mask(const std::vector<std::string>& values);

  bool empty() const { return patterns_.empty(); }

  // Appends to `out` what is safe to show. Bytes that may be the start of a secret are kept back
  // until the next feed() or flush().
  void feed(std::string_view bytes, std::string& out);
  void flush(std::string& out);
  // One whole text.
  std::string whole(std::string_view text) const;

 private:
  void add(std::string_view pattern);
  // Copies `text` masked; stops where a longer text could still complete a secret, unless `last`.
  // Returns how much of `text` was used.
  std::size_t run(std::string_view text, bool last, std::string& out) const;

  std::vector<std::string> patterns_;                // longest first
  std::array<std::vector<std::size_t>, 256> first_;  // first byte -> patterns
  std::string kept_;
};

}  // namespace batuta
