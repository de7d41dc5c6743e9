// What of a kind somebody may see: the predicate that lists, streams and metrics take, so that
// totals and pages are true. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace batuta {

// '*' stands for any characters, none and '/' among them; everything else for itself. O(pattern x
// text).
bool glob_matches(std::string_view pattern, std::string_view text);

// A name is seen when each of these lists has a pattern that it matches: what a user may, and what
// the user's token is for. No list: everything is seen, and costs nothing.
struct Sight {
  std::vector<std::vector<std::string>> all;

  static Sight nothing() { return Sight{{{}}}; }
  bool everything() const { return all.empty(); }
  bool sees(std::string_view name) const;
  auto operator<=>(const Sight&) const = default;
};

}  // namespace batuta
