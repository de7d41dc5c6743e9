// Signatures of others checked: RS256, PS256 and ES256 of JSON Web Algorithms, over OpenSSL's
// libcrypto, which is opened at the first call. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta {

enum class SignatureAlgorithm : std::uint8_t { rs256, ps256, es256 };

// Of its name in a header's "alg"; nullopt: none of these.
std::optional<SignatureAlgorithm> parse_signature_algorithm(std::string_view name);

// A public key as DER (SubjectPublicKeyInfo). Numbers are big-endian, as a JSON Web Key has them.
// nullopt: an RSA key outside 2,048 to 8,192 bits or with an exponent that is even or longer than
// 8 bytes; coordinates that are not 32 bytes long each.
std::optional<std::string> rsa_public_key(std::string_view modulus, std::string_view exponent);
std::optional<std::string> p256_public_key(std::string_view x, std::string_view y);

// Whether `signature`, as a token has it (of ES256: both numbers, 32 bytes each), is that of
// `text`. False, too, for a key that is none, or of another kind than the algorithm's. Errc::
// unavailable when libcrypto cannot be loaded.
Result<bool> signature_is_good(SignatureAlgorithm algorithm, std::string_view public_key,
                               std::string_view text, std::string_view signature);

}  // namespace batuta
