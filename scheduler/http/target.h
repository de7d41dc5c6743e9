// The request target: split, percent-decoded exactly once, refused when it plays tricks. Pure.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"

namespace batuta::http {

inline constexpr std::size_t max_path_bytes = 2048;
inline constexpr std::size_t max_query_pairs = 64;

struct Target {
  std::string path;  // decoded; starts with '/', has no dot segment, no NUL, no hidden slash
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
};

// Origin form only ("/path?query"). Errc::malformed with what is wrong. A percent sign must not
// survive in the path (%25), so that nobody downstream can decode a second time into something
// else.
Result<Target> parse_target(std::string_view raw);

}  // namespace batuta::http
