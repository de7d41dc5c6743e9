// YAML as JSON, and where in the text each value stands. By libyaml's events, so that size, depth
// and aliases are bounded here: what is refused never becomes a tree in memory.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"

namespace batuta::contract {

struct YamlLimits {
  std::size_t bytes = 1 << 20;   // of the text
  std::size_t copied = 4 << 20;  // of all texts in it, those of aliases counted each time
  std::size_t values = 100'000;  // aliases counted each time
  int depth = 64;
};

struct TextPlace {
  int line = 0;  // 1-based; 0 = not known
  int column = 0;
};

// Where the values of one text stand: a tree shaped as the value's.
class YamlPlaces {
 public:
  // The value at `pointer` (RFC 6901): where its key stands when it is a member of a mapping, else
  // its own first character. The nearest ancestor where the pointer names what is not there.
  TextPlace locate(std::string_view pointer) const;

 private:
  friend class YamlReader;
  struct Member;
  struct Node {
    TextPlace at;
    std::vector<Member> members;  // of a mapping
    std::vector<Node> items;      // of a sequence
  };
  struct Member {
    std::string key;
    Node value;
  };
  Node root_;
};

// By YAML 1.2's core rules: yes, no, on, off and dates stay text, numbers are decimal. The first
// document only. Aliases and << are followed; a key twice in one mapping is refused, and so are
// keys that are not texts. `places` is filled when given. Errc::too_large or Errc::malformed, the
// message beginning with "line N: " where a line is to blame.
Result<nlohmann::ordered_json> parse_yaml(std::string_view text, YamlPlaces* places = nullptr,
                                          const YamlLimits& limits = {});

// The value as YAML that parse_yaml() reads back to it, members in their order, for people to edit.
std::string write_yaml(const nlohmann::ordered_json& value);

}  // namespace batuta::contract
