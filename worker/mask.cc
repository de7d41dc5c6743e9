#include "worker/mask.h"

#include <algorithm>
#include <cstdint>

namespace batuta {
namespace {

constexpr std::size_t least_secret = 6;
constexpr std::string_view stars = "***";
constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view hex_upper = "0123456789ABCDEF";
constexpr std::string_view hex_lower = "0123456789abcdef";

std::string url_encoded(std::string_view text, std::string_view hex) {
  std::string out;
  for (const unsigned char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out += static_cast<char>(c);
    } else {
      out += '%';
      out += hex[c >> 4];
      out += hex[c & 15];
    }
  }
  return out;
}

std::string json_escaped(std::string_view text, bool slash) {
  std::string out;
  for (const unsigned char c : text) {
    const auto at = std::string_view{"\"\\\b\f\n\r\t"}.find(static_cast<char>(c));
    if (at != std::string_view::npos) {
      out += '\\';
      out += "\"\\bfnrt"[at];
    } else if (c < 0x20) {
      out += "\\u00";
      out += hex_lower[c >> 4];
      out += hex_lower[c & 15];
    } else if (c == '/' && slash) {
      out += "\\/";
    } else {
      out += static_cast<char>(c);
    }
  }
  return out;
}

// The base64 digits that depend on `text` alone when it stands `shift` bytes into a longer input.
std::string base64_core(std::string_view text, std::size_t shift, bool url_alphabet) {
  const std::size_t bits = text.size() * 8;
  // A digit is 6 bits of the stream; the text covers stream bits [8*shift, 8*shift + bits).
  std::string out;
  for (std::size_t digit = (8 * shift + 5) / 6; digit * 6 + 6 <= 8 * shift + bits; ++digit) {
    std::uint32_t value = 0;
    for (std::size_t bit = digit * 6; bit < digit * 6 + 6; ++bit) {
      const std::size_t at = bit - 8 * shift;
      const auto byte = static_cast<unsigned char>(text[at / 8]);
      value = value << 1 | (byte >> (7 - at % 8) & 1u);
    }
    char c = base64_digits[value];
    if (url_alphabet && c == '+') c = '-';
    if (url_alphabet && c == '/') c = '_';
    out += c;
  }
  return out;
}

std::string hex(std::string_view text, std::string_view digits) {
  std::string out;
  for (const unsigned char c : text) {
    out += digits[c >> 4];
    out += digits[c & 15];
  }
  return out;
}

std::string in_case(std::string_view text, char from, char to, int by) {
  std::string out{text};
  for (char& c : out) {
    if (c >= from && c <= to) c = static_cast<char>(c + by);
  }
  return out;
}

bool word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

Mask::Mask(const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    if (value.empty()) continue;
    if (value.size() < least_secret) {
      short_values_ = true;
      add(value, true);
    } else {
      add_forms(value);
    }
  }
  std::sort(patterns_.begin(), patterns_.end(), [](const Pattern& a, const Pattern& b) {
    return a.text.size() != b.text.size() ? a.text.size() > b.text.size() : a < b;
  });
  patterns_.erase(std::unique(patterns_.begin(), patterns_.end()), patterns_.end());
  for (std::size_t i = 0; i < patterns_.size(); ++i) {
    first_[static_cast<unsigned char>(patterns_[i].text[0])].push_back(i);
  }
}

void Mask::add_forms(const std::string& value) {
  add(value);
  add(in_case(value, 'a', 'z', 'A' - 'a'));
  add(in_case(value, 'A', 'Z', 'a' - 'A'));
  add(json_escaped(value, false));
  add(json_escaped(value, true));
  add(url_encoded(value, hex_upper));
  add(url_encoded(value, hex_lower));
  add(hex(value, hex_upper));
  add(hex(value, hex_lower));
  for (std::size_t shift = 0; shift < 3; ++shift) {
    add(base64_core(value, shift, false));
    add(base64_core(value, shift, true));
  }
  // A key of several lines reaches the log line by line.
  for (std::size_t at = 0; at < value.size();) {
    const std::size_t end = std::min(value.find_first_of("\r\n", at), value.size());
    add(std::string_view{value}.substr(at, end - at));
    at = end + 1;
  }
}

void Mask::add(std::string_view text, bool word) {
  if (word || text.size() >= least_secret) patterns_.push_back({std::string{text}, word});
}

std::size_t Mask::run(std::string_view text, char before, bool last, std::string& out) const {
  std::size_t shown = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t matched = 0;
    bool undecided = false;
    const std::string_view rest = text.substr(at);
    const char previous = at == 0 ? before : text[at - 1];
    for (const std::size_t index : first_[static_cast<unsigned char>(rest[0])]) {
      const std::string& pattern = patterns_[index].text;
      const bool word = patterns_[index].word;
      if (word && word_byte(previous)) continue;
      if (rest.size() > pattern.size() || (rest.size() == pattern.size() && (last || !word))) {
        if (!rest.starts_with(pattern)) continue;
        if (word && rest.size() > pattern.size() && word_byte(rest[pattern.size()])) continue;
        matched = pattern.size();
        break;  // longest first
      }
      if (!last && std::string_view{pattern}.starts_with(rest)) {
        undecided = true;  // and longer than anything that could match below: wait
        break;
      }
    }
    if (undecided) {
      out.append(text.substr(shown, at - shown));
      return at;
    }
    if (matched != 0) {
      out.append(text.substr(shown, at - shown));
      out.append(stars);
      at += matched;
      shown = at;
    } else {
      ++at;
    }
  }
  out.append(text.substr(shown));
  return text.size();
}

void Mask::feed(std::string_view bytes, std::string& out) {
  if (empty()) {
    out.append(bytes);
    return;
  }
  const bool direct = kept_.empty();
  if (!direct) kept_.append(bytes);
  const std::string_view text = direct ? bytes : std::string_view{kept_};
  const std::size_t used = run(text, before_, false, out);
  if (used > 0) before_ = text[used - 1];
  if (direct) {
    kept_ = bytes.substr(used);
  } else {
    kept_.erase(0, used);
  }
}

void Mask::flush(std::string& out) {
  run(kept_, before_, true, out);
  kept_.clear();
}

std::string Mask::whole(std::string_view text) const {
  std::string out;
  run(text, ' ', true, out);
  return out;
}

}  // namespace batuta
