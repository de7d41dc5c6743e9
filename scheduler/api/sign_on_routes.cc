// Logging in by the login provider. People come here by following links, so every answer leads to a
// page, and a failure is a word in its address that the login page has a sentence for; the cause is
// for the log.
#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/log.h"
#include "common/url.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/api/sessions.h"
#include "scheduler/api/sign_on.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr const char* by_provider = "oidc";
constexpr std::size_t max_state = 64;

Response lead_to(std::string location) {
  Response response = json_response({{"detail", "the browser follows the Location header"}}, 303);
  response.headers.emplace_back("Location", std::move(location));
  return response;
}

// Of the paths below /auth/oidc alone. Lax, for it must come back from the provider's page.
std::string attempt_cookie(const SignOn& provider, const std::string& value, Duration age) {
  const std::string page = provider.page();
  const UrlParts parts = split_url(page);
  return std::string(sign_on_cookie) + "=" + value + "; Path=" + std::string(parts.rest) +
         "/auth/oidc; HttpOnly; SameSite=Lax; Max-Age=" +
         std::to_string(std::chrono::duration_cast<std::chrono::seconds>(age).count()) +
         (parts.scheme == "https://" ? "; Secure" : "");
}

Response to_login_page(const SignOn& provider, const std::string& problem) {
  Response response = lead_to(provider.page() + "/#login_error=" + problem);
  response.headers.emplace_back("Set-Cookie", attempt_cookie(provider, "", Duration::zero()));
  return response;
}

// What would be an error in JSON is one on the login page.
Call guided(const Call& call, const SignOn& provider) {
  const auto lead = [respond = call.respond, &provider](Response response) {
    const bool busy = response.status == 429 || response.status == 503;
    if (response.status >= 400) {
      response = to_login_page(provider, busy ? sign_on_problem::busy : sign_on_problem::server);
    }
    respond(std::move(response));
  };
  return {call.request, lead};
}

// Any thread.
void turn_back(Context& context, const Call& call, const Error& error, const std::string& name) {
  context.on_io([&context, call, error, name] {
    const std::string why = error.where.empty() ? sign_on_problem::server : error.where;
    if (log_failed_login(context, call, name, by_provider, why.c_str())) {
      log::warn("oidc: a login from " + call.request->peer + " failed: " + error.message);
    }
    call.respond(to_login_page(*context.services.sign_on, why));
  });
}

Error as_problem(const Error& error) {
  const char* where = sign_on_problem::server;
  if (error.code == Errc::conflict) where = sign_on_problem::taken;
  if (error.code == Errc::invalid && error.where == "role") where = sign_on_problem::role;
  if (error.code == Errc::invalid && error.where == "username") where = sign_on_problem::name;
  return {error.code, error.message, where};
}

struct Known {
  std::optional<User> user;
  std::vector<std::string> groups;  // of those that the provider decides on
};

Known known_of(const Registry& registry, const ProviderUser& person) {
  Known known;
  for (const User& user : registry.users()) {
    if (user.identity == person.identity) known.user = user;
  }
  if (!known.user) return known;
  for (const UserGroup& group : registry.groups()) {
    const auto has = [](const std::vector<std::string>& names, const std::string& name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (has(person.decided, group.name) && has(group.users, known.user->name)) {
      known.groups.push_back(group.name);
    }
  }
  return known;
}

// Its groups as far as there are such, sorted; the log is told of those that oidc.groups names and
// there are not.
std::vector<std::string> present_groups(const Registry& registry, const ProviderUser& person) {
  const auto all = registry.groups();
  const auto present = [&](const std::string& name) {
    return std::any_of(all.begin(), all.end(),
                       [&](const UserGroup& group) { return group.name == name; });
  };
  for (const std::string& name : person.decided) {
    if (present(name)) continue;
    log::warn("oidc: oidc.groups names the group '" + name + "', which there is not");
  }
  std::vector<std::string> groups;
  std::copy_if(person.groups.begin(), person.groups.end(), std::back_inserter(groups), present);
  std::sort(groups.begin(), groups.end());
  return groups;
}

// io thread.
void let_in(Context& context, const Call& call, const SignOn::Person& person) {
  const SignOn& provider = *context.services.sign_on;
  const Known known = known_of(context.services.registry, person.user);
  const std::string location = provider.page() + person.next;
  const auto granted = [&context, call, location, &provider](const Granted& grant) {
    Response response = lead_to(location);
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(session_lifetime);
    response.headers.emplace_back("Set-Cookie",
                                  session_cookie_text(context, *call.request, grant.token, age));
    response.headers.emplace_back("Set-Cookie", attempt_cookie(provider, "", Duration::zero()));
    call.respond(std::move(response));
  };
  const auto enter = [&context, call, identity = person.user.identity, granted] {
    for (const User& user : context.services.registry.users()) {
      if (user.identity != identity) continue;
      // Counted from its state on, which nobody has any more.
      return issue_session(context, call, user, {"login", "session", by_provider}, granted);
    }
    turn_back(context, call, {Errc::not_found, "the user was deleted meanwhile", {}}, "");
  };
  const auto groups = present_groups(context.services.registry, person.user);
  if (known.user && known.user->role == person.user.role && known.groups == groups) return enter();

  const std::string name = known.user ? known.user->name : person.user.name;
  const json before =
      known.user ? json{{"role", known.user->role}, {"groups", known.groups}} : json(nullptr);
  const json extra{{"by", by_provider},
                   {"username", name},
                   {"before", before},
                   {"after", {{"role", person.user.role}, {"groups", groups}}}};
  call.request->identity.user = known.user ? name : "";
  context.change(
      call, known.user ? "patch_user" : "post_user", extra,
      [&context, user = person.user] { return context.services.registry.keep_provider_user(user); },
      [&context, call, enter, name](const Status& done) {
        if (!done) return turn_back(context, call, as_problem(done.error()), name);
        context.on_io(enter);
      });
}

// False: there is no provider, which is answered.
bool has_provider(const Context& context, const Call& call) {
  if (context.services.sign_on) return true;
  call.respond(error_response({Errc::not_found, "no login provider is set (oidc.issuer)", {}}));
  return false;
}

std::string text_param(const Request& request, std::string_view name) {
  const std::string* value = request.query_value(name);
  return value ? *value : std::string();
}

}  // namespace

void login_methods(Context& context, Call call) {
  const SignOn* provider = context.services.sign_on;
  call.respond(json_response({{"password", context.services.local_login},
                              {"provider", provider ? json(provider->label()) : json(nullptr)}}));
}

void begin_sign_on(Context& context, Call call) {
  QueryReader query(*call.request);
  const std::string next = next_path(query);
  if (!query.status()) return call.respond(error_response(query.status().error()));
  if (!has_provider(context, call)) return;
  SignOn& provider = *context.services.sign_on;
  const Call led = guided(call, provider);
  context.ask_provider(led, [&context, led, next, &provider] {
    const auto begun = provider.begin(next, context.now());
    if (!begun) return turn_back(context, led, begun.error(), "");
    Response response = lead_to(begun->location);
    response.headers.emplace_back("Set-Cookie",
                                  attempt_cookie(provider, begun->cookie, sign_on_lifetime));
    led.respond(std::move(response));
  });
}

void end_sign_on(Context& context, Call call) {
  if (!has_provider(context, call)) return;
  SignOn& provider = *context.services.sign_on;
  const Call led = guided(call, provider);
  const Request& request = *call.request;
  SignOnAnswer answer;
  answer.code = text_param(request, "code");
  answer.state = text_param(request, "state");
  answer.error = text_param(request, "error");
  answer.error_description = text_param(request, "error_description");
  if (const std::string* issuer = request.query_value("iss")) answer.issuer = *issuer;
  answer.cookie = cookie_value(request, sign_on_cookie);
  // Who brings no cookie began no login here, and uses up nobody's tries: any page can make the
  // browsers of an office ask for this address, without their cookies.
  if (answer.cookie.empty()) return led.respond(to_login_page(provider, sign_on_problem::stale));
  // Each login has tries of its own, so that an office behind one address comes in together; the
  // address has its bound for all of them.
  const std::string account = "#oidc " + answer.state.substr(0, max_state);
  if (context.limiter.blocked(account, request.peer, context.now())) {
    return led.respond(to_login_page(provider, sign_on_problem::busy));
  }
  context.limiter.began(account, request.peer, context.now());
  context.ask_provider(led, [&context, led, answer, account, &provider] {
    const auto person = provider.finish(answer, context.now());
    if (!person) return turn_back(context, led, person.error(), "");
    context.on_io([&context, led, account, person = *person] {
      context.limiter.succeeded(account, led.request->peer, context.now());
      let_in(context, led, person);
    });
  });
}

Result<Response> check_provider(Context& context, const Request&) {
  SignOn* provider = context.services.sign_on;
  if (!provider) {
    return json_response({{"issuer", nullptr}, {"status", "none"}, {"reason", nullptr}});
  }
  const Status well = provider->check(context.now());
  return json_response({{"issuer", provider->issuer()},
                        {"status", well ? "healthy" : "unhealthy"},
                        {"reason", well ? json(nullptr) : json(well.error().message)}});
}

}  // namespace batuta::http
