#include "scheduler/store/crypto.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "common/fd.h"
#include "common/uuid.h"
#include "scheduler/store/registry.h"

namespace batuta {
namespace {

constexpr unsigned long long password_ops = 2;
constexpr std::size_t password_memory = 64u << 20;

// Of a random password nobody kept: what an unknown user's password is compared with.
constexpr char dummy_hash[] =
    "$argon2id$v=19$m=65536,t=2,p=1$1PD9JLGQv"
    "s+jg/W3VhHDcA$bR3iqQqJn+abryhu+56RAPVUmEUbKw67/HR9Krs6sOQ";

// Once per process, before the first use of libsodium; thread-safe.
void start_sodium() {
  static const int ready = sodium_init();
  BATUTA_CHECK(ready >= 0, "libsodium cannot start");
}

unsigned char* raw(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Length in front: ("ab", "c") and ("a", "bc") differ.
std::string associated(std::string_view scope, std::string_view name) {
  return std::to_string(scope.size()) + ":" + std::string(scope) + std::string(name);
}

Error file_error(const std::string& path, const char* what) {
  return Error{Errc::internal, std::string(what) + " " + path + ": " + std::strerror(errno), {}};
}

}  // namespace

Digest sha256(std::string_view bytes) {
  start_sodium();
  Digest digest;
  crypto_hash_sha256(digest.data(), raw(bytes), bytes.size());
  return digest;
}

Digest hmac_sha256(std::string_view key, std::string_view text) {
  static_assert(crypto_auth_hmacsha256_BYTES == sizeof(Digest));
  Digest mac{};
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, raw(key), key.size());
  crypto_auth_hmacsha256_update(&state, raw(text), text.size());
  crypto_auth_hmacsha256_final(&state, mac.data());
  return mac;
}

std::string hex_of(const Digest& digest) {
  std::string hex(digest.size() * 2 + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
  hex.pop_back();
  return hex;
}

std::string sha256_hex(std::string_view bytes) {
  return hex_of(sha256(bytes));
}

bool equal_in_constant_time(const Digest& a, const Digest& b) {
  return sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string base64url(std::string_view bytes) {
  constexpr int variant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), raw(bytes), bytes.size(), variant);
  text.pop_back();
  return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string bytes(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(raw(bytes), bytes.size(), text.data(), text.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
    return std::nullopt;
  }
  bytes.resize(size);
  return bytes;
}

SecretKey::~SecretKey() {
  sodium_memzero(bytes_.data(), bytes_.size());
}

SecretKey::SecretKey(SecretKey&& other) noexcept : bytes_(other.bytes_) {
  sodium_memzero(other.bytes_.data(), other.bytes_.size());
}

std::string SecretKey::seal(std::string_view scope, std::string_view name,
                            std::string_view plain) const {
  start_sodium();
  constexpr std::size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
  const std::string bound = associated(scope, name);
  std::string box(nonce_size + plain.size() + crypto_aead_xchacha20poly1305_ietf_ABYTES, '\0');
  random_bytes(box.data(), nonce_size);
  unsigned long long size = 0;
  crypto_aead_xchacha20poly1305_ietf_encrypt(raw(box) + nonce_size, &size, raw(plain), plain.size(),
                                             raw(std::string_view(bound)), bound.size(), nullptr,
                                             raw(box), bytes_.data());
  return box;
}

std::optional<std::string> SecretKey::open(std::string_view scope, std::string_view name,
                                           std::string_view box) const {
  start_sodium();
  constexpr std::size_t nonce_size = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
  constexpr std::size_t overhead = nonce_size + crypto_aead_xchacha20poly1305_ietf_ABYTES;
  if (box.size() < overhead) return std::nullopt;
  const std::string bound = associated(scope, name);
  std::string plain(box.size() - overhead, '\0');
  unsigned long long size = 0;
  const int rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
      raw(plain), &size, nullptr, raw(box) + nonce_size, box.size() - nonce_size,
      raw(std::string_view(bound)), bound.size(), raw(box), bytes_.data());
  if (rc != 0) return std::nullopt;
  return plain;
}

Digest SecretKey::mac(std::string_view purpose, std::string_view text) const {
  const std::string_view key(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
  return hmac_sha256(key, associated(purpose, text));
}

Result<SecretKey> SecretKey::read(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (fd.get() < 0) {
    if (errno == ENOENT) return Error{Errc::not_found, path + " is missing", {}};
    return file_error(path, "cannot open");
  }
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return file_error(path, "cannot look at");
  if ((info.st_mode & 077) != 0) {
    return Error{Errc::invalid, path + " may be read by others; run: chmod 600 " + path, {}};
  }
  SecretKey key;
  if (info.st_size != static_cast<off_t>(key.bytes_.size()) ||
      ::read(fd.get(), key.bytes_.data(), key.bytes_.size()) !=
          static_cast<ssize_t>(key.bytes_.size())) {
    return Error{Errc::invalid,
                 path +
                     " is not a key of 32 bytes; put the file back from your "
                     "own copy",
                 {}};
  }
  return key;
}

Result<SecretKey> SecretKey::create(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0) return Error{Errc::conflict, path + " exists", {}};
  // Whole before it has its name: a kill in between must not leave a file that is no key.
  std::string partial = path + ".partial-XXXXXX";
  const UniqueFd fd(::mkostemp(partial.data(), O_CLOEXEC));
  if (fd.get() < 0) return file_error(path, "cannot create");
  SecretKey key;
  random_bytes(key.bytes_.data(), key.bytes_.size());
  const bool written = ::fchmod(fd.get(), 0600) == 0 &&
                       ::write(fd.get(), key.bytes_.data(), key.bytes_.size()) ==
                           static_cast<ssize_t>(key.bytes_.size()) &&
                       ::fsync(fd.get()) == 0;
  if (!written) {
    Error error = file_error(path, "cannot write");
    ::unlink(partial.c_str());
    return error;
  }
  // Not rename(): of two that create it at once, one keeps the key that the other reads.
  const int failed = ::link(partial.c_str(), path.c_str()) == 0 ? 0 : errno;
  ::unlink(partial.c_str());
  errno = failed;
  if (failed == EEXIST) return Error{Errc::conflict, path + " exists", {}};
  if (failed != 0) return file_error(path, "cannot create");
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const UniqueFd dir(
      ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() < 0 || ::fsync(dir.get()) != 0) return file_error(folder, "cannot sync");
  return key;
}

std::string hash_password(std::string_view password) {
  start_sodium();
  std::string hash(crypto_pwhash_STRBYTES, '\0');
  const int rc = crypto_pwhash_str_alg(hash.data(), password.data(), password.size(), password_ops,
                                       password_memory, crypto_pwhash_ALG_ARGON2ID13);
  // Out of memory is the only way to fail; a weaker hash is not an answer to that.
  BATUTA_CHECK(rc == 0, "no memory to hash a password");
  hash.resize(std::strlen(hash.c_str()));
  return hash;
}

bool password_matches(const std::string& hash, std::string_view password) {
  start_sodium();
  const bool known = !hash.empty();
  const char* against = known ? hash.c_str() : dummy_hash;
  const bool matches = crypto_pwhash_str_verify(against, password.data(), password.size()) == 0;
  return known && matches;
}

}  // namespace batuta
