#include "common/signature.h"

#include <dlfcn.h>

#include <algorithm>
#include <memory>
#include <type_traits>

namespace batuta {
namespace {

// What of libcrypto's interface is called, as its manual has it. Declared here, so that a build
// needs none of its headers: the library itself comes with libcurl's.
struct Crypto {
  void* (*d2i_pubkey)(void**, const unsigned char**, long);
  void (*pkey_free)(void*);
  int (*pkey_base_id)(const void*);
  void* (*digest_new)();
  void (*digest_free)(void*);
  const void* (*sha256)();
  int (*verify_init)(void*, void** key_context, const void* digest, void* engine, void* key);
  int (*verify)(void*, const unsigned char* signature, std::size_t, const unsigned char* text,
                std::size_t);
  int (*set_padding)(void* key_context, int);
  int (*set_salt_length)(void* key_context, int);
  void (*clear_errors)();
  std::string error;  // not empty: nothing above may be called
};

constexpr int key_is_rsa = 6;       // EVP_PKEY_RSA
constexpr int key_is_ec = 408;      // EVP_PKEY_EC
constexpr int padding_pss = 6;      // RSA_PKCS1_PSS_PADDING
constexpr int salt_as_digest = -1;  // RSA_PSS_SALTLEN_DIGEST

Crypto open_crypto() {
  Crypto crypto{};
  void* library = ::dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    crypto.error =
        std::string("OpenSSL's libcrypto cannot be loaded (Debian: apt install libssl3): ") +
        ::dlerror();
    return crypto;
  }
  const auto load = [&](auto& function, const char* name) {
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    if (function == nullptr) crypto.error = std::string("libcrypto has no ") + name;
  };
  load(crypto.d2i_pubkey, "d2i_PUBKEY");
  load(crypto.pkey_free, "EVP_PKEY_free");
  load(crypto.pkey_base_id, "EVP_PKEY_get_base_id");
  load(crypto.digest_new, "EVP_MD_CTX_new");
  load(crypto.digest_free, "EVP_MD_CTX_free");
  load(crypto.sha256, "EVP_sha256");
  load(crypto.verify_init, "EVP_DigestVerifyInit");
  load(crypto.verify, "EVP_DigestVerify");
  load(crypto.set_padding, "EVP_PKEY_CTX_set_rsa_padding");
  load(crypto.set_salt_length, "EVP_PKEY_CTX_set_rsa_pss_saltlen");
  load(crypto.clear_errors, "ERR_clear_error");
  return crypto;
}

const Crypto& libcrypto() {
  static const Crypto crypto = open_crypto();
  return crypto;
}

const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// ---- DER

std::string der(unsigned char tag, const std::string& content) {
  std::string out(1, static_cast<char>(tag));
  const std::size_t size = content.size();  // below 64 KiB: of keys and signatures
  if (size < 0x80) {
    out += static_cast<char>(size);
  } else if (size < 0x100) {
    out += '\x81';
    out += static_cast<char>(size);
  } else {
    out += '\x82';
    out += static_cast<char>(size >> 8);
    out += static_cast<char>(size & 0xff);
  }
  return out + content;
}

std::string_view without_zeros(std::string_view number) {
  while (!number.empty() && number.front() == '\0') number.remove_prefix(1);
  return number;
}

std::string der_integer(std::string_view number) {
  std::string content(without_zeros(number));
  // Not negative: a zero before a first bit that is set, or before nothing.
  if (content.empty() || (static_cast<unsigned char>(content.front()) & 0x80) != 0) {
    content.insert(content.begin(), '\0');
  }
  return der(0x02, content);
}

constexpr unsigned char der_sequence = 0x30;
constexpr unsigned char der_bits = 0x03;
constexpr std::size_t p256_bytes = 32;

// rsaEncryption with NULL; id-ecPublicKey with prime256v1.
constexpr char rsa_kind[] = "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
constexpr char p256_kind[] =
    "\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

template <std::size_t size>
std::string key_of_kind(const char (&kind)[size], const std::string& key) {
  const std::string no_unused_bits(1, '\0');
  return der(der_sequence, std::string(kind, size - 1) + der(der_bits, no_unused_bits + key));
}

}  // namespace

std::optional<SignatureAlgorithm> parse_signature_algorithm(std::string_view name) {
  if (name == "RS256") return SignatureAlgorithm::rs256;
  if (name == "PS256") return SignatureAlgorithm::ps256;
  if (name == "ES256") return SignatureAlgorithm::es256;
  return std::nullopt;
}

std::optional<std::string> rsa_public_key(std::string_view modulus, std::string_view exponent) {
  modulus = without_zeros(modulus);
  exponent = without_zeros(exponent);
  constexpr std::size_t least = 2048 / 8, most = 8192 / 8, most_exponent = 8;
  if (modulus.size() < least || modulus.size() > most || exponent.empty()) return std::nullopt;
  if (exponent.size() > most_exponent || exponent == "\x01") return std::nullopt;
  if ((static_cast<unsigned char>(exponent.back()) & 1) == 0) return std::nullopt;
  return key_of_kind(rsa_kind, der(der_sequence, der_integer(modulus) + der_integer(exponent)));
}

std::optional<std::string> p256_public_key(std::string_view x, std::string_view y) {
  if (x.size() != p256_bytes || y.size() != p256_bytes) return std::nullopt;
  const std::string uncompressed(1, '\x04');
  return key_of_kind(p256_kind, uncompressed + std::string(x) + std::string(y));
}

Result<bool> signature_is_good(SignatureAlgorithm algorithm, std::string_view public_key,
                               std::string_view text, std::string_view signature) {
  const Crypto& crypto = libcrypto();
  if (!crypto.error.empty()) return {Errc::unavailable, crypto.error};
  struct ClearErrors {  // of this thread: nobody reads them
    const Crypto& crypto;
    ~ClearErrors() { crypto.clear_errors(); }
  } clear{crypto};

  const unsigned char* at = unsigned_bytes(public_key);
  const std::unique_ptr<void, void (*)(void*)> key{
      crypto.d2i_pubkey(nullptr, &at, static_cast<long>(public_key.size())), crypto.pkey_free};
  const bool elliptic = algorithm == SignatureAlgorithm::es256;
  if (!key || crypto.pkey_base_id(key.get()) != (elliptic ? key_is_ec : key_is_rsa)) return false;

  std::string bytes(signature);
  if (elliptic) {
    if (signature.size() != 2 * p256_bytes) return false;
    bytes = der(der_sequence, der_integer(signature.substr(0, p256_bytes)) +
                                  der_integer(signature.substr(p256_bytes)));
  }
  const std::unique_ptr<void, void (*)(void*)> context{crypto.digest_new(), crypto.digest_free};
  void* key_context = nullptr;  // the context's own
  if (!context ||
      crypto.verify_init(context.get(), &key_context, crypto.sha256(), nullptr, key.get()) != 1) {
    return false;
  }
  if (algorithm == SignatureAlgorithm::ps256 &&
      (crypto.set_padding(key_context, padding_pss) != 1 ||
       crypto.set_salt_length(key_context, salt_as_digest) != 1)) {
    return false;
  }
  return crypto.verify(context.get(), unsigned_bytes(bytes), bytes.size(), unsigned_bytes(text),
                       text.size()) == 1;
}

}  // namespace batuta
