#include "scheduler/dagfile/template_parse.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>

namespace batuta {
namespace {

constexpr std::size_t max_expression = 4096;
constexpr std::size_t max_pieces = 20'000;
constexpr int max_nesting = 8;
constexpr std::size_t max_steps = 32;

// Recursive descent over one expression. The first problem ends it; everything after yields
// nothing.
class Parser {
 public:
  Parser(std::string_view text, std::size_t at) : text_(text), at_(at), begin_(at) {}

  TemplateExpr expression(int nesting = 0) {
    TemplateExpr expr;
    if (nesting > max_nesting) {
      fail("nested too deeply");
      return expr;
    }
    head(expr, nesting);
    while (ok() && accept('|')) filter(expr);
    for (std::size_t i = 0; i + 1 < expr.filters.size(); ++i) {
      if (expr.filters[i].name == "raw") fail("raw must be the last filter");
    }
    return expr;
  }

  // Skips the closing braces.
  void close() {
    space();
    if (text_.substr(at_, 2) == "}}") {
      at_ += 2;
    } else {
      fail("expected }}");
    }
  }
  bool ok() const { return error_.empty(); }
  std::size_t at() const { return at_; }
  std::string error() const {
    return error_ + " in \"" + std::string(text_.substr(begin_ - 2, 60)) + "\"";
  }

 private:
  void head(TemplateExpr& expr, int nesting) {
    space();
    if (auto value = literal()) {
      expr.is_literal = true;
      expr.literal = std::move(*value);
      return;
    }
    const auto name = identifier();
    if (name.empty()) {
      fail("expected a name or a value");
      return;
    }
    expr.path.emplace_back(name);
    while (ok()) {
      auto& steps = expr.is_call ? expr.steps : expr.path;
      if (steps.size() > max_steps) fail("too many steps");
      if (accept('.')) {
        auto member = identifier();
        if (member.empty()) fail("expected a name after '.'");
        steps.emplace_back(std::move(member));
      } else if (accept('[')) {
        subscript(steps);
      } else if (!expr.is_call && accept('(')) {
        expr.is_call = true;
        arguments(expr, nesting);
      } else {
        return;
      }
    }
  }

  void subscript(std::vector<TemplateExpr::Step>& steps) {
    space();
    auto value = literal();
    if (value && std::holds_alternative<std::string>(*value)) {
      steps.emplace_back(std::get<std::string>(*value));
    } else if (value && std::holds_alternative<std::int64_t>(*value)) {
      steps.emplace_back(std::get<std::int64_t>(*value));
    } else {
      fail("expected a text or a whole number between [ and ]");
    }
    if (!accept(']')) fail("expected ]");
  }

  void arguments(TemplateExpr& expr, int nesting) {
    if (accept(')')) return;
    do {
      TemplateExpr::Argument argument;
      space();
      const auto mark = at_;
      argument.name = identifier();
      if (argument.name.empty() || !accept('=')) {
        argument.name.clear();
        at_ = mark;
      }
      argument.value = expression(nesting + 1);
      expr.arguments.push_back(std::move(argument));
    } while (ok() && expr.arguments.size() <= max_steps && accept(','));
    if (!accept(')')) fail("expected )");
  }

  void filter(TemplateExpr& expr) {
    TemplateExpr::Filter filter;
    space();
    filter.name = identifier();
    if (filter.name.empty() || expr.filters.size() >= max_steps) {
      fail("expected the name of a filter after |");
      return;
    }
    if (accept('(') && !accept(')')) {
      do {
        space();
        auto value = literal();
        if (!value) fail("expected a value in " + filter.name + "(…)");
        if (value) filter.arguments.push_back(std::move(*value));
      } while (ok() && accept(','));
      if (!accept(')')) fail("expected )");
    }
    expr.filters.push_back(std::move(filter));
  }

  // A text, a number or a word such as true; nullopt leaves the place untouched.
  std::optional<TemplateLiteral> literal() {
    const char c = peek();
    if (c == '\'' || c == '"') return text_literal();
    if (c == '-' || (c >= '0' && c <= '9')) return number();
    const auto mark = at_;
    const auto word = identifier();
    if (word == "true" || word == "True") return TemplateLiteral(true);
    if (word == "false" || word == "False") return TemplateLiteral(false);
    if (word == "null" || word == "none" || word == "None") return TemplateLiteral();
    at_ = mark;
    return std::nullopt;
  }

  TemplateLiteral text_literal() {
    const char quote = text_[at_++];
    std::string value;
    while (peek() != quote) {
      if (peek() == '\0') {
        fail("a text is not closed");
        return value;
      }
      if (peek() == '\\' && at_ + 1 < text_.size()) {
        const char escaped = text_[++at_];
        value += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped;
      } else {
        value += text_[at_];
      }
      ++at_;
    }
    ++at_;
    return value;
  }

  std::optional<TemplateLiteral> number() {
    auto end = text_.find_first_not_of("+-.0123456789eE", at_);
    if (end == std::string_view::npos) end = text_.size();
    const char* first = text_.data() + at_;
    const char* last = text_.data() + end;
    std::int64_t whole = 0;
    if (const auto r = std::from_chars(first, last, whole); r.ec == std::errc{} && r.ptr == last) {
      at_ = end;
      return TemplateLiteral(whole);
    }
    double fraction = 0;
    if (const auto r = std::from_chars(first, last, fraction);
        r.ec == std::errc{} && r.ptr == last) {
      at_ = end;
      return TemplateLiteral(fraction);
    }
    fail("a number cannot be read");
    return std::nullopt;
  }

  std::string identifier() {
    space();
    const auto begin = at_;
    while (std::isalpha(static_cast<unsigned char>(peek())) || peek() == '_' ||
           (at_ > begin && std::isdigit(static_cast<unsigned char>(peek())))) {
      ++at_;
    }
    return std::string(text_.substr(begin, at_ - begin));
  }

  bool accept(char c) {
    space();
    if (peek() != c || !ok()) return false;
    ++at_;
    return true;
  }
  void space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
    if (at_ - begin_ > max_expression) fail("the expression is longer than 4 KiB");
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void fail(std::string message) {
    if (error_.empty()) error_ = std::move(message);
  }

  std::string_view text_;
  std::size_t at_;
  std::size_t begin_;
  std::string error_;
};

}  // namespace

Result<std::vector<TemplatePiece>> parse_template(std::string_view text) {
  std::vector<TemplatePiece> pieces;
  if (const auto block = text.find("{%");
      block != std::string_view::npos && text.find("%}", block) != std::string_view::npos) {
    return {Errc::invalid, "{% … %} is not supported: templates hold {{ … }} only"};
  }
  std::size_t at = 0;
  while (at < text.size()) {
    const auto open = std::min(text.find("{{", at), text.size());
    if (open > at) pieces.emplace_back(std::string(text.substr(at, open - at)));
    if (open == text.size()) break;
    if (pieces.size() > max_pieces) {
      return {Errc::invalid, "more than 10,000 templates in one text"};
    }
    Parser parser(text, open + 2);
    auto expr = parser.expression();
    if (parser.ok()) parser.close();
    if (!parser.ok()) return {Errc::invalid, parser.error()};
    pieces.emplace_back(std::move(expr));
    at = parser.at();
  }
  return pieces;
}

}  // namespace batuta
