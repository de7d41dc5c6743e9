// Matching a path against the table, and a route's right against who calls it.
#include <algorithm>
#include <memory>

#include "scheduler/api/routes.h"

namespace batuta::http {
namespace {

std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);  // its slash
  const auto end = std::min(path.find('/'), path.size());
  const auto segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

// How well `pattern` fits: -1 not at all, else the number of literal segments.
int fit(std::string_view pattern, std::string_view path) {
  int literals = 0;
  while (!pattern.empty() && !path.empty()) {
    const auto want = next_segment(pattern);
    const auto have = next_segment(path);
    if (want.starts_with('{')) {
      if (have.empty()) return -1;
    } else if (want == have) {
      ++literals;
    } else {
      return -1;
    }
  }
  return pattern.empty() && path.empty() ? literals : -1;
}

std::map<std::string, std::string, std::less<>> capture(std::string_view pattern,
                                                        std::string_view path) {
  std::map<std::string, std::string, std::less<>> params;
  while (!pattern.empty()) {
    const auto want = next_segment(pattern);
    const auto have = next_segment(path);
    if (want.starts_with('{')) params.emplace(want.substr(1, want.size() - 2), have);
  }
  return params;
}

// With the path's DAG, or domain and layer, in it.
std::string resource_of(const Match& match) {
  const std::string_view resource = match.route->right.resource;
  if (resource.find('{') == resource.npos) return std::string(resource);
  if (resource == one_lake) {
    return std::string(any_lake) + match.params.at("domain") + "/" + match.params.at("layer");
  }
  const auto dag = match.params.find("dag_id");
  const std::string id = dag == match.params.end() ? "" : dag->second;
  if (id == "~" && resource.ends_with("|~}")) return std::string(any_dag);
  // A right names no DAG of no name: who has all of them has this one.
  return "dag:" + id;
}

bool allows(const Rights& rights, Action action, std::string_view resource) {
  if (resource == for_oneself) return true;
  if (resource == any_dag) return rights.may_some(action, "dag");
  return resource == any_lake ? rights.may_some(action, "lake") : rights.may(action, resource);
}

}  // namespace

Status may_call(const Identity& who, const Match& match) {
  const Right& right = match.route->right;
  const std::string resource = resource_of(match);
  if (allows(who.rights, right.action, resource)) return success();
  const std::string missing = resource == any_dag    ? "dag:<id>\" of some DAG"
                              : resource == any_lake ? "lake:<domain>/<layer>\" of some layer"
                                                     : resource + "\"";
  return {Errc::forbidden,
          "this needs the right \"" + std::string(to_string(right.action)) + " " + missing};
}

std::string_view least_role(const Route& route) {
  if (is_open(route)) return for_everyone;
  const std::string_view asked = route.right.resource;
  const bool of_one = asked.find('{') != asked.npos;
  const std::string_view one = asked == one_lake ? "lake:some/some" : "dag:some";
  for (const Role& role : built_in_roles()) {
    if (role.grants.empty()) continue;
    std::vector<GrantSet::Held> held;
    for (const Grant& grant : role.grants) held.push_back({grant, role.name, {}});
    const Rights rights(std::make_shared<const GrantSet>(std::move(held)));
    if (allows(rights, route.right.action, of_one ? one : asked)) return role.name;
  }
  return "admin";
}

std::string right_text(const Route& route) {
  const std::string_view asked = route.right.resource;
  if (asked == for_everyone || asked == for_oneself) return {};
  std::string text(to_string(route.right.action));
  text += " ";
  if (asked == any_lake) return text + "lake:<domain>/<layer>";
  return text.append(asked == any_dag ? "dag:<id>" : asked);
}

// A path may fit several patterns, ".../list" and ".../{id}": the method decides among them before
// the literals do, so that a word of one never hides what has that word for its id from another.
Match match_route(Method method, std::string_view path) {
  Match match;
  int best = -1;
  if (path.empty() || path.front() != '/') return match;
  for (const auto& route : route_table()) {
    const int score = fit(route.pattern, path);
    if (score < 0) continue;
    auto& allowed = match.allowed;
    if (std::find(allowed.begin(), allowed.end(), route.method) == allowed.end()) {
      allowed.push_back(route.method);
    }
    const bool by_get = method == Method::head && route.method == Method::get;
    if ((route.method != method && !by_get) || score <= best) continue;
    best = score;
    match.route = &route;
  }
  if (match.route) match.params = capture(match.route->pattern, path);
  return match;
}

std::string allow_header(const std::vector<Method>& allowed) {
  std::string out;
  for (const auto method : allowed) {
    out.append(to_string(method)).append(", ");
    if (method == Method::get) out += "HEAD, ";
  }
  return out + "OPTIONS";
}

}  // namespace batuta::http
