// A provider's half of signing, for tests: keys made on the spot with OpenSSL, and tokens of them.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace batuta::oidc {

class Signer {
 public:
  enum class Kind { rsa, p256 };
  Signer(Kind kind, std::string key_id);
  ~Signer();
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  nlohmann::json jwk() const;      // the public half
  std::string public_der() const;  // SubjectPublicKeyInfo
  // A signature as a token has it; `alg` RS256, PS256 or ES256, of this kind.
  std::string sign(const std::string& alg, const std::string& text) const;
  // `header` over the usual one, which names `alg` and the key.
  std::string token(const std::string& alg, const nlohmann::json& claims,
                    const nlohmann::json& header) const;
  std::string token(const std::string& alg, const nlohmann::json& claims) const;

 private:
  Kind kind_;
  std::string key_id_;
  void* key_;
};

std::string key_set(std::initializer_list<nlohmann::json> keys);

}  // namespace batuta::oidc
