// Expected failures are values. Lost infrastructure (a disk, the database) is an exception caught
// in the engine or in main; a broken promise of our own is a CHECK, which prints and aborts.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <variant>

namespace batuta {

enum class Errc {
  ok = 0,
  invalid,          // 422: understood, but a field is wrong
  malformed,        // 400: cannot be understood
  unauthenticated,  // 401
  forbidden,        // 403
  not_found,        // 404
  conflict,         // 409
  too_large,        // 413
  rate_limited,     // 429
  unavailable,      // 503: try again later; nothing was changed
  internal,         // 500
};

// `where` names the field (JSON pointer or parameter) where there is one.
struct Error {
  Errc code = Errc::internal;
  std::string message;
  std::string where;
};

// A value or an Error. [[nodiscard]] so that no failure is dropped silently.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Error error) : state_(std::move(error)) {}
  Result(Errc code, std::string message, std::string where = {})
      : state_(Error{code, std::move(message), std::move(where)}) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

struct Done {};
using Status = Result<Done>;
inline Status success() {
  return Done{};
}

[[noreturn]] void check_failed(const char* expression, const char* file, int line,
                               const std::string& detail);

}  // namespace batuta

// Always on, in release too: a state we promised impossible must not be written to disk.
#define BATUTA_CHECK(expr, ...)                                                    \
  do {                                                                             \
    if (!(expr)) [[unlikely]]                                                      \
      ::batuta::check_failed(#expr, __FILE__, __LINE__, std::string{__VA_ARGS__}); \
  } while (0)
