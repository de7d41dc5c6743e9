// Records in the order in which they are sent.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace batuta::demo {

// A record and its place among the others.
template <typename T>
using Placed = std::pair<std::uint64_t, T>;

// The records by place and, where two have the same one, by their `text`: a member, or a function
// of a record. The same records come in the same order, however they stood before.
template <typename T, typename Text>
std::vector<T> in_order(std::vector<Placed<T>> all, Text text) {
  std::sort(all.begin(), all.end(), [&](const Placed<T>& a, const Placed<T>& b) {
    if (a.first != b.first) return a.first < b.first;
    return std::invoke(text, a.second) < std::invoke(text, b.second);
  });
  std::vector<T> out;
  out.reserve(all.size());
  for (Placed<T>& each : all) out.push_back(std::move(each.second));
  return out;
}

}  // namespace batuta::demo
