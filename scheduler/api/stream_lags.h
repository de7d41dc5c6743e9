// How far the groups that read topics are behind, as it was last looked at: for /metrics and for
// monitors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace batuta {

// Whom somebody wants to know of.
struct LagAsked {
  std::string connection;  // the broker's; empty: the embedded log
  std::string topic, group;
  auto operator<=>(const LagAsked&) const = default;
};

struct StreamLag {
  LagAsked of;
  std::int64_t records = 0;  // of all partitions, that it can still read
  std::int64_t most = 0;     // of one partition
  std::int64_t lost = 0;     // that went before it read them
  std::string trouble;       // why nothing is known; empty: it is
  std::int64_t sent = 0;     // records that were ever put into the topic
  std::int64_t read = 0;     // of these behind the group, by what it has committed
};

struct StreamLags {
  std::vector<StreamLag> rows;
  std::size_t left_out = 0;  // pairs of topic and group beyond those that are looked at
};

}  // namespace batuta
