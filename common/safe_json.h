// The only way JSON from outside becomes a value. Bare nlohmann parse() and get<int>() are banned
// by the tidy test: they recurse without bound, keep the last of duplicate keys and wrap integers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta {

struct JsonLimits {
  std::size_t bytes = 1 << 20;
  std::size_t depth = 64;
  std::size_t tokens = 200'000;
  std::size_t string_bytes = 256 << 10;
};

// Refuses: over a limit, duplicate keys, BOM, trailing text, NaN, invalid UTF-8, numbers outside
// double, lone surrogates. The error says line and column. Errc::malformed or Errc::too_large.
Result<nlohmann::json> parse_untrusted(std::string_view text, const JsonLimits& limits = {});

// The integer exactly, or nullopt: no booleans, no fractions, no wrap-around.
std::optional<std::int64_t> json_int(const nlohmann::json& value);

// Compact, invalid UTF-8 replaced by U+FFFD; never throws.
std::string json_text(const nlohmann::json& value);

// Appends `text` as a JSON string, quotes included: the same bytes as json_text(text), without a
// value in between, for the paths that write thousands a second.
void append_json_string(std::string& out, std::string_view text);

}  // namespace batuta
