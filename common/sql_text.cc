#include "common/sql_text.h"

#include <algorithm>
#include <optional>

namespace batuta {
namespace {

bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool word_character(char c) {
  return letter(c) || (c >= '0' && c <= '9');
}

// One piece of SQL: a literal, a quoted name, a comment, or a character of the rest.
struct Piece {
  enum class Kind { plain, literal, comment } kind = Kind::plain;
  std::size_t end = 0;
};

Result<Piece> piece_at(std::string_view text, std::size_t at) {
  using enum Piece::Kind;
  const char c = text[at];
  const char next = at + 1 < text.size() ? text[at + 1] : '\0';
  Piece piece{plain, at + 1};
  if (c == '\'' || c == '"') {
    // E'…' knows backslashes; an e that ends a word is none.
    const bool escapes = c == '\'' && at > 0 && (text[at - 1] == 'e' || text[at - 1] == 'E') &&
                         (at < 2 || !word_character(text[at - 2]));
    piece = {literal, sql_quoted_end(text, at, escapes)};
  } else if (c == '$' && (at == 0 || !word_character(text[at - 1]))) {
    if (const std::size_t end = sql_dollars_end(text, at); end != 0) piece = {literal, end};
  } else if ((c == '-' && next == '-') || (c == '/' && next == '*')) {
    piece = {comment, sql_comment_end(text, at)};
  }
  if (piece.end != std::string_view::npos) return piece;
  const auto line =
      1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  return {Errc::invalid, std::string(piece.kind == comment ? "a comment" : "a quoted text") +
                             " that begins in line " + std::to_string(line) + " does not end"};
}

// The name behind a colon; empty where it is none: a cast (::), a slice, an assignment (:=).
std::string name_at(std::string_view text, std::size_t at) {
  if (text[at] != ':' || (at > 0 && (text[at - 1] == ':' || word_character(text[at - 1])))) {
    return {};
  }
  std::size_t end = at + 1;
  if (end >= text.size() || !letter(text[end])) return {};
  while (end < text.size() && word_character(text[end])) ++end;
  return std::string(text.substr(at + 1, end - at - 1));
}

class Cutter {
 public:
  Cutter(std::string_view text, const SqlMarker& marker) : text_(text), marker_(marker) {}

  Result<std::vector<SqlStatement>> cut() {
    for (std::size_t at = 0; at < text_.size();) {
      const auto piece = piece_at(text_, at);
      if (!piece) return piece.error();
      if (piece->kind != Piece::Kind::plain) {
        if (piece->kind == Piece::Kind::literal) something_ = true;
        now_.text += text_.substr(at, piece->end - at);
        at = piece->end;
      } else if (text_[at] == ';') {
        end_statement();
        ++at;
      } else {
        at = take(at);
      }
    }
    end_statement();
    return std::move(statements_);
  }

 private:
  std::size_t take(std::size_t at) {
    const std::string name = marker_ ? name_at(text_, at) : std::string();
    if (!name.empty()) {
      const auto known = std::find(now_.names.begin(), now_.names.end(), name);
      const auto number = static_cast<std::size_t>(known - now_.names.begin()) + 1;
      if (known == now_.names.end()) now_.names.push_back(name);
      now_.text += marker_(number, name);
      return at + 1 + name.size();
    }
    const char c = text_[at];
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    if (!blank && !something_) first_ = at;
    something_ = something_ || !blank;
    if (first_ && letter(c) && at == *first_ + now_.first_word.size()) {
      now_.first_word += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    now_.text += c;
    return at + 1;
  }

  void end_statement() {
    if (something_) statements_.push_back(std::move(now_));
    now_ = {};
    something_ = false;
    first_.reset();
  }

  const std::string_view text_;
  const SqlMarker& marker_;
  SqlStatement now_;
  bool something_ = false;  // beside blanks and comments
  std::optional<std::size_t> first_;
  std::vector<SqlStatement> statements_;
};

}  // namespace

std::size_t sql_quoted_end(std::string_view text, std::size_t at, bool escapes) {
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (escapes && text[at] == '\\') {
      ++at;
    } else if (text[at] == quote) {
      if (at + 1 >= text.size() || text[at + 1] != quote) return at + 1;
      ++at;  // doubled: one of it
    }
  }
  return std::string_view::npos;
}

std::size_t sql_dollars_end(std::string_view text, std::size_t at) {
  std::size_t tag = at + 1;
  while (tag < text.size() && word_character(text[tag])) ++tag;
  const bool number = tag > at + 1 && text[at + 1] >= '0' && text[at + 1] <= '9';
  if (tag >= text.size() || text[tag] != '$' || number) return 0;
  const std::string_view fence = text.substr(at, tag + 1 - at);
  const auto end = text.find(fence, tag + 1);
  return end == std::string_view::npos ? end : end + fence.size();
}

std::size_t sql_comment_end(std::string_view text, std::size_t at) {
  if (text[at] == '-') return std::min(text.find('\n', at), text.size());
  int depth = 0;
  for (; at + 1 < text.size(); ++at) {
    if (text[at] == '/' && text[at + 1] == '*') {
      ++depth;
      ++at;
    } else if (text[at] == '*' && text[at + 1] == '/') {
      ++at;
      if (--depth == 0) return at + 1;
    }
  }
  return std::string_view::npos;
}

Result<std::vector<SqlStatement>> sql_statements(std::string_view text, const SqlMarker& marker) {
  return Cutter(text, marker).cut();
}

Result<SqlTemplates> sql_templates(std::string_view text) {
  SqlTemplates out;
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at, 2) == "{%") {
      return {Errc::invalid, "{% … %} is not for SQL: conditions belong into the statement"};
    }
    if (text.substr(at, 2) == "{{") {
      const auto end = text.find("}}", at);
      if (end == std::string_view::npos) return {Errc::invalid, "{{ without }}"};
      const std::string name = "template_" + std::to_string(out.parameters.size() + 1);
      out.parameters.emplace_back(name, text.substr(at, end + 2 - at));
      // A word or a colon right before it would make the name none: a cast, or a part of a slice.
      const bool apart =
          out.text.empty() || (out.text.back() != ':' && !word_character(out.text.back()));
      out.text += (apart ? ":" : " :") + name;
      at = end + 2;
      continue;
    }
    const auto piece = piece_at(text, at);
    if (!piece) return piece.error();
    const std::string_view part = text.substr(at, piece->end - at);
    const bool inside =
        part.find("{{") != std::string_view::npos || part.find("{%") != std::string_view::npos;
    if (piece->kind == Piece::Kind::comment && inside) {
      return {Errc::invalid, "a template within a comment: a value with a line break would end it"};
    }
    if (piece->kind == Piece::Kind::literal && inside) {
      return {Errc::invalid,
              "a template within quotes (" + std::string(part.substr(0, 60)) +
                  "): it becomes a bound parameter, which stands for the whole value; leave the "
                  "quotes out, and join texts with ||"};
    }
    out.text += part;
    at = piece->end;
  }
  return out;
}

}  // namespace batuta
