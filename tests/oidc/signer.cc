#include "tests/oidc/signer.h"

#include <dlfcn.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/safe_json.h"
#include "scheduler/store/crypto.h"

namespace batuta::oidc {
namespace {

template <class Function>
Function* openssl(const char* name) {
  static void* const library = ::dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
  void* const found = library == nullptr ? nullptr : ::dlsym(library, name);
  if (found == nullptr) throw std::runtime_error(std::string("libcrypto has no ") + name);
  return reinterpret_cast<Function*>(found);
}

using Bytes = const unsigned char*;

void* generate(Signer::Kind kind) {
  const int id = kind == Signer::Kind::rsa ? 6 : 408;
  void* context = openssl<void*(int, void*)>("EVP_PKEY_CTX_new_id")(id, nullptr);
  openssl<int(void*)>("EVP_PKEY_keygen_init")(context);
  if (kind == Signer::Kind::rsa) {
    openssl<int(void*, int)>("EVP_PKEY_CTX_set_rsa_keygen_bits")(context, 2048);
  } else {
    openssl<int(void*, int)>("EVP_PKEY_CTX_set_ec_paramgen_curve_nid")(context, 415);
  }
  void* key = nullptr;
  openssl<int(void*, void**)>("EVP_PKEY_keygen")(context, &key);
  openssl<void(void*)>("EVP_PKEY_CTX_free")(context);
  if (key == nullptr) throw std::runtime_error("no key was made");
  return key;
}

// Both numbers of an ECDSA signature, 32 bytes each, out of its DER.
std::string plain_ecdsa(const std::string& der) {
  std::string out;
  std::size_t from = 2;
  for (int number = 0; number < 2; ++number) {
    const auto size = static_cast<unsigned char>(der[from + 1]);
    std::string value = der.substr(from + 2, size);
    while (value.size() > 32) value.erase(0, 1);
    out += std::string(32 - value.size(), '\0') + value;
    from += 2 + size;
  }
  return out;
}

}  // namespace

Signer::Signer(Kind kind, std::string key_id)
    : kind_(kind), key_id_(std::move(key_id)), key_(generate(kind)) {}

Signer::~Signer() {
  openssl<void(void*)>("EVP_PKEY_free")(key_);
}

std::string Signer::public_der() const {
  const auto encode = openssl<int(void*, unsigned char**)>("i2d_PUBKEY");
  std::string der(static_cast<std::size_t>(encode(key_, nullptr)), '\0');
  auto* at = reinterpret_cast<unsigned char*>(der.data());
  encode(key_, &at);
  return der;
}

// Keys of 2,048 bits with the exponent 65,537, and of P-256, have their numbers at the end.
nlohmann::json Signer::jwk() const {
  const std::string der = public_der();
  if (kind_ == Kind::rsa) {
    return {{"kty", "RSA"},
            {"kid", key_id_},
            {"use", "sig"},
            {"n", base64url(der.substr(der.size() - 5 - 256, 256))},
            {"e", base64url(der.substr(der.size() - 3))}};
  }
  return {{"kty", "EC"},
          {"crv", "P-256"},
          {"kid", key_id_},
          {"x", base64url(der.substr(der.size() - 64, 32))},
          {"y", base64url(der.substr(der.size() - 32))}};
}

std::string Signer::sign(const std::string& alg, const std::string& text) const {
  void* context = openssl<void*()>("EVP_MD_CTX_new")();
  void* key_context = nullptr;
  openssl<int(void*, void**, const void*, void*, void*)>("EVP_DigestSignInit")(
      context, &key_context, openssl<const void*()>("EVP_sha256")(), nullptr, key_);
  if (alg == "PS256") {
    openssl<int(void*, int)>("EVP_PKEY_CTX_set_rsa_padding")(key_context, 6);
    openssl<int(void*, int)>("EVP_PKEY_CTX_set_rsa_pss_saltlen")(key_context, -1);
  }
  std::string signature(512, '\0');
  std::size_t size = signature.size();
  const int done = openssl<int(void*, unsigned char*, std::size_t*, Bytes, std::size_t)>(
      "EVP_DigestSign")(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                        reinterpret_cast<Bytes>(text.data()), text.size());
  openssl<void(void*)>("EVP_MD_CTX_free")(context);
  if (done != 1) throw std::runtime_error("nothing was signed");
  signature.resize(size);
  return alg == "ES256" ? plain_ecdsa(signature) : signature;
}

std::string Signer::token(const std::string& alg, const nlohmann::json& claims,
                          const nlohmann::json& header) const {
  nlohmann::json whole{{"alg", alg}, {"typ", "JWT"}, {"kid", key_id_}};
  whole.update(header);
  const std::string text = base64url(json_text(whole)) + "." + base64url(json_text(claims));
  return text + "." + base64url(sign(alg, text));
}

std::string Signer::token(const std::string& alg, const nlohmann::json& claims) const {
  return token(alg, claims, nlohmann::json::object());
}

std::string key_set(std::initializer_list<nlohmann::json> keys) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& key : keys) list.push_back(key);
  return json_text({{"keys", list}});
}

}  // namespace batuta::oidc
