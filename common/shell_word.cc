#include "common/shell_word.h"

namespace batuta {

// Nothing is special inside single quotes but their end: close them, add the quote, open them
// again.
std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

}  // namespace batuta
