// SHA-256, by the processor's own instructions where it has them: what fingerprints whole files and
// every record of a load costs a fifth of it otherwise. For fingerprints; what is secret is
// libsodium's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace batuta {

inline constexpr std::size_t sha256_bytes = 32;
using Sha256Digest = std::array<unsigned char, sha256_bytes>;

// One thread at a time.
class Sha256 {
 public:
  enum class By : std::uint8_t { fastest, plain_code };
  // `by`: for tests, which compare both.
  explicit Sha256(By by = By::fastest);
  void update(std::string_view bytes);
  // Once, and nothing after it.
  Sha256Digest finish();

 private:
  static constexpr std::size_t block_bytes = 64;
  using Compress = void (*)(std::uint32_t* state, const unsigned char* blocks, std::size_t count);

  Compress compress_;
  std::array<std::uint32_t, 8> state_;
  std::array<unsigned char, block_bytes> rest_{};
  std::uint64_t length_ = 0;  // bytes so far; those after the last whole block wait in rest_
};

Sha256Digest sha256_of(std::string_view bytes);

}  // namespace batuta
