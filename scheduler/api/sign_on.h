// Logging in by a provider of the organisation's own (OpenID Connect), as the API needs it. What
// speaks to the provider is room oidc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/store/registry.h"

namespace batuta::http {

// What a browser brings back from the provider: the query of the redirect, and our cookie.
struct SignOnAnswer {
  std::string code;
  std::string state;
  std::string error;  // the provider's, instead of a code
  std::string error_description;
  std::optional<std::string> issuer;  // RFC 9207
  std::string cookie;
};

class SignOn {
 public:
  virtual ~SignOn() = default;
  // What the button says: "Sign in with <label>".
  virtual std::string label() const = 0;
  // Where the page is to people; without a slash at its end.
  virtual std::string page() const = 0;

  struct Begun {
    std::string location;  // of the provider
    std::string cookie;    // what the browser must bring back
  };
  // `next`: a path of ours to come back to. Asks the provider where it begins, unless that is
  // known: blocking, for bounded time.
  virtual Result<Begun> begin(const std::string& next, Time now) = 0;

  struct Person {
    ProviderUser user;
    std::string next;
  };
  // Who it is that came back. Blocking, for bounded time. Of an error `where` is what the page says
  // (sign_on_problems), and the message is for the log: it has no secret, code or token in it.
  virtual Result<Person> finish(const SignOnAnswer& answer, Time now) = 0;

  // Where the browser goes after a logout, so that the provider's session ends, too; nullopt: the
  // provider names no such place, or has not been asked. Does not block.
  virtual std::optional<std::string> logout_url() const = 0;

  // Whether the provider answers now. Blocking, for bounded time.
  virtual Status check(Time now) = 0;
  virtual std::string issuer() const = 0;
  // What blocks ends soon, and nothing is asked any more. Any thread.
  virtual void stop() = 0;
};

// The name of the cookie that ties a login to the browser that began it.
inline constexpr std::string_view sign_on_cookie = "batuta_sign_on";
inline constexpr Duration sign_on_lifetime = std::chrono::minutes(10);

// Why a login by the provider failed, as the page is told it ("#login_error=stale").
namespace sign_on_problem {
inline constexpr const char* denied = "denied";      // the provider, or the person there, said no
inline constexpr const char* stale = "stale";        // too old, used, or begun elsewhere
inline constexpr const char* provider = "provider";  // it does not answer, or not as it should
inline constexpr const char* token = "token";        // what it says of the person is not believed
inline constexpr const char* role = "role";          // nothing gives the person a role here
inline constexpr const char* name = "name";          // the name is no user's name
inline constexpr const char* taken = "taken";        // the name is another user's
inline constexpr const char* busy = "busy";          // too many at once
inline constexpr const char* server = "server";      // ours
}  // namespace sign_on_problem

}  // namespace batuta::http
