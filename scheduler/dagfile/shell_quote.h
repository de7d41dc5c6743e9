// Putting a value into a /bin/sh command so that it stays one value, wherever it stands.
#pragma once

#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta {

// Follows a command text from left to right as sh reads it, far enough to know how a value has to
// be quoted at the point reached. Where that cannot be known for sure, it refuses: a wrong guess
// would let a value run as code.
class ShellText {
 public:
  // The author's own text, or a value let through by `| raw`.
  void feed(std::string_view text);
  // `value` quoted for the point reached, which it then belongs to: bare -> '…', inside "…" and '…'
  // escaped. Errc::invalid where no quoting is safe, or when the value holds a NUL.
  Result<std::string> quote(std::string_view value);

 private:
  enum class Mode : unsigned char { bare = 1, single, quoted, comment, backquote, braces };
  Mode mode() const { return stack_.empty() ? Mode::bare : static_cast<Mode>(stack_.back()); }
  void push(Mode m) {
    stack_.push_back(static_cast<char>(m));
    word_.clear();
  }
  void pop() { stack_.pop_back(); }
  void feed_one(char c);
  bool after_dollar(char c);
  void feed_bare(char c);
  void doubt(const char* what);

  std::string stack_;     // one Mode per level of quoting or substitution
  std::string word_;      // of the bare text since the last separator, to notice `case`
  std::string doubt_;     // once set, nothing after it is sure
  bool escaped_ = false;  // the last character was an unescaped backslash
  bool dollar_ = false;   // … an unescaped `$`
  bool opened_ = false;   // … a `(` that opened a level
  char last_ = '\n';
};

}  // namespace batuta
