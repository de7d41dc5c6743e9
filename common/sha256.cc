#include "common/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace batuta {
namespace {

// The fractions of the first 64 primes' cube roots, and of the first eight's square roots.
alignas(16) constexpr std::uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
constexpr std::array<std::uint32_t, 8> first_state = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

std::uint32_t big_endian(const unsigned char* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 |
         std::uint32_t{at[3]};
}

void compress_plainly(std::uint32_t* state, const unsigned char* blocks, std::size_t count) {
  for (; count > 0; --count, blocks += 64) {
    std::uint32_t w[64];
    for (int i = 0; i < 16; ++i) w[i] = big_endian(blocks + std::ptrdiff_t{4} * i);
    for (int i = 16; i < 64; ++i) {
      const auto s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const auto s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    auto [a, b, c, d, e, f, g, h] = std::to_array<std::uint32_t>(
        {state[0], state[1], state[2], state[3], state[4], state[5], state[6], state[7]});
    for (int i = 0; i < 64; ++i) {
      const auto s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
      const auto first = h + s1 + ((e & f) ^ (~e & g)) + round_constants[i] + w[i];
      const auto s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
      const auto second = s0 + ((a & b) ^ (a & c) ^ (b & c));
      h = g;
      g = f;
      f = e;
      e = d + first;
      d = c;
      c = b;
      b = a;
      a = first + second;
    }
    const std::uint32_t after[] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; ++i) state[i] += after[i];
  }
}

#if defined(__x86_64__)

#define BATUTA_SHA_INSTRUCTIONS __attribute__((target("sha,sse4.1")))

__m128i load(const void* at) {
  return _mm_loadu_si128(static_cast<const __m128i*>(at));
}

// Four rounds at a time from group `i` on, unrolled so that the words stay in registers.
template <int i>
BATUTA_SHA_INSTRUCTIONS __attribute__((always_inline)) inline void rounds_from(
    const unsigned char* block, __m128i* w, __m128i& abef, __m128i& cdgh) {
  __m128i& now = w[i % 4];
  if constexpr (i < 4) {
    now = _mm_shuffle_epi8(load(block + 16 * i),
                           _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
  } else {
    const __m128i before = w[(i + 3) % 4];
    const __m128i seven_back = _mm_alignr_epi8(before, w[(i + 2) % 4], 4);
    now = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now, w[(i + 1) % 4]), seven_back),
                               before);
  }
  const __m128i added = _mm_add_epi32(now, load(round_constants + 4 * i));
  cdgh = _mm_sha256rnds2_epu32(cdgh, abef, added);
  abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(added, 0x0e));
  if constexpr (i < 15) rounds_from<i + 1>(block, w, abef, cdgh);
}

// The instructions hold the state as ABEF and CDGH, the highest word first.
BATUTA_SHA_INSTRUCTIONS void compress_by_instructions(std::uint32_t* state,
                                                      const unsigned char* blocks,
                                                      std::size_t count) {
  const __m128i cdab = _mm_shuffle_epi32(load(state), 0xb1);
  const __m128i efgh = _mm_shuffle_epi32(load(state + 4), 0x1b);
  __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
  __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
  for (; count > 0; --count, blocks += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i w[4];
    rounds_from<0>(blocks, w, abef, cdgh);
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

#undef BATUTA_SHA_INSTRUCTIONS

bool has_instructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned sse41 = 1u << 19, ssse3 = 1u << 9, sha = 1u << 29;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & sse41) == 0 || (c & ssse3) == 0) return false;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & sha) != 0;
}

#endif

}  // namespace

Sha256::Sha256(By by) : compress_(compress_plainly), state_(first_state) {
#if defined(__x86_64__)
  static const bool instructions = has_instructions();
  if (by == By::fastest && instructions) compress_ = compress_by_instructions;
#else
  (void)by;
#endif
}

void Sha256::update(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  const std::size_t held = length_ % block_bytes;
  length_ += left;
  if (held > 0) {
    const std::size_t taken = std::min(left, block_bytes - held);
    std::memcpy(rest_.data() + held, at, taken);
    at += taken;
    left -= taken;
    if (held + taken < block_bytes) return;
    compress_(state_.data(), rest_.data(), 1);
  }
  const std::size_t whole = left / block_bytes;
  if (whole > 0) compress_(state_.data(), at, whole);
  at += whole * block_bytes;
  left -= whole * block_bytes;
  if (left > 0) std::memcpy(rest_.data(), at, left);
}

Sha256Digest Sha256::finish() {
  const std::uint64_t bits = length_ * 8;
  std::array<unsigned char, 2 * block_bytes> end{};  // from what waits to the end of the padding
  const std::size_t held = length_ % block_bytes;
  std::memcpy(end.data(), rest_.data(), held);
  end[held] = 0x80;
  const std::size_t blocks = held + 1 + sizeof bits <= block_bytes ? 1 : 2;
  for (std::size_t i = 0; i < sizeof bits; ++i)
    end[blocks * block_bytes - 1 - i] = static_cast<unsigned char>(bits >> (8 * i));
  compress_(state_.data(), end.data(), blocks);
  Sha256Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<unsigned char>(state_[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

Sha256Digest sha256_of(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

}  // namespace batuta
