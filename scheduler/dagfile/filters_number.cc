// Filters that make or change numbers.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/filter_table.h"

namespace batuta::filters {
namespace {

using nlohmann::json;

// As Python reads digits: white space around them, a sign, and single underscores between.
std::optional<std::string> digits_of(std::string_view text, bool& negative) {
  constexpr std::string_view blanks = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(blanks) - first + 1);
  negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 == text.size() || text[i + 1] == '_') {
      return std::nullopt;
    }
  }
  if (out.empty() || out.front() == '+' || out.front() == '-') return std::nullopt;
  return out;
}

enum class Read : std::uint8_t { number, none, too_large };

Read read_whole(std::string_view text, std::int64_t base, std::int64_t& out) {
  bool negative = false;
  auto digits = digits_of(text, negative);
  if (!digits) return Read::none;
  const char mark = base == 16 ? 'x' : base == 8 ? 'o' : base == 2 ? 'b' : '\0';
  if (mark && digits->size() > 2 && digits->front() == '0' && ((*digits)[1] | 32) == mark) {
    digits->erase(0, 2);
  }
  const std::string signed_text = (negative ? "-" : "") + *digits;
  const char* end = signed_text.data() + signed_text.size();
  const auto read = std::from_chars(signed_text.data(), end, out, static_cast<int>(base));
  if (read.ptr != end) return Read::none;
  return read.ec == std::errc{} ? Read::number : Read::too_large;
}

std::optional<double> read_fraction(std::string_view text) {
  bool negative = false;
  const auto digits = digits_of(text, negative);
  if (!digits) return std::nullopt;
  double out = 0;
  const char* end = digits->data() + digits->size();
  const auto read = std::from_chars(digits->data(), end, out);
  if (read.ptr != end || read.ec != std::errc{}) return std::nullopt;
  return negative ? -out : out;
}

Result<json> whole_of(double value) {
  if (!(std::abs(value) < 9.2e18)) return not_fit("int", "a number of at most 18 digits");
  return json(static_cast<std::int64_t>(value));
}

json otherwise(const Given& given, json fallback) {
  return given.at[0] ? *given.at[0] : std::move(fallback);
}

Result<json> int_filter(json value, const Given& given, FilterScope&) {
  const auto base = given.whole(1, 10);
  if (base < 2 || base > 36) return not_fit("int", "a base from 2 to 36");
  if (value.is_boolean()) return json(value.get<bool>() ? 1 : 0);
  if (value.is_number_integer()) return value;
  if (value.is_number()) return whole_of(value.get<double>());
  if (!value.is_string()) return otherwise(given, 0);
  const auto& text = value.get_ref<const std::string&>();
  std::int64_t out = 0;
  const Read read = read_whole(text, base, out);
  if (read == Read::number) return json(out);
  if (read == Read::too_large) return not_fit("int", "a number of at most 18 digits");
  const auto fraction = read_fraction(text);
  return fraction && std::isfinite(*fraction) ? whole_of(*fraction) : otherwise(given, 0);
}

Result<json> float_filter(json value, const Given& given, FilterScope&) {
  if (value.is_boolean()) return json(value.get<bool>() ? 1.0 : 0.0);
  if (value.is_number()) return json(value.get<double>());
  if (!value.is_string()) return otherwise(given, 0.0);
  const auto out = read_fraction(value.get_ref<const std::string&>());
  if (!out) return otherwise(given, 0.0);
  if (!std::isfinite(*out)) return not_fit("float", "a finite number");
  return json(*out);
}

Result<json> abs_filter(json value, const Given&, FilterScope&) {
  if (!value.is_number()) return not_fit("abs", "a number");
  if (!value.is_number_integer()) return json(std::abs(value.get<double>()));
  const auto whole = json_int(value);
  if (!whole || *whole == std::numeric_limits<std::int64_t>::min()) {
    return not_fit("abs", "a number of at most 18 digits");
  }
  return json(std::abs(*whole));
}

// Python's: halves that are halves in binary go to the even neighbour.
Result<json> round_filter(json value, const Given& given, FilterScope&) {
  const auto places = given.whole(0, 0);
  const std::string method = given.text(1) ? *given.text(1) : "common";
  if (!value.is_number()) return not_fit("round", "a number");
  if (places < 0 || places > 15) return not_fit("round", "0 to 15 places");
  if (method != "common" && method != "ceil" && method != "floor") {
    return not_fit("round", "the method 'common', 'ceil' or 'floor'");
  }
  const double number = value.get<double>();
  if (method != "common") {
    const double factor = std::pow(10.0, static_cast<double>(places));
    const double moved =
        method == "ceil" ? std::ceil(number * factor) : std::floor(number * factor);
    return json(moved / factor);
  }
  if (value.is_number_integer()) return value;
  char out[400];
  std::snprintf(out, sizeof out, "%.*f", static_cast<int>(places), number);
  double rounded = 0;
  std::from_chars(out, out + std::char_traits<char>::length(out), rounded);
  return json(rounded);
}

constexpr Row number_table[] = {
    {"int", int_filter, {{{"default"}, {"base", Kind::whole}}}},
    {"float", float_filter, {{{"default"}}}},
    {"abs", abs_filter},
    {"round", round_filter, {{{"precision", Kind::whole}, {"method", Kind::text}}}},
};

}  // namespace

std::span<const Row> number_rows() {
  return number_table;
}

}  // namespace batuta::filters
