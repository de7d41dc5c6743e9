// Where a JSON pointer points to in the text it came from, for messages people can click on.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace batuta {

struct TextPosition {
  int line = 1;    // 1-based
  int column = 1;  // 1-based, in bytes
};

// The value at `pointer` (RFC 6901), or its nearest ancestor where the pointer names something that
// is not there. `text` must be valid JSON; O(size), no allocation per value.
TextPosition locate_json(std::string_view text, std::string_view pointer);

// How many items the list at `pointer` has; 0 when there is no list. O(size), for a first look at a
// text that may be too large to parse; text that is no JSON yields some number.
std::size_t count_json_items(std::string_view text, std::string_view pointer);

// The names in the object at `pointer` in the order they are written, decoded; none when there is
// no object. `text` must be valid JSON; O(size).
std::vector<std::string> json_keys(std::string_view text, std::string_view pointer);

// For each item of the list at `pointer`, the names in the object that is its member `member`, as
// json_keys() has them. One pass over the text.
std::vector<std::vector<std::string>> json_keys_of_items(std::string_view text,
                                                         std::string_view pointer,
                                                         std::string_view member);

// One reference token, escaped: "a/b" -> "a~1b".
std::string pointer_token(std::string_view key);

}  // namespace batuta
