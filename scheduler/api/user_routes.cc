// Users and tokens. Read from memory, written on the control thread; passwords are hashed on the
// hasher's thread. A changed password ends the user's sessions and tokens with the same commit.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/ids.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/giving.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_user_field = 128;
constexpr std::size_t least_password = 8;
constexpr std::size_t most_password = 256;
constexpr std::size_t max_password_bytes = 4 * most_password;
constexpr std::int64_t least_lifetime = 60;  // seconds
constexpr std::int64_t most_lifetime = 365LL * 24 * 3600;
constexpr std::int64_t usual_lifetime = 24LL * 3600;

// Characters, not bytes: eight letters are eight in any language.
void check_new_password(BodyReader& fields, std::string_view name, const std::string& password) {
  if (!fields.status()) return;
  const auto length =
      static_cast<std::size_t>(std::count_if(password.begin(), password.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
      }));
  if (length < least_password || length > most_password) {
    fields.fail(name, "must be 8 to 256 characters long");
  }
}

std::optional<User> find_user(Context& context, std::string_view name) {
  const auto users = context.services.registry.users();
  const auto found =
      std::find_if(users.begin(), users.end(), [&](const User& user) { return user.name == name; });
  return found == users.end() ? std::nullopt : std::optional(*found);
}

// Answers when `write` is durable and what was made for the user has been made anew. Control or
// hasher thread.
struct Changed {
  const char* event;
  std::string user;
  json extra;  // beside the user's name
  bool other_password = false;
};
void commit(Context& context, const Call& call, Changed what, std::function<Status()> write,
            std::function<Response()> answer) {
  what.extra["username"] = what.user;
  const auto finish = [&context, what, answer = std::move(answer)]() -> Result<Response> {
    if (context.services.user_changed) {
      context.services.user_changed(what.user, what.other_password);
    }
    return answer();
  };
  context.change(call, what.event, what.extra, std::move(write),
                 [&context, call, finish](const Status& done) {
                   if (!done) return call.respond(error_response(done.error()));
                   context.finish(call, finish);
                 });
}

// What anybody may do as often as they like, and so must not fill the event log. io thread.
void braked_change(Context& context, const Call& call, const char* event, json extra,
                   std::function<Status()> write, std::function<void(Status)> done) {
  const auto left_out = context.brakes[call.request->identity.user].admit(context.now());
  if (!left_out) return context.services.backend.write(std::move(write), std::move(done));
  extra["left_out_before"] = *left_out;
  context.change(call, event, extra, std::move(write), std::move(done));
}

// The user as it is now; for answers.
Response user_response(Context& context, const std::string& name, int status) {
  const auto user = find_user(context, name);
  return user ? json_response(user_json(*user), status) : no_content();
}

void save_own_password(Context& context, const Call& call, const std::string& password) {
  const std::string& name = call.request->identity.user;
  const auto hash = std::make_shared<std::string>(hash_password(password));
  context.on_io([&context, call, name, hash] {
    context.limiter.succeeded(name, call.request->peer, context.now());
    commit(
        context, call, {"patch_user", name, {{"changed", json::array({"password"})}}, true},
        [&context, name, hash] { return context.services.registry.change_user(name, "", *hash); },
        no_content);
  });
}

}  // namespace

Result<Response> list_users(Context& context, const Request& request) {
  QueryReader query(request);
  const Page page = query.page();
  if (!query.status()) return query.status().error();
  const auto users = context.services.registry.users();
  return json_response(
      page_of("users", page, users.size(), [&](std::size_t i) { return user_json(users[i]); }));
}

void create_user(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  const std::string name = fields.required_text("username", max_user_field);
  const std::string role = fields.required_text("role", max_user_field);
  const std::string password = fields.required_text("password", max_password_bytes);
  if (fields.status() && !valid_id(name)) fields.fail("username", "is not a valid name");
  check_role_name(fields, context.services.registry, role);
  check_new_password(fields, "password", password);
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  const auto& giver = call.request->identity;
  if (Status ok = may_give_roles(giver, context.services.registry, {role}); !ok) {
    return call.respond(error_response(ok.error()));
  }
  context.hash(call.respond, [&context, call, name, role, password] {
    const std::string hash = hash_password(password);
    commit(
        context, call,
        {"post_user",
         name,
         {{"role", role}, {"before", nullptr}, {"after", {{"role", role}}}},
         true},
        [&context, name, role, hash] {
          return context.services.registry.add_user(name, role, hash);
        },
        [&context, name] { return user_response(context, name, 201); });
  });
}

void patch_user(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  const std::string name = path_param(*call.request, "username");
  BodyReader fields(*call.request, *body);
  if (fields.text("username", max_user_field).value_or(name) != name) {
    fields.fail("username", "cannot be changed");
  }
  const auto role = fields.text("role", max_user_field);
  const auto password = fields.text("password", max_password_bytes);
  if (role) check_role_name(fields, context.services.registry, *role);
  if (password) check_new_password(fields, "password", *password);
  if (!role && !password && fields.status()) fields.fail("role", "or password must be given");
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  // Who sets a password can be that user from then on.
  const auto& giver = call.request->identity;
  const auto& registry = context.services.registry;
  Status ok = may_give(giver, registry.rights_of(name).grants());
  if (ok && role) ok = may_give_roles(giver, registry, {*role});
  if (!ok) return call.respond(error_response(ok.error()));
  json changed = json::array();
  if (role) changed.push_back("role");
  if (password) changed.push_back("password");
  const auto was = find_user(context, name);
  const std::string had = was ? was->role : "";
  const json extra{
      {"changed", changed}, {"before", {{"role", had}}}, {"after", {{"role", role.value_or(had)}}}};
  const auto save = [&context, call, name, extra, role](const std::string& hash) {
    commit(
        context, call, {"patch_user", name, extra, !hash.empty()},
        [&context, name, role, hash] {
          return context.services.registry.change_user(name, role.value_or(""), hash);
        },
        [&context, name] { return user_response(context, name, 200); });
  };
  if (!password) return save("");
  context.hash(call.respond, [save, password] { save(hash_password(*password)); });
}

void delete_user(Context& context, Call call) {
  const std::string name = path_param(*call.request, "username");
  const auto was = find_user(context, name);
  const json before = was ? json{{"role", was->role}} : json(nullptr);
  commit(
      context, call, {"delete_user", name, {{"before", before}, {"after", nullptr}}, true},
      [&context, name] { return context.services.registry.delete_user(name); }, no_content);
}

// The old password is asked for, because a session may have been left open, and counts as a try to
// log in.
void patch_own_password(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  const std::string password = fields.required_text("password", max_password_bytes);
  const std::string fresh = fields.required_text("new_password", max_password_bytes);
  check_new_password(fields, "new_password", fresh);
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  if (call.request->identity.rights.scoped()) {
    return call.respond(error_response(
        {Errc::forbidden, "a token with a scope changes no password: log in, or use another", {}}));
  }
  const std::string& name = call.request->identity.user;
  if (const auto wait = context.limiter.blocked(name, call.request->peer, context.now())) {
    return call.respond(error_response(
        {Errc::rate_limited, "too many tries: wait " + std::to_string(*wait) + " s", {}}));
  }
  context.limiter.began(name, call.request->peer, context.now());
  context.hash(call.respond, [&context, call, name, password, fresh] {
    if (!context.services.registry.check_password(name, password)) {
      return call.respond(error_response({Errc::invalid, "is not your password", "/password"}));
    }
    save_own_password(context, call, fresh);
  });
}

namespace {
json token_extra(const std::string& name, const std::string& purpose,
                 const std::vector<Grant>& scope) {
  json extra{{"by", "token"}, {"username", name}, {"purpose", purpose}};
  if (!scope.empty()) extra["scope"] = grants_json(scope);
  return extra;
}
}  // namespace

Result<Response> list_tokens(Context& context, const Request& request) {
  QueryReader query(request);
  const Page page = query.page();
  if (!query.status()) return query.status().error();
  auto tokens = context.services.registry.tokens(context.now());
  if (!may(request.identity, Action::read, "admin:tokens")) {
    std::erase_if(tokens,
                  [&](const TokenInfo& token) { return token.user != request.identity.user; });
  }
  return json_response(
      page_of("tokens", page, tokens.size(), [&](std::size_t i) { return token_json(tokens[i]); }));
}

void issue_token(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  const std::string name =
      fields.text("username", max_user_field).value_or(call.request->identity.user);
  const std::string purpose = fields.text("purpose", max_user_field).value_or("api");
  if (purpose == server_purpose) fields.fail("purpose", "is the server's own token's");
  const auto lifetime = fields.integer("lifetime_seconds", least_lifetime, most_lifetime);
  const std::vector<Grant> scope = read_grants(fields, "scope");
  if (fields.has("scope") && scope.empty() && fields.status()) {
    fields.fail("scope", "must name a right; leave it out for all that the user may");
  }
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  const auto& giver = call.request->identity;
  if (Status ok = may_issue(giver, context.services.registry, name, scope); !ok) {
    return call.respond(error_response(ok.error()));
  }
  const Time now = context.now();
  const Duration alive = std::chrono::seconds(lifetime.value_or(usual_lifetime));
  const auto token = std::make_shared<std::string>();
  braked_change(
      context, call, "token_created", token_extra(name, purpose, scope),
      [&context, token, name, purpose, scope, now, alive]() -> Status {
        auto issued =
            context.services.registry.issue_scoped_token(name, purpose, scope, now, alive);
        if (!issued) return issued.error();
        *token = std::move(*issued);
        return success();
      },
      [call, token, name, purpose, scope, now, alive](const Status& done) {
        if (!done) return call.respond(error_response(done.error()));
        call.respond(json_response({{"access_token", *token},
                                    {"username", name},
                                    {"purpose", purpose},
                                    {"expires_at", to_iso(now + alive)},
                                    {"scope", grants_json(scope)}},
                                   201));
      });
}

void revoke_token(Context& context, Call call) {
  const std::string id = path_param(*call.request, "token_id");
  const auto tokens = context.services.registry.tokens(context.now());
  const auto found = std::find_if(tokens.begin(), tokens.end(),
                                  [&](const TokenInfo& token) { return token.id == id; });
  // Whose token it is is told to nobody else.
  const auto& who = call.request->identity;
  const bool any = may(who, Action::remove, "admin:tokens");
  if (!any && who.rights.scoped()) {
    return call.respond(error_response(
        {Errc::forbidden, "a token with a scope ends none but itself, by logging out", {}}));
  }
  if (found == tokens.end() || (found->user != who.user && !any)) {
    return call.respond(error_response({Errc::not_found, "there is no token " + id, {}}));
  }
  braked_change(
      context, call, "token_revoked", {{"username", found->user}, {"purpose", found->purpose}},
      [&context, id] { return context.services.registry.revoke_token_id(id); },
      [call](const Status& done) {
        call.respond(done ? no_content() : error_response(done.error()));
      });
}

}  // namespace batuta::http
