#include "scheduler/dagfile/shell_quote.h"

#include <cctype>
#include <cstring>
#include <utility>

#include "common/shell_word.h"

namespace batuta {
namespace {

bool separates(char c) {
  return std::isspace(static_cast<unsigned char>(c)) || std::strchr(";&|()", c);
}

std::string escape(std::string_view value, std::string_view special) {
  std::string out;
  for (const char c : value) {
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

void ShellText::doubt(const char* what) {
  if (doubt_.empty()) doubt_ = what;
}

void ShellText::feed(std::string_view text) {
  for (const char c : text) {
    if (escaped_) {
      escaped_ = false;
    } else {
      feed_one(c);
    }
    last_ = c;
  }
}

void ShellText::feed_one(char c) {
  const bool opened = std::exchange(opened_, false);
  if (opened && c == '(') doubt("arithmetic");
  switch (mode()) {
    case Mode::single:
      if (c == '\'') pop();
      return;
    case Mode::comment:
      if (c == '\n') pop();
      return;
    case Mode::backquote:
      if (c == '\\') escaped_ = true;
      if (c == '`') pop();
      return;
    case Mode::braces:
      if (c == '}') pop();
      if (std::strchr("'\"`$\\{", c)) doubt("quotes inside ${…}");
      return;
    case Mode::bare:
    case Mode::quoted:
      break;
  }
  if (std::exchange(dollar_, false) && after_dollar(c)) return;
  if (c == '\\') {
    escaped_ = true;
  } else if (c == '$') {
    dollar_ = true;
  } else if (c == '`') {
    push(Mode::backquote);
  } else if (mode() == Mode::quoted) {
    if (c == '"') pop();
  } else {
    feed_bare(c);
  }
}

// True when `c` belongs to the dollar: "$(", "${", "$#", "$$", …
bool ShellText::after_dollar(char c) {
  if (c == '(') {
    push(Mode::bare);
    opened_ = true;
  } else if (c == '{') {
    push(Mode::braces);
  } else if (c == '[') {
    doubt("arithmetic");
  } else if (c == '\'' && mode() == Mode::bare) {
    doubt("$'…'");
  } else {
    return c != '\0' && std::strchr("$#?!@*-", c) != nullptr;
  }
  return true;
}

void ShellText::feed_bare(char c) {
  if (separates(c)) {
    // The ')' of a pattern would be taken for the end of the substitution around it.
    if (word_ == "case" && stack_.find(static_cast<char>(Mode::quoted)) != std::string::npos) {
      doubt("case inside \"$(…)\"");
    }
    word_.clear();
  } else {
    if (word_.size() < 8) word_ += c;
  }
  if (c == '\'') {
    push(Mode::single);
  } else if (c == '"') {
    push(Mode::quoted);
  } else if (c == '#' && separates(last_)) {
    push(Mode::comment);
  } else if (c == '<' && last_ == '<') {
    doubt("a here-document");
  } else if (c == '(') {
    push(Mode::bare);
    opened_ = true;
  } else if (c == ')' && !stack_.empty()) {
    pop();
  }
}

Result<std::string> ShellText::quote(std::string_view value) {
  const auto refuse = [](const std::string& where) {
    return Result<std::string>(Errc::invalid, "a value cannot be quoted safely " + where +
                                                  ": move it, pass it in \"env\", or let it "
                                                  "through unquoted with | raw");
  };
  if (!doubt_.empty()) return refuse("in or after " + doubt_);
  if (escaped_) return refuse("right after a backslash");
  if (dollar_) return refuse("right after a $");
  if (mode() == Mode::comment) return refuse("in a comment");
  if (mode() == Mode::backquote) return refuse("between backquotes");
  if (mode() == Mode::braces) return refuse("inside ${…}");
  if (value.find('\0') != std::string_view::npos) {
    return {Errc::invalid, "a value with a NUL character cannot be part of a command"};
  }
  last_ = 'x';  // what follows continues a word
  opened_ = false;
  if (mode() == Mode::quoted) return escape(value, "\\\"$`");
  const std::string word = shell_word(value);
  return mode() == Mode::single ? word.substr(1, word.size() - 2) : word;
}

}  // namespace batuta
