// Roles, groups, and the question who may do what.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/url.h"
#include "scheduler/cli/commands.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct RoleArguments {
  std::string name, description;
  std::vector<std::string> grants;
};
struct GroupArguments {
  std::string name, description;
  std::vector<std::string> roles, users;
};

// Lists as one cell of a table.
json joined(const Look& look, json rows, std::initializer_list<const char*> fields) {
  if (look.data()) return rows;
  for (json& row : rows) {
    for (const char* field : fields) {
      std::string text;
      for (const json& item : row.value(field, json::array())) {
        text += (text.empty() ? "" : ", ") + item.get<std::string>();
      }
      row[field] = text;
    }
  }
  return rows;
}

void print_one(Session& session, const json& object, std::initializer_list<const char*> fields) {
  print_object(session.format(), joined(session.format(), json::array({object}), fields)[0]);
}

// What was given on the command line; the rest of it stays as it is.
json body_of(const CLI::App& verb, const RoleArguments& a) {
  json body = json::object();
  if (verb.count("--grant") > 0) body["grants"] = a.grants;
  if (verb.count("--description") > 0) body["description"] = a.description;
  return body;
}
json body_of(const CLI::App& verb, const GroupArguments& a) {
  json body = json::object();
  if (verb.count("--role") > 0) body["roles"] = a.roles;
  if (verb.count("--user") > 0) body["users"] = a.users;
  if (verb.count("--description") > 0) body["description"] = a.description;
  return body;
}

void add_roles(CLI::App& app, Session& session) {
  CLI::App* roles = app.add_subcommand("roles", "Roles: named rights, of one's own and built in");
  roles->require_subcommand(1);
  auto a = std::make_shared<RoleArguments>();
  const std::string path = "/api/batuta/roles";
  add_verb(*roles, session, "list", "All roles and their rights", [&session, path] {
    print_rows(session.format(),
               joined(session.format(), session.client().all(path, "roles"), {"grants"}),
               {{"name", "name"}, {"rights", "grants"}, {"description", "description"}});
  });
  const auto on_role = [&](const char* name, const char* help, bool made) {
    auto verb = std::make_shared<CLI::App*>();
    *verb = add_verb(*roles, session, name, help, [&session, a, path, verb, made] {
      json body = body_of(**verb, *a);
      if (made) body["name"] = a->name;
      print_one(session,
                made ? session.client().call("POST", path, body)
                     : session.client().call("PATCH", path + "/" + percent_encoded(a->name), body),
                {"grants"});
    });
    (*verb)->add_option("name", a->name)->required();
    CLI::Option* grant = (*verb)->add_option(
        "--grant", a->grants, "a right, \"read dag:finance_*\"; may be given several times");
    grant->allow_extra_args(false);
    if (made) grant->required();
    (*verb)->add_option("--description", a->description);
  };
  on_role("create", "Create a role", true);
  on_role("edit", "Other rights, all of them, or another description", false);
  add_verb(*roles, session, "delete", "Delete a role that no user and no group has",
           [&session, a, path] {
             session.client().call("DELETE", path + "/" + percent_encoded(a->name), nullptr);
           })
      ->add_option("name", a->name)
      ->required();
}

void add_groups(CLI::App& app, Session& session) {
  CLI::App* groups = app.add_subcommand("groups", "Groups: users who have roles in common");
  groups->require_subcommand(1);
  auto a = std::make_shared<GroupArguments>();
  const std::string path = "/api/batuta/groups";
  add_verb(*groups, session, "list", "All groups, their roles and users", [&session, path] {
    print_rows(
        session.format(),
        joined(session.format(), session.client().all(path, "groups"), {"roles", "users"}),
        {{"name", "name"}, {"roles", "roles"}, {"users", "users"}, {"description", "description"}});
  });
  const auto on_group = [&](const char* name, const char* help, bool made) {
    auto verb = std::make_shared<CLI::App*>();
    *verb = add_verb(*groups, session, name, help, [&session, a, path, verb, made] {
      json body = body_of(**verb, *a);
      if (made) body["name"] = a->name;
      print_one(session,
                made ? session.client().call("POST", path, body)
                     : session.client().call("PATCH", path + "/" + percent_encoded(a->name), body),
                {"roles", "users"});
    });
    (*verb)->add_option("name", a->name)->required();
    for (const auto& [option, into] : {std::pair{"--role", &a->roles}, {"--user", &a->users}}) {
      (*verb)->add_option(option, *into, "may be given several times")->allow_extra_args(false);
    }
    (*verb)->add_option("--description", a->description);
  };
  on_group("create", "Create a group", true);
  on_group("edit", "Other roles or other users, all of them, or another description", false);
  add_verb(*groups, session, "delete", "Delete a group; its users lose its roles",
           [&session, a, path] {
             session.client().call("DELETE", path + "/" + percent_encoded(a->name), nullptr);
           })
      ->add_option("name", a->name)
      ->required();
}

struct Question {
  std::string user, action, resource;
};

void add_auth(CLI::App& app, Session& session) {
  CLI::App* auth = app.add_subcommand("auth", "Who may do what");
  auth->require_subcommand(1);
  auto q = std::make_shared<Question>();
  CLI::App* can = add_verb(
      *auth, session, "can-i", "May USER do ACTION with RESOURCE, and why; exit code 1: no",
      [&session, q] {
        const json answer = session.client().get(
            "/api/batuta/rights?username=" + percent_encoded(q->user) +
            "&action=" + percent_encoded(q->action) + "&resource=" + percent_encoded(q->resource));
        const bool allowed = answer.value("allowed", false);
        if (!allowed) session.exit_code = 1;
        if (session.format().data()) return print_object(session.format(), answer);
        std::printf("%s: %s\n", allowed ? "yes" : "no", answer.value("reason", "").c_str());
      });
  can->add_option("user", q->user)->required();
  can->add_option("action", q->action, "read, trigger, create, edit or delete")->required();
  can->add_option("resource", q->resource, "dag:<id>, lake:<domain>/<layer> or admin:<thing>")
      ->required();
}

}  // namespace

void add_rights_commands(CLI::App& app, Session& session) {
  add_roles(app, session);
  add_groups(app, session);
  add_auth(app, session);
}

}  // namespace batuta::cli
