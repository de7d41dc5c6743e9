#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/time.h"
#include "common/url.h"
#include "common/uuid.h"
#include "scheduler/cli/commands.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

const std::vector<Column> user_columns{{"username", "username"},
                                       {"role", "role"},
                                       {"created", "created_at"},
                                       {"provider", "provider"}};

struct UserArguments {
  std::string name, role;
  bool random = false;
};

std::string user_path(const std::string& name) {
  return "/api/batuta/users/" + percent_encoded(name);
}

std::string random_password() {
  static constexpr char alphabet[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
  constexpr std::size_t letters = sizeof alphabet - 1;
  constexpr std::size_t fair =
      256 / letters * letters;  // beyond it some letters would come oftener
  std::string password;
  while (password.size() < 20) {
    unsigned char byte = 0;
    random_bytes(&byte, 1);
    if (byte < fair) password += alphabet[byte % letters];
  }
  return password;
}

// From the prompt (twice) or standard input, or a random one, which is shown once.
std::string new_password(const UserArguments& a) {
  if (a.random) return random_password();
  const std::string password = read_secret("new password of " + a.name);
  if (at_terminal() && read_secret("again") != password) {
    throw Failure("the two are not the same; nothing was changed", 2);
  }
  return password;
}

void show_random(const UserArguments& a, const std::string& password) {
  if (a.random) std::fprintf(stderr, "password of %s: %s\n", a.name.c_str(), password.c_str());
}

void create_user(Session& session, const UserArguments& a) {
  const Client client = session.client();
  const std::string password = new_password(a);
  const json made = client.call("POST", "/api/batuta/users",
                                {{"username", a.name}, {"role", a.role}, {"password", password}});
  print_object(session.format(), made);
  show_random(a, password);
}

void set_password(Session& session, const UserArguments& a) {
  const Client client = session.client();
  const std::string password = new_password(a);
  client.call("PATCH", user_path(a.name), {{"password", password}});
  show_random(a, password);
  std::fprintf(stderr, "the sessions and tokens of %s have ended\n", a.name.c_str());
}

void add_users(CLI::App& app, Session& session) {
  CLI::App* users = app.add_subcommand("users", "Users: who may log in, and what they may do");
  users->require_subcommand(1);
  auto a = std::make_shared<UserArguments>();
  const auto on_user = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* verb = add_verb(*users, session, name, help, std::move(action));
    verb->add_option("username", a->name)->required();
    return verb;
  };
  const auto role = [&](CLI::Option* option) {
    option->description(
        "viewer: reads; operator: triggers, clears, pauses; admin: everything; none: what groups "
        "give; or a role of your own (batuta roles list)");
  };
  const auto random = [&](CLI::App* verb) {
    verb->add_flag("--use-random-password", a->random,
                   "make one and show it once; otherwise it is asked for or read from standard "
                   "input");
  };
  add_verb(*users, session, "list", "All users", [&session] {
    print_rows(session.format(), session.client().all("/api/batuta/users", "users"), user_columns);
  });
  CLI::App* create = on_user("create", "Create a user; the password has 8 to 256 characters",
                             [&session, a] { create_user(session, *a); });
  role(create->add_option("--role", a->role)->required());
  random(create);
  for (const char* name : {"set-password", "reset-password"}) {
    random(on_user(name, "Another password; ends the user's sessions and tokens",
                   [&session, a] { set_password(session, *a); }));
  }
  CLI::App* set_role = on_user("set-role", "Another role", [&session, a] {
    print_object(session.format(),
                 session.client().call("PATCH", user_path(a->name), {{"role", a->role}}));
  });
  role(set_role->add_option("role", a->role)->required());
  on_user("delete", "Delete a user; ends its sessions and tokens",
          [&session, a] { session.client().call("DELETE", user_path(a->name), nullptr); });
}

struct TokenArguments {
  std::string user, purpose, id, expires = "1d";
  std::vector<std::string> scope;
  bool password = false;
};

std::int64_t seconds_of(const std::string& text) {
  const auto lifetime = parse_duration(text);
  if (!lifetime) throw Failure("--expires must be a duration such as 12h or 30d", 2);
  return std::chrono::duration_cast<std::chrono::seconds>(*lifetime).count();
}

void create_token(Session& session, const TokenArguments& a) {
  json token;
  if (a.password && !a.scope.empty()) {
    throw Failure("--scope goes with your token, not with --password", 2);
  }
  if (a.password) {
    token = session.client().call(
        "POST", "/auth/token",
        {{"username", a.user}, {"password", read_secret("password of " + a.user)}});
  } else {
    json body{{"username", a.user}, {"lifetime_seconds", seconds_of(a.expires)}};
    if (!a.purpose.empty()) body["purpose"] = a.purpose;
    if (!a.scope.empty()) body["scope"] = a.scope;
    token = session.client().call("POST", "/api/batuta/tokens", body);
  }
  if (session.format().data()) return print_object(session.format(), token);
  std::printf("%s\n", token.value("access_token", "").c_str());
}

void revoke_token(Session& session, const TokenArguments& a) {
  if (!a.id.empty()) {
    session.client().call("DELETE", "/api/batuta/tokens/" + percent_encoded(a.id), nullptr);
    return;
  }
  const std::string token = read_secret("token to end");
  session.client().with_token(token).call("POST", "/api/batuta/logout", nullptr);
}

void add_tokens(CLI::App& app, Session& session) {
  auto a = std::make_shared<TokenArguments>();
  CLI::App* tokens = app.add_subcommand("tokens", "Tokens for the API, and who you are");
  tokens->require_subcommand(1);
  add_verb(*tokens, session, "list", "Tokens alive: yours, or everybody's for an admin",
           [&session] {
             print_rows(session.format(), session.client().all("/api/batuta/tokens", "tokens"),
                        {{"id", "token_id"},
                         {"username", "username"},
                         {"purpose", "purpose"},
                         {"created", "created_at"},
                         {"expires", "expires_at"}});
           });
  CLI::App* create = add_verb(*tokens, session, "create", "A token for a user, shown once",
                              [&session, a] { create_token(session, *a); });
  create->add_option("user", a->user)->required();
  create->add_option("--expires", a->expires, "how long it is good for, at most 365d")
      ->capture_default_str();
  create->add_option("--purpose", a->purpose, "what it is for, as tokens list shows it");
  create
      ->add_option("--scope", a->scope,
                   "a right that it is for, \"read dag:finance_*\", and no more than the user has; "
                   "may be given several times; default: all that the user may")
      ->allow_extra_args(false);
  create->add_flag("--password", a->password,
                   "with the user's own password, asked for, instead of your token; good for a "
                   "day");
  add_verb(*tokens, session, "show", "Whose token is used here, and until when", [&session] {
    const json who = session.client().get("/api/batuta/session");
    print_object(session.format(), {{"username", who.value("username", "")},
                                    {"role", who.value("role", "")},
                                    {"expires_at", who.value("expires_at", "")}});
  });
  CLI::App* revoke =
      add_verb(*tokens, session, "revoke", "End a token, by its id or itself on standard input",
               [&session, a] { revoke_token(session, *a); });
  revoke->add_option("id", a->id, "as tokens list shows it; default: a token on standard input");
}

}  // namespace

void add_user_commands(CLI::App& app, Session& session) {
  add_users(app, session);
  add_tokens(app, session);
}

}  // namespace batuta::cli
