// Where a JSON pointer points to in the text it came from, for messages people can click on.
#pragma once

#include <string>
#include <string_view>

namespace batuta {

struct TextPosition {
  int line = 1;    // 1-based
  int column = 1;  // 1-based, in bytes
};

// The value at `pointer` (RFC 6901), or its nearest ancestor where the pointer names something that
// is not there. `text` must be valid JSON; O(size), no allocation per value.
TextPosition locate_json(std::string_view text, std::string_view pointer);

// One reference token, escaped: "a/b" -> "a~1b".
std::string pointer_token(std::string_view key);

}  // namespace batuta
