// Decimal numbers as exact integers: prices never pass through a double.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace batuta::lake {

// Not ISO C++, but every compiler we build with has it.
__extension__ using Int128 = __int128;
__extension__ using UnsignedInt128 = unsigned __int128;

// The number `text` times 10^scale, rounded half-even. JSON's number grammar (sign, digits,
// fraction, exponent), nothing else: no spaces, no "1.234,56", no NaN. nullopt also when the result
// needs more than `precision` digits (at most 18).
std::optional<std::int64_t> parse_decimal(std::string_view text, int precision, int scale);

// A whole number: the same grammar, but a value with a fraction (1.5, 25e-1) is refused, not
// rounded. "3.0" and "2e3" are whole.
std::optional<std::int64_t> parse_whole(std::string_view text);

// "-1.050000" for (-1050000, 6).
std::string decimal_text(Int128 unscaled, int scale);

}  // namespace batuta::lake
