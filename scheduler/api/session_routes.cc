// Logging in and out. Passwords are hashed on their own thread; tokens are issued on the control
// thread; the limiter lives on the io thread.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/sessions.h"
#include "scheduler/api/sign_on.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_login_field = 128;
constexpr std::size_t max_password = 1024;

Error no_passwords(const Context& context) {
  const SignOn* provider = context.services.sign_on;
  return {Errc::forbidden,
          "passwords are switched off here (auth.local_login)" +
              (provider ? ": sign in with " + provider->label() + " at " + provider->page()
                        : std::string()),
          {}};
}

// One answer for every failure: it must not tell whether the user exists.
Error bad_credentials() {
  return {Errc::unauthenticated, "the user name, password or code is wrong", {}};
}

Response slow_down(int seconds) {
  Response response = error_response({Errc::rate_limited, "too many tries: wait a little", {}});
  for (auto& [name, value] : response.headers) {
    if (name == "Retry-After") value = std::to_string(seconds);
  }
  return response;
}

// A user's session begins or ends: `write`, and a row in the event log if the user's brake allows.
// io thread.
void change_session(Context& context, const Call& call, const char* event, json extra,
                    std::function<Status()> write, std::function<void(Status)> done) {
  const auto left_out = context.brakes[call.request->identity.user].admit(context.now());
  if (!left_out) return context.services.backend.write(std::move(write), std::move(done));
  extra["address"] = call.request->peer;
  extra["left_out_before"] = *left_out;
  context.change(call, event, extra, std::move(write), std::move(done));
}

void refuse(Context& context, const Call& call, const std::string& name, const char* by) {
  log_failed_login(context, call, name, by);
  call.respond(error_response(bad_credentials()));
}

// False when the try must wait; it has been answered then.
bool may_try(Context& context, const Call& call, const std::string& account) {
  const std::string& peer = call.request->peer;
  if (const auto wait = context.limiter.blocked(account, peer, context.now())) {
    call.respond(slow_down(*wait));
    return false;
  }
  context.limiter.began(account, peer, context.now());
  return true;
}

void by_password(Context& context, const Call& call, const std::string& name,
                 const std::string& password, const LoginDoor& door, OnGranted granted) {
  if (!context.services.local_login) {
    return call.respond(error_response(no_passwords(context)));
  }
  if (!may_try(context, call, name)) return;
  context.hash(call.respond, [&context, call, name, password, door, granted] {
    const auto user = context.services.registry.check_password(name, password);
    context.on_io([&context, call, name, user, door, granted] {
      if (!user) return refuse(context, call, name, door.by);
      context.limiter.succeeded(user->name, call.request->peer, context.now());
      issue_session(context, call, *user, door, granted);
    });
  });
}

void by_code(Context& context, const Call& call, const std::string& code, OnGranted granted) {
  // Codes have no account; a name that no user can have keeps their tries together.
  if (!may_try(context, call, "#code")) return;
  const auto name = context.services.codes.redeem(code, context.now());
  if (!name) return refuse(context, call, "", "code");
  for (const auto& user : context.services.registry.users()) {
    if (user.name != *name) continue;
    context.limiter.succeeded("#code", call.request->peer, context.now());
    return issue_session(context, call, user, {"login", "session", "code"}, granted);
  }
  refuse(context, call, "", "code");
}

json session_json(const User& user, const std::string& token, Time expires) {
  return {{"csrf_token", csrf_token(token)},
          {"user", {{"username", user.name}, {"role", user.role}}},
          {"username", user.name},
          {"role", user.role},
          {"expires_at", to_iso(expires)}};
}

// Where a user of the provider ends its session there, too.
std::optional<std::string> provider_logout(const Context& context, const std::string& name) {
  if (context.services.sign_on == nullptr) return std::nullopt;
  for (const User& user : context.services.registry.users()) {
    if (user.name == name && !user.identity.empty()) return context.services.sign_on->logout_url();
  }
  return std::nullopt;
}

Response with_cookie(const Context& context, const Call& call, const Granted& grant) {
  Response response = json_response(session_json(grant.user, grant.token, grant.expires));
  const auto age = std::chrono::duration_cast<std::chrono::seconds>(session_lifetime);
  response.headers.emplace_back("Set-Cookie",
                                session_cookie_text(context, *call.request, grant.token, age));
  return response;
}

}  // namespace

void issue_session(Context& context, const Call& call, const User& user, const LoginDoor& door,
                   OnGranted granted) {
  auto grant = std::make_shared<Granted>();
  grant->user = user;
  const Time now = context.now();
  grant->expires = now + session_lifetime;
  const auto write = [&context, grant, door, now]() -> Status {
    auto token = context.services.registry.issue_token(grant->user.name, door.purpose, now,
                                                       session_lifetime);
    if (!token) return token.error();
    grant->token = std::move(*token);
    return success();
  };
  call.request->identity.user = user.name;  // for the event log: nobody was logged in before
  change_session(context, call, door.event, {{"by", door.by}}, write,
                 [call, grant, granted](const Status& done) {
                   if (!done) return call.respond(error_response(done.error()));
                   granted(*grant);
                 });
}

// What was typed as a name is kept only if there is such a user: people type passwords there.
bool log_failed_login(Context& context, const Call& call, const std::string& name, const char* by,
                      const char* why) {
  const auto left_out = context.brake.admit(context.now());
  if (!left_out) return false;
  const auto users = context.services.registry.users();
  const bool known =
      std::any_of(users.begin(), users.end(), [&](const User& user) { return user.name == name; });
  call.request->identity.user = known ? name : "";
  json extra{{"by", by}, {"address", call.request->peer}, {"left_out_before", *left_out}};
  if (*why != '\0') extra["why"] = why;
  context.change(call, "login_failed", extra, success, [](const Status&) {});
  return true;
}

std::string session_cookie_text(const Context& context, const Request& request,
                                const std::string& token, std::chrono::seconds age) {
  // Who reaches a server with a proxy before it by its own port, without TLS, can still log in. A
  // proxy's word needs no trust here: who makes it up makes its own cookie stricter.
  const std::string* origin = request.header("origin");
  const std::string* proto = request.header("x-forwarded-proto");
  const bool secure = origin ? origin->starts_with("https://")
                             : context.services.base_url.starts_with("https://") ||
                                   (proto && proto->starts_with("https"));
  return std::string(session_cookie) + "=" + token +
         "; Path=/; HttpOnly; SameSite=Strict; Max-Age=" + std::to_string(age.count()) +
         (secure ? "; Secure" : "");
}

void create_token(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  const std::string name = fields.required_text("username", max_login_field);
  const std::string password = fields.required_text("password", max_password);
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  const LoginDoor door{"token_created", "api", "password"};
  by_password(context, call, name, password, door, [call](const Granted& grant) {
    call.respond(json_response({{"access_token", grant.token}}, 201));
  });
}

void login(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  const auto code = fields.text("code", max_login_field);
  const auto granted = [&context, call](const Granted& grant) {
    call.respond(with_cookie(context, call, grant));
  };
  if (code) {
    if (!fields.status()) return call.respond(error_response(fields.status().error()));
    return by_code(context, call, *code, granted);
  }
  const std::string name = fields.required_text("username", max_login_field);
  const std::string password = fields.required_text("password", max_password);
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  by_password(context, call, name, password, {"login", "session", "password"}, granted);
}

void get_session(Context& context, Call call) {
  bool by_cookie = false;
  const auto& identity = call.request->identity;
  const User user{identity.user, identity.role, {}};
  json session = session_json(user, request_token(*call.request, by_cookie), identity.expires_at);
  if (const auto url = provider_logout(context, identity.user)) session["logout_url"] = *url;
  call.respond(json_response(session));
}

void logout(Context& context, Call call) {
  bool by_cookie = false;
  const std::string token = request_token(*call.request, by_cookie);
  change_session(
      context, call, "logout", json::object(),
      [&context, token] { return context.services.registry.revoke_token(token); },
      [&context, call](const Status& done) {
        if (!done) return call.respond(error_response(done.error()));
        Response response = no_content();
        response.headers.emplace_back(
            "Set-Cookie", session_cookie_text(context, *call.request, "", std::chrono::seconds(0)));
        call.respond(std::move(response));
      });
}

}  // namespace batuta::http
