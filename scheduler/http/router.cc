// Matching a path against the table, and the document made from it.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/http/routes.h"

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

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

nlohmann::json operation(const Route& route) {
  nlohmann::json parameters = nlohmann::json::array();
  for (auto rest = route.pattern; !rest.empty();) {
    const auto segment = next_segment(rest);
    if (!segment.starts_with('{')) continue;
    parameters.push_back({{"name", segment.substr(1, segment.size() - 2)},
                          {"in", "path"},
                          {"required", true},
                          {"schema", {{"type", "string"}}}});
  }
  const bool open = route.access == Access::everyone;
  nlohmann::json responses = {{"default", {{"description", "the answer, or {\"detail\": …}"}}}};
  nlohmann::json security = nlohmann::json::array();
  if (!open) {
    responses["401"] = {{"description", "not logged in"}};
    responses["403"] = {{"description", "the role does not allow it"}};
    security = {{{"bearer", nlohmann::json::array()}}, {{"session", nlohmann::json::array()}}};
  }
  nlohmann::json out = {{"summary", route.summary},
                        {"parameters", parameters},
                        {"responses", responses},
                        {"security", security},
                        {"x-access", to_string(route.access)}};
  if (route.method == Method::post || route.method == Method::patch ||
      route.method == Method::put) {
    out["requestBody"] = {{"content", {{"application/json", {{"schema", {{"type", "object"}}}}}}}};
  }
  return out;
}

}  // namespace

Match match_route(Method method, std::string_view path) {
  Match match;
  std::string_view pattern;
  int best = -1;
  if (path.empty() || path.front() != '/') return match;
  for (const auto& route : route_table()) {
    const int score = fit(route.pattern, path);
    if (score < best || score < 0) continue;
    if (score > best) {
      best = score;
      pattern = route.pattern;
      match.allowed.clear();
      match.route = nullptr;
    }
    match.allowed.push_back(route.method);
    const bool by_get = method == Method::head && route.method == Method::get;
    if (route.method == method || by_get) match.route = &route;
  }
  if (best >= 0) match.params = capture(pattern, path);
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

std::string openapi_document(std::string_view product_version) {
  nlohmann::json paths = nlohmann::json::object();
  for (const auto& route : route_table()) {
    paths[std::string(route.pattern)][lower(to_string(route.method))] = operation(route);
  }
  return json_text(nlohmann::json{
      {"openapi", "3.1.0"},
      {"info",
       {{"title", "Batuta"},
        {"version", product_version},
        {"description", "Paths and shapes under /api/v2 are those of Airflow's stable REST API."}}},
      {"paths", paths},
      {"components",
       {{"securitySchemes",
         {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}},
          {"session", {{"type", "apiKey"}, {"in", "cookie"}, {"name", session_cookie}}}}}}}});
}

}  // namespace batuta::http
