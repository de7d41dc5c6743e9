#include "common/safe_json.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "common/exact_json.h"

namespace batuta {
namespace {

using json = nlohmann::json;

// Builds the value while counting; returning false stops the parser at once, so a hostile text
// never grows past its limits.
class Builder : public nlohmann::json_sax<json> {
 public:
  enum class How : std::uint8_t { plain, exact, repeating };  // exact_json.h

  Builder(const JsonLimits& limits, json& root, How how = How::plain)
      : limits_(limits), root_(root), how_(how) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool v) override { return add(v); }
  bool number_integer(number_integer_t v) override { return add(v); }
  bool number_unsigned(number_unsigned_t v) override { return add(v); }
  bool number_float(number_float_t v, const string_t& written) override {
    if (how_ == How::exact && digits_of(written) > std::numeric_limits<double>::digits10)
      return add(written);
    if (!std::isfinite(v)) return refuse("a number is outside the range of a double");
    return add(v);
  }
  bool string(string_t& v) override {
    if (v.size() > limits_.string_bytes) return refuse("a string is too long");
    return add(std::move(v));
  }
  bool binary(binary_t&) override { return refuse("binary values are not JSON"); }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool key(string_t& v) override {
    if (v.size() > limits_.string_bytes) return refuse("a key is too long");
    if (!keys_.back().insert(v).second && how_ != How::repeating)
      return refuse("duplicate key \"" + v.substr(0, 80) + "\"");
    key_ = std::move(v);
    return count();
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    error_at_ = position;
    return false;
  }

  const std::string& refusal() const { return refusal_; }
  std::size_t error_at() const { return error_at_; }

 private:
  // Those before the exponent, zeros in front aside.
  static int digits_of(std::string_view number) {
    int digits = 0;
    for (const char c : number.substr(0, number.find_first_of("eE"))) {
      if (c >= '0' && c <= '9' && (digits > 0 || c != '0')) ++digits;
    }
    return digits;
  }
  bool refuse(std::string why) {
    refusal_ = std::move(why);
    return false;
  }
  bool count() { return ++tokens_ <= limits_.tokens || refuse("too many values"); }
  json* place(json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    return &(parent[key_] = std::move(value));
  }
  template <class T>
  bool add(T&& value) {
    if (!count()) return false;
    place(json(std::forward<T>(value)));
    return true;
  }
  bool open(json value) {
    if (stack_.size() >= limits_.depth) return refuse("nested too deeply");
    if (!count()) return false;
    stack_.push_back(place(std::move(value)));
    keys_.emplace_back();
    return true;
  }
  bool close() {
    stack_.pop_back();
    keys_.pop_back();
    return true;
  }

  const JsonLimits& limits_;
  json& root_;
  const How how_;
  std::vector<json*> stack_;
  std::vector<std::unordered_set<std::string>> keys_;
  std::string key_;
  std::size_t tokens_ = 0;
  std::string refusal_;
  std::size_t error_at_ = 0;
};

// A pointer that tells how far the parser has read.
class Reading {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  Reading(const char* at, const char** reached) : at_(at), reached_(reached) {}
  reference operator*() const { return *at_; }
  Reading& operator++() {
    *reached_ = ++at_;
    return *this;
  }
  Reading operator++(int) {
    const Reading before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Reading& other) const { return at_ == other.at_; }

 private:
  const char* at_;
  const char** reached_;
};

// Where the parser stood when the text was refused, counted from 1: it is read once more, so that
// good texts need not be counted.
std::size_t refused_at(std::string_view text, const JsonLimits& limits, Builder::How how) {
  json root;
  Builder builder(limits, root, how);
  const char* reached = text.data();
  json::sax_parse(Reading(text.data(), &reached), Reading(text.data() + text.size(), &reached),
                  &builder, json::input_format_t::json, /*strict=*/true);
  return static_cast<std::size_t>(reached - text.data());
}

std::string position_of(std::string_view text, std::size_t offset) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (std::size_t i = 0; i + 1 < offset && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

// What a text that ends too early has left open, and since where.
std::string open_at_end(std::string_view text) {
  std::vector<std::size_t> open;  // where each bracket stands that is not closed
  std::size_t quote = std::string_view::npos;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != std::string_view::npos) {
      if (c == '\\') ++i;
      if (c == '"') quote = std::string_view::npos;
    } else if (c == '"') {
      quote = i;
    } else if (c == '{' || c == '[') {
      open.push_back(i);
    } else if ((c == '}' || c == ']') && !open.empty()) {
      open.pop_back();
    }
  }
  const bool in_text = quote != std::string_view::npos;
  if (!in_text && open.empty()) return "the text ends too early";
  const std::size_t at = in_text ? quote : open.back();
  return std::string("the text ends too early: the ") + text[at] + " of " +
         position_of(text, at + 1) + " is not closed";
}

// Whether the text is one whole object or list, so that nothing may follow.
bool ends_a_value(std::string_view text) {
  return text.find_first_of("{[") != std::string_view::npos &&
         open_at_end(text) == "the text ends too early";
}

// What people get wrong, told by the sign that was not expected and the one before it; empty when
// it is none of these. `offset` is one past the former.
std::string likely_reason(std::string_view text, std::size_t offset) {
  if (offset == 0) return {};
  const std::string_view before = text.substr(0, std::min(offset - 1, text.size()));
  const auto last = before.find_last_not_of(" \t\r\n");
  const char previous = last == std::string_view::npos ? '\0' : before[last];
  if (offset > text.size()) return open_at_end(text);
  const char found = text[offset - 1];
  if ((found == ']' || found == '}') && previous == ',') return "a comma with nothing after it";
  if (found == '/' || found == '#') return "JSON has no comments";
  if (found == '\'') return "text stands in double quotes";
  if (found == '\n' || found == '\r') return "a line break inside a text is written \\n";
  const bool value_before = previous == '"' || previous == '}' || previous == ']' ||
                            std::isalnum(static_cast<unsigned char>(previous)) != 0;
  if (found == '=') return "a colon stands between name and value";
  if (text.substr(offset - 1).starts_with("\xE2\x80")) return "quotes are straight ones: \"";
  if (before.ends_with('\\')) return "a backslash inside a text is written \\\\";
  const bool number = std::isdigit(static_cast<unsigned char>(found)) != 0;
  if ((number && (previous == '0' || previous == '-')) || found == '.' || found == '+') {
    return "a number is written like 0.5, -1 or 12: no sign but -, nothing before its first digit";
  }
  if (value_before && (found == '"' || found == '{' || found == '[')) {
    return "a comma or colon is missing before it";
  }
  if (text.substr(offset - 1).starts_with("True") || text.substr(offset - 1).starts_with("False") ||
      text.substr(offset - 1).starts_with("None")) {
    return "it is written true, false, null";
  }
  if (std::isalpha(static_cast<unsigned char>(found)) != 0 && !value_before) {
    return "names and text stand in double quotes";
  }
  if (ends_a_value(text.substr(0, offset - 1))) return "the value has ended before it";
  return {};
}

Result<json> parse_within(std::string_view text, const JsonLimits& limits, Builder::How how) {
  if (text.size() > limits.bytes) {
    return {Errc::too_large, "JSON text of " + std::to_string(text.size()) +
                                 " bytes is over the limit of " + std::to_string(limits.bytes)};
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    return {Errc::malformed, "JSON text starts with a byte-order mark; save it as plain UTF-8"};
  }
  json root;
  Builder builder(limits, root, how);
  const bool ok = json::sax_parse(text.begin(), text.end(), &builder, json::input_format_t::json,
                                  /*strict=*/true);
  if (ok) return root;
  if (!builder.refusal().empty()) {
    return {Errc::malformed, "JSON refused: " + builder.refusal() + " at " +
                                 position_of(text, refused_at(text, limits, how))};
  }
  const std::string why = likely_reason(text, builder.error_at());
  return {Errc::malformed, "not valid JSON" + (why.empty() ? "" : ": " + why) + " at " +
                               position_of(text, builder.error_at())};
}

}  // namespace

Result<json> parse_untrusted(std::string_view text, const JsonLimits& limits) {
  return parse_within(text, limits, Builder::How::plain);
}

Result<json> parse_untrusted_exact(std::string_view text, const JsonLimits& limits) {
  return parse_within(text, limits, Builder::How::exact);
}

Result<json> parse_untrusted_repeating(std::string_view text, const JsonLimits& limits) {
  return parse_within(text, limits, Builder::How::repeating);
}

std::optional<std::int64_t> json_int(const json& value) {
  if (value.is_number_unsigned()) {
    const auto u = value.get<std::uint64_t>();
    if (u > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return std::nullopt;
    return static_cast<std::int64_t>(u);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  return std::nullopt;
}

void append_json_string(std::string& out, std::string_view text) {
  const std::size_t before = out.size();
  out += '"';
  std::size_t from = 0;  // of what is written as it is
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') continue;
    const char escaped = c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' : c;
    if (escaped == c && c != '"' && c != '\\') {
      // No plain sign: what it is written as, and whether it is text at all, is told by one place.
      out.resize(before);
      out += json_text(json(text));
      return;
    }
    out += text.substr(from, i - from);
    out += '\\';
    out += escaped;
    from = i + 1;
  }
  out += text.substr(from);
  out += '"';
}

std::string json_text(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace batuta
