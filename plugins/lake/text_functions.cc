#include "plugins/lake/text_functions.h"

#include <atomic>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "common/sha256.h"
#include "common/time.h"
#include "plugins/lake/decimal.h"

namespace batuta::lake {
namespace {

// DuckDB calls back with nothing but its own handles, so its table must be found without them. Set
// by each registration, while another session's functions may run; a slot uses one library for its
// whole life.
std::atomic<const DuckdbApi*> callback_api = nullptr;

std::string_view text_at(const duckdb_string_t& value) {
  constexpr std::uint32_t inlined = 12;
  const std::uint32_t length = value.value.inlined.length;
  return {length <= inlined ? value.value.inlined.inlined : value.value.pointer.ptr, length};
}

// Applies a function of a text to a chunk; nullopt becomes NULL. Numbers and instants are 64-bit
// integers inside DuckDB.
template <auto convert, typename Value = std::int64_t>
void apply(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const DuckdbApi& api = *callback_api.load();
  const idx_t size = api.data_chunk_get_size(input);
  duckdb_vector texts = api.data_chunk_get_vector(input, 0);
  const auto* in = static_cast<const duckdb_string_t*>(api.vector_get_data(texts));
  auto* in_validity = api.vector_get_validity(texts);
  auto* out = static_cast<Value*>(api.vector_get_data(output));
  api.vector_ensure_validity_writable(output);
  auto* out_validity = api.vector_get_validity(output);
  for (idx_t row = 0; row < size; ++row) {
    const bool present = in_validity == nullptr || api.validity_row_is_valid(in_validity, row);
    const std::optional<Value> value = present ? convert(text_at(in[row])) : std::nullopt;
    if (value) {
      out[row] = *value;
    } else {
      api.validity_set_row_invalid(out_validity, row);
    }
  }
}

template <int scale>
std::optional<std::int64_t> to_decimal(std::string_view text) {
  return parse_decimal(text, most_exact_digits, scale);
}
std::optional<std::int64_t> to_whole(std::string_view text) {
  return parse_whole(text);
}
std::optional<std::int64_t> to_instant(std::string_view text) {
  const auto time = parse_iso(text);
  if (!time) return std::nullopt;
  return time->time_since_epoch().count();
}

std::optional<std::int64_t> to_full_instant(std::string_view text) {
  constexpr std::size_t date_alone = 10;
  constexpr std::int64_t first = -62'135'596'800'000'000, last = 253'402'300'799'999'999;
  if (text.size() <= date_alone) return std::nullopt;
  const auto micros = to_instant(text);
  return micros && *micros >= first && *micros <= last ? micros : std::nullopt;
}

// A run of 16 covers one of each 16 bytes: only around those that may belong to one is looked.
std::optional<bool> has_long_number(std::string_view text) {
  constexpr std::size_t long_from = 16;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto of_number = [&](char c) {
    return is_digit(c) || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
  };
  for (std::size_t at = long_from - 1; at < text.size(); at += long_from) {
    if (!of_number(text[at])) continue;
    std::size_t begin = at, end = at + 1;
    while (begin > 0 && of_number(text[begin - 1])) --begin;
    while (end < text.size() && of_number(text[end])) ++end;
    while (begin < end && !is_digit(text[begin])) ++begin;  // a number begins with a digit
    if (end - begin >= long_from) return true;
    at = end - 1;
  }
  return false;
}

// As long as the engine's trim() has nothing to take: it takes Unicode's blanks from both ends.
std::optional<bool> is_tidy(std::string_view text) {
  const auto is_visible = [](char c) { return c > ' ' && c <= '~'; };
  return text.empty() || (is_visible(text.front()) && is_visible(text.back()));
}

// The bytes of a blank (Unicode's category Zs) that the text begins with; 0 = of none.
std::size_t leading_blank(std::string_view text) {
  if (text[0] == ' ') return 1;
  if (text.starts_with("\xC2\xA0")) return 2;  // U+00A0
  if (text.size() < 3) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const auto third = static_cast<unsigned char>(text[2]);
  const bool blank = (text[0] == '\xE1' && second == 0x9A && third == 0x80) ||  // U+1680
                     (text[0] == '\xE2' && second == 0x80 &&
                      ((third >= 0x80 && third <= 0x8A) || third == 0xAF)) ||
                     (text[0] == '\xE2' && second == 0x81 && third == 0x9F) ||  // U+205F
                     (text[0] == '\xE3' && second == 0x80 && third == 0x80);    // U+3000
  return blank ? 3 : 0;
}

std::optional<bool> is_all_blank(std::string_view text) {
  while (!text.empty()) {
    const std::size_t blank = leading_blank(text);
    if (blank == 0) return false;
    text.remove_prefix(blank);
  }
  return true;
}

void hash_texts(duckdb_function_info, duckdb_data_chunk input, duckdb_vector output) {
  const DuckdbApi& api = *callback_api.load();
  const idx_t size = api.data_chunk_get_size(input);
  duckdb_vector texts = api.data_chunk_get_vector(input, 0);
  const auto* in = static_cast<const duckdb_string_t*>(api.vector_get_data(texts));
  auto* in_validity = api.vector_get_validity(texts);
  api.vector_ensure_validity_writable(output);
  auto* out_validity = api.vector_get_validity(output);
  for (idx_t row = 0; row < size; ++row) {
    if (in_validity != nullptr && !api.validity_row_is_valid(in_validity, row)) {
      api.validity_set_row_invalid(out_validity, row);
      continue;
    }
    const Sha256Digest digest = sha256_of(text_at(in[row]));
    api.vector_assign_string_element_len(output, row, reinterpret_cast<const char*>(digest.data()),
                                         digest.size());
  }
}

bool add(const DuckdbApi& api, duckdb_connection connection, const char* name,
         duckdb_logical_type returns, duckdb_scalar_function_t function) {
  duckdb_scalar_function scalar = api.create_scalar_function();
  duckdb_logical_type text = api.create_logical_type(DUCKDB_TYPE_VARCHAR);
  api.scalar_function_set_name(scalar, name);
  api.scalar_function_add_parameter(scalar, text);
  api.scalar_function_set_return_type(scalar, returns);
  api.scalar_function_set_function(scalar, function);
  const bool done = api.register_scalar_function(connection, scalar) == DuckDBSuccess;
  api.destroy_scalar_function(&scalar);
  api.destroy_logical_type(&text);
  api.destroy_logical_type(&returns);
  return done;
}

template <int... scales>
bool add_decimals(const DuckdbApi& api, duckdb_connection connection,
                  std::integer_sequence<int, scales...>) {
  return (add(api, connection, decimal_function(scales).c_str(),
              api.create_decimal_type(most_exact_digits, scales), apply<to_decimal<scales>>) &&
          ...);
}

}  // namespace

std::string decimal_function(int scale) {
  return "batuta_decimal_" + std::to_string(scale);
}

std::optional<int> exact_decimal_scale(const std::string& delta_type) {
  int precision = 0, scale = 0;
  if (std::sscanf(delta_type.c_str(), "decimal(%d,%d)", &precision, &scale) != 2 ||
      precision > most_exact_digits || scale < 0 || scale > precision)
    return std::nullopt;
  return scale;
}

bool register_text_functions(const DuckdbApi& api, duckdb_connection connection) {
  callback_api = &api;
  return add_decimals(api, connection, std::make_integer_sequence<int, most_exact_digits + 1>()) &&
         add(api, connection, "batuta_price", api.create_decimal_type(most_exact_digits, 6),
             apply<to_decimal<6>>) &&
         add(api, connection, "batuta_whole", api.create_logical_type(DUCKDB_TYPE_BIGINT),
             apply<to_whole>) &&
         add(api, connection, "batuta_instant", api.create_logical_type(DUCKDB_TYPE_TIMESTAMP_TZ),
             apply<to_instant>) &&
         add(api, connection, "batuta_full_instant",
             api.create_logical_type(DUCKDB_TYPE_TIMESTAMP_TZ), apply<to_full_instant>) &&
         add(api, connection, "batuta_long_number", api.create_logical_type(DUCKDB_TYPE_BOOLEAN),
             apply<has_long_number, bool>) &&
         add(api, connection, "batuta_tidy", api.create_logical_type(DUCKDB_TYPE_BOOLEAN),
             apply<is_tidy, bool>) &&
         add(api, connection, "batuta_blank", api.create_logical_type(DUCKDB_TYPE_BOOLEAN),
             apply<is_all_blank, bool>) &&
         add(api, connection, "batuta_sha256", api.create_logical_type(DUCKDB_TYPE_BLOB),
             hash_texts);
}

}  // namespace batuta::lake
