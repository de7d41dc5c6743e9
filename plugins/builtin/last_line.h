// What a command said last: its return value when it wrote none to $BATUTA_RESULT.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace batuta::plugin {

class Context;

inline constexpr std::size_t max_last_line = 64 << 10;

// Remembers the last line of a stream that comes in pieces.
class LastLine {
 public:
  void feed(std::string_view bytes);
  // Without its line break; over max_last_line only its beginning, and `too_long`.
  std::string take(bool& too_long);

 private:
  std::string done_, open_;
  bool done_too_long_ = false, open_too_long_ = false;
};

// FinalError, with the remedy, when it is no text or too long.
void return_last_line(Context& context, const std::string& line, bool too_long);

// All of it to standard output (1) or standard error (2), whatever it takes.
void pass_on(int descriptor, std::string_view bytes);

}  // namespace batuta::plugin
