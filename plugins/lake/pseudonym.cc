#include "plugins/lake/pseudonym.h"

#include <algorithm>

namespace batuta::lake {
namespace {

constexpr std::size_t block_bytes = 64;  // of SHA-256

std::string hex_bytes(const std::string& bytes) {
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

void set_pseudonym_key(Session& session, const std::string& name, std::string key) {
  if (key.size() > block_bytes)
    key = bytes_of_hex(session.value("SELECT sha256(CAST($1 AS VARCHAR))", {key}).text());
  session.run("CREATE OR REPLACE TEMP TABLE " + name +
                  " AS SELECT unhex(CAST($1 AS VARCHAR)) AS ipad, "
                  "unhex(CAST($2 AS VARCHAR)) AS opad",
              {hex_bytes(padded(key, 0x36)), hex_bytes(padded(key, 0x5c))});
}

std::string pseudonym_sql(const std::string& text, const std::string& name) {
  return "CASE WHEN " + text + " IS NOT NULL THEN sha256((SELECT opad FROM " + name +
         ") || unhex(sha256((SELECT ipad FROM " + name + ") || encode(" + text + ")))) END";
}

}  // namespace batuta::lake
