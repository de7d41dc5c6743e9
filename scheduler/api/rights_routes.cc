// Roles, groups, and the question itself. Read from memory, written on the control thread.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/giving.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_name = 128;

Error no_such(const char* what, const std::string& name) {
  return {Errc::not_found, "there is no " + std::string(what) + " " + name, {}};
}

std::optional<UserGroup> find_group(Context& context, const std::string& name) {
  for (UserGroup& group : context.services.registry.groups()) {
    if (group.name == name) return std::move(group);
  }
  return std::nullopt;
}

struct RightsChange {
  const char* event;
  const char* kind;  // "role_name" | "group_name"
  std::string name;
  json before, after;  // null: there was, or is, none
};

// Runs `write` on the control thread, with what was and what is in the event log.
void keep_change(Context& context, const Call& call, const RightsChange& what,
                 std::function<Status()> write, Response answer) {
  const json extra = {{what.kind, what.name}, {"before", what.before}, {"after", what.after}};
  context.change(call, what.event, extra, std::move(write),
                 [call, answer = std::move(answer)](const Status& done) {
                   call.respond(done ? answer : error_response(done.error()));
                 });
}

void read_role(BodyReader& fields, Role& role) {
  if (const auto text = fields.text("description", max_description)) role.description = *text;
  if (fields.has("grants")) role.grants = read_grants(fields, "grants");
}

void read_group(BodyReader& fields, UserGroup& group) {
  if (const auto text = fields.text("description", max_description)) group.description = *text;
  if (auto roles = fields.texts("roles", max_group_roles)) group.roles = *std::move(roles);
  if (auto users = fields.texts("users", max_members)) group.users = *std::move(users);
}

// The path's name, which the body may repeat and not change.
std::string kept_name(BodyReader& fields, const Request& request, const char* param) {
  const std::string& name = path_param(request, param);
  if (fields.text("name", max_name).value_or(name) != name) {
    fields.fail("name", "cannot be changed");
  }
  return name;
}

}  // namespace

Result<Response> list_roles(Context& context, const Request& request) {
  QueryReader query(request);
  const Page page = query.page();
  if (!query.status()) return query.status().error();
  std::vector<Role> roles(built_in_roles().begin(), built_in_roles().end());
  for (Role& role : context.services.registry.roles()) roles.push_back(std::move(role));
  return json_response(
      page_of("roles", page, roles.size(), [&](std::size_t i) { return role_json(roles[i]); }));
}

void create_role(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  Role role;
  role.name = fields.required_text("name", max_name);
  if (!fields.has("grants")) fields.fail("grants", "is required");
  read_role(fields, role);
  Status ok = fields.status();
  if (ok) ok = check_role(role);
  if (ok) ok = may_give(call.request->identity, role.grants);
  if (!ok) return call.respond(error_response(ok.error()));
  keep_change(
      context, call, {"post_role", "role_name", role.name, nullptr, role_json(role)},
      [&context, role] { return context.services.registry.add_role(role); },
      json_response(role_json(role), 201));
}

void patch_role(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  const std::string name = kept_name(fields, *call.request, "role_name");
  const auto kept = find_role(context.services.registry, name);
  if (!kept) return call.respond(error_response(no_such("role", name)));
  Role role = *kept;
  read_role(fields, role);
  Status ok = fields.status();
  if (ok) ok = check_role(role);
  if (ok) ok = may_give(call.request->identity, kept->grants);
  if (ok) ok = may_give(call.request->identity, role.grants);
  if (!ok) return call.respond(error_response(ok.error()));
  keep_change(
      context, call, {"patch_role", "role_name", name, role_json(*kept), role_json(role)},
      [&context, role] { return context.services.registry.set_role(role); },
      json_response(role_json(role)));
}

void delete_role(Context& context, Call call) {
  const std::string name = path_param(*call.request, "role_name");
  const auto kept = find_role(context.services.registry, name);
  if (!kept) return call.respond(error_response(no_such("role", name)));
  if (built_in_role(name)) {
    return call.respond(error_response({Errc::conflict, "the role " + name + " is built in", {}}));
  }
  keep_change(
      context, call, {"delete_role", "role_name", name, role_json(*kept), nullptr},
      [&context, name] { return context.services.registry.delete_role(name); }, no_content());
}

Result<Response> list_groups(Context& context, const Request& request) {
  QueryReader query(request);
  const Page page = query.page();
  if (!query.status()) return query.status().error();
  const auto groups = context.services.registry.groups();
  return json_response(
      page_of("groups", page, groups.size(), [&](std::size_t i) { return group_json(groups[i]); }));
}

void create_group(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  UserGroup group;
  group.name = fields.required_text("name", max_name);
  read_group(fields, group);
  Status ok = fields.status();
  if (ok) ok = check_group(group);
  if (ok) ok = may_give_roles(call.request->identity, context.services.registry, group.roles);
  if (!ok) return call.respond(error_response(ok.error()));
  keep_change(
      context, call, {"post_group", "group_name", group.name, nullptr, group_json(group)},
      [&context, group] { return context.services.registry.add_group(group); },
      json_response(group_json(group), 201));
}

void patch_group(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  const std::string name = kept_name(fields, *call.request, "group_name");
  const auto kept = find_group(context, name);
  if (!kept) return call.respond(error_response(no_such("group", name)));
  UserGroup group = *kept;
  read_group(fields, group);
  const auto& giver = call.request->identity;
  Status ok = fields.status();
  if (ok) ok = check_group(group);
  if (ok) ok = may_give_roles(giver, context.services.registry, kept->roles);
  if (ok) ok = may_give_roles(giver, context.services.registry, group.roles);
  if (!ok) return call.respond(error_response(ok.error()));
  keep_change(
      context, call, {"patch_group", "group_name", name, group_json(*kept), group_json(group)},
      [&context, group] { return context.services.registry.set_group(group); },
      json_response(group_json(group)));
}

void delete_group(Context& context, Call call) {
  const std::string name = path_param(*call.request, "group_name");
  const auto kept = find_group(context, name);
  if (!kept) return call.respond(error_response(no_such("group", name)));
  keep_change(
      context, call, {"delete_group", "group_name", name, group_json(*kept), nullptr},
      [&context, name] { return context.services.registry.delete_group(name); }, no_content());
}

Result<Response> get_right(Context& context, const Request& request) {
  QueryReader query(request);
  const std::string user = query.text("username").value_or(request.identity.user);
  const auto action = query.text("action");
  const auto resource = query.text("resource");
  const auto parsed = action ? parse_action(*action) : std::nullopt;
  if (!parsed) query.fail("action", "must be read, trigger, create, edit or delete");
  if (!resource) query.fail("resource", "is required");
  if (resource) {
    if (Status ok = check_resource(*resource); !ok) query.fail("resource", ok.error().message);
  }
  if (!query.status()) return query.status().error();
  // Of oneself: with the scope of the token that asks.
  const bool of_other = user != request.identity.user;
  if (of_other && !may(request.identity, Action::read, "admin:users")) {
    return {Errc::forbidden, "to ask for others needs the right \"read admin:users\""};
  }
  const auto users = context.services.registry.users();
  if (std::none_of(users.begin(), users.end(), [&](const User& one) { return one.name == user; })) {
    return no_such("user", user);
  }
  const Rights rights =
      of_other ? context.services.registry.rights_of(user) : request.identity.rights;
  const Ruling ruling = rights.why(*parsed, *resource);
  const auto or_null = [](const std::string& text) {
    return text.empty() ? json(nullptr) : json(text);
  };
  return json_response({{"username", user},
                        {"action", *action},
                        {"resource", *resource},
                        {"allowed", ruling.allowed},
                        {"grant", or_null(ruling.grant)},
                        {"role", or_null(ruling.role)},
                        {"group", or_null(ruling.group)},
                        {"reason", ruling.reason}});
}

}  // namespace batuta::http
