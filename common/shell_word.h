// A text as one word of a shell script.
#pragma once

#include <string>
#include <string_view>

namespace batuta {

// In single quotes: what any POSIX shell reads as exactly this text. `text` has no NUL.
std::string shell_word(std::string_view text);

}  // namespace batuta
