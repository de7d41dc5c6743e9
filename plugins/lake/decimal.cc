#include "plugins/lake/decimal.h"

#include <algorithm>
#include <charconv>

namespace batuta::lake {
namespace {

// Longer than any honest number; keeps the work per value bounded.
constexpr std::size_t max_text = 64;

// A number as its digits and the power of ten of the last one.
struct Digits {
  bool negative = false;
  std::string digits;  // without leading zeros; empty for zero
  int exponent = 0;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view take_digits(std::string_view& text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  const auto taken = text.substr(0, n);
  text.remove_prefix(n);
  return taken;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Digits> split(std::string_view text) {
  if (text.size() > max_text) return std::nullopt;
  Digits out;
  out.negative = take(text, '-');
  const auto whole = take_digits(text);
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return std::nullopt;
  out.digits = whole;
  if (take(text, '.')) {
    const auto fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
    out.digits += fraction;
    out.exponent = -static_cast<int>(fraction.size());
  }
  if (take(text, 'e') || take(text, 'E')) {
    const bool minus = take(text, '-');
    if (!minus) take(text, '+');
    const auto power = take_digits(text);
    int value = 0;
    const auto [end, ec] = std::from_chars(power.data(), power.data() + power.size(), value);
    if (power.empty() || ec != std::errc{} || value > 400) return std::nullopt;
    out.exponent += minus ? -value : value;
  }
  if (!text.empty()) return std::nullopt;
  out.digits.erase(0, out.digits.find_first_not_of('0'));
  return out;
}

// digits / 10^cut, rounded half-even; `inexact` tells whether anything was lost.
std::string cut_half_even(const std::string& digits, std::size_t cut, bool& inexact) {
  const std::string padded =
      std::string(cut >= digits.size() ? cut - digits.size() + 1 : 0, '0') + digits;
  std::string kept = padded.substr(0, padded.size() - cut);
  const std::string lost = padded.substr(padded.size() - cut);
  inexact = lost.find_first_not_of('0') != std::string::npos;
  const std::string half = "5" + std::string(lost.size() - 1, '0');
  const bool odd = (kept.back() - '0') % 2 == 1;
  if (lost > half || (lost == half && odd)) {
    auto at = kept.rbegin();
    while (at != kept.rend() && *at == '9') *at++ = '0';
    if (at == kept.rend()) {
      kept.insert(kept.begin(), '1');
    } else {
      ++*at;
    }
  }
  return kept;
}

std::optional<std::int64_t> scaled(const Digits& number, int precision, int scale, bool& inexact) {
  inexact = false;
  if (number.digits.empty()) return 0;
  const int shift = number.exponent + scale;
  std::string digits = number.digits;
  if (shift >= 0) {
    if (shift > precision) return std::nullopt;
    digits.append(static_cast<std::size_t>(shift), '0');
  } else {
    digits = cut_half_even(digits, static_cast<std::size_t>(-shift), inexact);
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  }
  if (digits.size() > static_cast<std::size_t>(precision)) return std::nullopt;
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return number.negative ? -value : value;
}

// The usual text at little cost: few digits, no exponent, nothing to round. Of any other text,
// nullopt says nothing.
std::optional<std::int64_t> plain_number(std::string_view text, int precision, int scale) {
  constexpr int most_digits = 18;
  const bool negative = take(text, '-');
  const auto whole = take_digits(text);
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0') ||
      static_cast<int>(whole.size()) + scale > std::min(precision, most_digits))
    return std::nullopt;
  std::string_view fraction;
  if (take(text, '.')) {
    fraction = take_digits(text);
    if (fraction.empty() || static_cast<int>(fraction.size()) > scale) return std::nullopt;
  }
  if (!text.empty()) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : whole) value = value * 10 + (c - '0');
  for (const char c : fraction) value = value * 10 + (c - '0');
  for (int i = static_cast<int>(fraction.size()); i < scale; ++i) value *= 10;
  return negative ? -value : value;
}

}  // namespace

std::optional<std::int64_t> parse_decimal(std::string_view text, int precision, int scale) {
  if (const auto plain = plain_number(text, precision, scale)) return plain;
  const auto number = split(text);
  bool inexact = false;
  return number ? scaled(*number, precision, scale, inexact) : std::nullopt;
}

std::optional<std::int64_t> parse_whole(std::string_view text) {
  if (const auto plain = plain_number(text, 18, 0)) return plain;
  const auto number = split(text);
  if (!number) return std::nullopt;
  bool inexact = false;
  const auto value = scaled(*number, 18, 0, inexact);
  return inexact ? std::nullopt : value;
}

std::string decimal_text(Int128 unscaled, int scale) {
  const bool negative = unscaled < 0;
  auto rest =
      negative ? -static_cast<UnsignedInt128>(unscaled) : static_cast<UnsignedInt128>(unscaled);
  std::string reversed;
  for (int i = 0; rest != 0 || i <= scale; ++i, rest /= 10) {
    if (i == scale && scale > 0) reversed += '.';
    reversed += static_cast<char>('0' + static_cast<int>(rest % 10));
  }
  if (negative) reversed += '-';
  return {reversed.rbegin(), reversed.rend()};
}

}  // namespace batuta::lake
