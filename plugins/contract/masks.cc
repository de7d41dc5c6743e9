#include "plugins/contract/masks.h"

#include <algorithm>

namespace batuta::from_contract {
namespace {

using contract::Mask;
using lake::quoted_name;

constexpr std::size_t block_bytes = 64;  // of SHA-256
constexpr std::size_t least_key_bytes = 16;

std::string hmac_sql(const std::string& text) {
  return "CASE WHEN " + text +
         " IS NOT NULL THEN sha256((SELECT opad FROM mask_pads) || unhex(sha256((SELECT ipad FROM "
         "mask_pads) || encode(" +
         text + ")))) END";
}

std::string hidden_sql(const std::string& value) {
  return "CASE WHEN " + value + " IS NOT NULL THEN '***' END";
}

std::string hex_of(const std::string& bytes) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += {digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

std::string bytes_of_hex(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

std::string padded(const std::string& key, unsigned char with) {
  std::string out(block_bytes, '\0');
  std::copy(key.begin(), key.end(), out.begin());
  for (char& c : out) c = static_cast<char>(static_cast<unsigned char>(c) ^ with);
  return out;
}

}  // namespace

std::string stored_type(const contract::Column& column) {
  switch (column.mask) {
    case Mask::none:
      return column.type;
    case Mask::year:
      return "integer";
    case Mask::band:
      return "long";
    case Mask::pseudonym:
    case Mask::prefix:
    case Mask::redact:
      break;
  }
  return "string";
}

std::string stored_sql(const contract::Column& column) {
  const std::string value = quoted_name("new_" + column.name);
  const std::string size = std::to_string(column.mask_size);
  switch (column.mask) {
    case Mask::none:
      break;
    case Mask::pseudonym:
      return hmac_sql("CAST(" + value + " AS VARCHAR)");
    case Mask::year:
      return "CAST(year(" + value + ") AS INTEGER)";
    case Mask::prefix:
      return "left(" + value + ", " + size + ")";
    case Mask::band:
      return "TRY_CAST(floor(CAST(" + value + " AS DOUBLE) / " + size + ") * " + size +
             " AS BIGINT)";
    case Mask::redact:
      return hidden_sql(value);
  }
  return {};
}

std::string rejected_sql(const contract::Column& column) {
  const std::string text = quoted_name(column.name);
  if (column.mask == Mask::none) return {};
  if (column.mask != Mask::pseudonym) return hidden_sql(text);
  return hmac_sql(column.type == "string" ? text : "trim(" + text + ")");
}

void prepare_masks(const plugin::Context& context, lake::Session& session,
                   const contract::Table& table) {
  if (table.mask_key.empty()) return;
  std::string key = context.connection(table.mask_key).password;
  if (key.size() < least_key_bytes)
    throw plugin::FinalError("the connection " + table.mask_key +
                             " holds the key of pseudonyms as its password: it needs 16 characters "
                             "at least, from a random source");
  if (key.size() > block_bytes)
    key = bytes_of_hex(session.value("SELECT sha256(CAST($1 AS VARCHAR))", {key}).text());
  session.run(
      "CREATE OR REPLACE TEMP TABLE mask_pads AS SELECT unhex(CAST($1 AS VARCHAR)) AS ipad, "
      "unhex(CAST($2 AS VARCHAR)) AS opad",
      {hex_of(padded(key, 0x36)), hex_of(padded(key, 0x5c))});
}

}  // namespace batuta::from_contract
