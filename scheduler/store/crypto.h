// Digests and sealed boxes over libsodium, and the key file. Any thread.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta {

using Digest = std::array<unsigned char, 32>;

Digest sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
bool equal_in_constant_time(const Digest& a, const Digest& b);
std::string hex_of(const Digest& digest);
// The key may be of any length.
Digest hmac_sha256(std::string_view key, std::string_view text);
std::string base64url(std::string_view bytes);                     // without padding
std::optional<std::string> from_base64url(std::string_view text);  // nullopt: it is none

// A 32-byte key, wiped from memory with its owner.
class SecretKey {
 public:
  SecretKey() = default;
  ~SecretKey();
  SecretKey(SecretKey&& other) noexcept;
  SecretKey& operator=(SecretKey&&) = delete;

  // XChaCha20-Poly1305 with a random nonce in front. `scope` and `name` are bound to the box: it
  // opens nowhere else, so two rows cannot be swapped in the file.
  std::string seal(std::string_view scope, std::string_view name, std::string_view plain) const;
  // nullopt: another key, another place, or changed bytes.
  std::optional<std::string> open(std::string_view scope, std::string_view name,
                                  std::string_view box) const;

  // A digest that nobody can make, or guess from, without the key.
  Digest mac(std::string_view purpose, std::string_view text) const;

  // Errc::not_found when the file is missing, Errc::invalid when it is not a key or others may
  // read it.
  static Result<SecretKey> read(const std::string& path);
  // A fresh key in a new file of mode 0600, durable on return. Errc::conflict when it exists.
  static Result<SecretKey> create(const std::string& path);

 private:
  std::array<unsigned char, 32> bytes_{};
};

// Argon2id against a hash from hash_password(). `hash` empty: takes the same time and says no.
bool password_matches(const std::string& hash, std::string_view password);

}  // namespace batuta
