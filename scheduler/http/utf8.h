// UTF-8 at the doors: refuse it when it comes in broken, repair it when it goes out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace batuta {

// Length of the well-formed sequence at the start of `text` (1 to 4); 0 when it is not well-formed
// (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) or `text` is empty.
std::size_t utf8_sequence(std::string_view text);

bool valid_utf8(std::string_view text);

// Every byte that is not part of a well-formed sequence becomes U+FFFD.
std::string repair_utf8(std::string_view text);

}  // namespace batuta
