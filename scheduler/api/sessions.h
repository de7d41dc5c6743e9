// What ways of logging in have in common. Private to the room.
#pragma once

#include <functional>
#include <string>

#include "scheduler/api/context.h"
#include "scheduler/store/registry.h"

namespace batuta::http {

inline constexpr Duration session_lifetime = std::chrono::hours(24);

// How someone came in, as the event log names it.
struct LoginDoor {
  const char* event;    // "login" | "token_created"
  const char* purpose;  // of the token: "session" | "api"
  const char* by;       // "password" | "code" | "oidc"
};

struct Granted {
  User user;
  std::string token;
  Time expires;
};
using OnGranted = std::function<void(const Granted&)>;

// A token for somebody who has shown who they are, with a row in the event log; answers with the
// error when there is none. io thread; `granted` on the control thread.
void issue_session(Context& context, const Call& call, const User& user, const LoginDoor& door,
                   OnGranted granted);

// A row in the event log about somebody who did not get in; false: the brake left it out. io
// thread.
bool log_failed_login(Context& context, const Call& call, const std::string& name, const char* by,
                      const char* why = "");

// The header that sets the session's cookie, for connections under TLS alone where the page has it:
// where the request's Origin says https or, without one, base_url does.
std::string session_cookie_text(const Context& context, const Request& request,
                                const std::string& token, std::chrono::seconds age);

}  // namespace batuta::http
