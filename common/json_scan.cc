#include "common/json_scan.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace batuta {
namespace {

using json = nlohmann::json;

class Scanner : public nlohmann::json_sax<json> {
 public:
  Scanner(const JsonLimits& limits, const std::function<void(std::string_view)>& each)
      : limits_(limits), each_(each) {}

  bool null() override { return word("null"); }
  bool boolean(bool v) override { return word(v ? "true" : "false"); }
  bool number_integer(number_integer_t v) override { return word(std::to_string(v)); }
  bool number_unsigned(number_unsigned_t v) override { return word(std::to_string(v)); }
  bool number_float(number_float_t v, const string_t& written) override {
    if (!std::isfinite(v)) return refuse("a number is outside the range of a double");
    return word(written);
  }
  bool string(string_t& v) override {
    if (v.size() > limits_.string_bytes) return refuse("a string is too long");
    return word(v);
  }
  bool binary(binary_t&) override { return refuse("binary values are not JSON"); }
  bool start_object(std::size_t) override { return open(); }
  bool key(string_t& v) override {
    if (v.size() > limits_.string_bytes) return refuse("a key is too long");
    each_(v);
    if (!keys_.back().insert(v).second) return refuse("duplicate key \"" + v.substr(0, 80) + "\"");
    return count();
  }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    refusal_ = "not JSON near byte " + std::to_string(position);
    return false;
  }

  const std::string& refusal() const { return refusal_; }

 private:
  bool refuse(std::string why) {
    refusal_ = std::move(why);
    return false;
  }
  bool count() { return ++tokens_ <= limits_.tokens || refuse("too many values"); }
  bool word(std::string_view text) {
    each_(text);
    return count();
  }
  bool open() {
    if (keys_.size() >= limits_.depth) return refuse("nested too deeply");
    keys_.emplace_back();
    return count();
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  const JsonLimits& limits_;
  const std::function<void(std::string_view)>& each_;
  std::vector<std::unordered_set<std::string>> keys_;
  std::size_t tokens_ = 0;
  std::string refusal_;
};

}  // namespace

Status scan_json(std::string_view text, const JsonLimits& limits,
                 const std::function<void(std::string_view)>& each) {
  if (text.size() > limits.bytes) {
    return {Errc::too_large, "over " + std::to_string(limits.bytes) + " bytes"};
  }
  if (text.starts_with("\xEF\xBB\xBF")) return {Errc::malformed, "a byte-order mark"};
  Scanner scanner(limits, each);
  const bool whole = json::sax_parse(text.begin(), text.end(), &scanner, json::input_format_t::json,
                                     /*strict=*/true);
  if (whole) return success();
  return {Errc::malformed, scanner.refusal().empty() ? "not JSON" : scanner.refusal()};
}

}  // namespace batuta
