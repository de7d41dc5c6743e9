// How often a random test plays. Sanitizers make the lake's engine ten times slower, and find what
// they look for in the first rounds; the worlds themselves are the release tests' matter.
#pragma once

namespace batuta {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

// `all` of them, or a quarter, but at least one.
constexpr unsigned rounds(unsigned all) {
  return sanitized ? (all + 3) / 4 : all;
}

}  // namespace batuta
