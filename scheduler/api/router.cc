// Matching a path against the table.
#include <algorithm>

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

}  // namespace batuta::http
