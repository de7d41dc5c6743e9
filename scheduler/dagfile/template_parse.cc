#include "scheduler/dagfile/template_parse.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <utility>

namespace batuta {
namespace {

constexpr std::size_t max_expression = 4096;
constexpr std::size_t max_pieces = 20'000;
constexpr int max_nesting = 8;
constexpr std::size_t max_steps = 32;
constexpr std::size_t max_arguments = 64;

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
    while (ok() && accept('|')) filter(expr, nesting);
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
    return error_ + " in \"" + std::string(text_.substr(begin_ - 2, 60)) + "\"" +
           std::string(braces_remedy);
  }

 private:
  using Kind = TemplateExpr::Kind;

  void head(TemplateExpr& expr, int nesting) {
    space();
    if (auto value = literal()) {
      expr.kind = Kind::literal;
      expr.literal = std::move(*value);
      return;
    }
    if (accept('[')) {
      expr.kind = Kind::list;
      return arguments(expr.arguments, nesting, ']');
    }
    if (accept('{')) {
      expr.kind = Kind::object;
      return members(expr.arguments, nesting);
    }
    if (accept('(')) {
      expr.kind = Kind::group;
      expr.arguments.push_back({"", expression(nesting + 1)});
      if (!accept(')')) fail("expected )");
    } else if (auto name = identifier(); !name.empty()) {
      expr.path.emplace_back(std::move(name));
    } else {
      fail("expected a name or a value");
    }
    steps_of(expr, nesting);
  }

  void steps_of(TemplateExpr& expr, int nesting) {
    while (ok()) {
      auto& steps = expr.kind == Kind::name ? expr.path : expr.steps;
      if (steps.size() > max_steps) fail("too many steps");
      if (accept('.')) {
        auto member = identifier();
        if (member.empty()) fail("expected a name after '.'");
        steps.emplace_back(std::move(member));
      } else if (accept('[')) {
        subscript(steps);
      } else if (expr.kind == Kind::name && accept('(')) {
        expr.kind = Kind::call;
        arguments(expr.arguments, nesting, ')');
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

  // What stands between parentheses or brackets, up to and with `end`.
  void arguments(std::vector<TemplateExpr::Argument>& out, int nesting, char end) {
    if (accept(end)) return;
    do {
      TemplateExpr::Argument argument;
      space();
      const auto mark = at_;
      if (end == ')') argument.name = identifier();
      if (argument.name.empty() || !accept('=')) {
        argument.name.clear();
        at_ = mark;
      }
      argument.value = expression(nesting + 1);
      out.push_back(std::move(argument));
    } while (ok() && out.size() <= max_arguments && accept(','));
    if (!accept(end)) fail(std::string("expected ") + end);
  }

  void members(std::vector<TemplateExpr::Argument>& out, int nesting) {
    if (accept('}')) return;
    do {
      space();
      auto name = literal();
      if (!name || !std::holds_alternative<std::string>(*name) || !accept(':')) {
        return fail("expected a name in quotes and a : after {");
      }
      out.push_back({std::get<std::string>(*name), expression(nesting + 1)});
    } while (ok() && out.size() <= max_arguments && accept(','));
    if (!accept('}')) fail("expected }");
  }

  void filter(TemplateExpr& expr, int nesting) {
    TemplateExpr::Filter filter;
    space();
    filter.name = identifier();
    if (filter.name.empty() || expr.filters.size() >= max_steps) {
      fail("expected the name of a filter after |");
      return;
    }
    if (accept('(')) arguments(filter.arguments, nesting, ')');
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

// A tag {% word %}; `-` beside a brace takes the white space on that side away.
struct Tag {
  std::string_view word;
  std::size_t end = 0;  // behind it
  bool trims_before = false, trims_after = false;
};
constexpr std::string_view white = " \t\r\n\v\f";
constexpr std::size_t longest_tag = 128;

// nullopt: "{%" at `at` opens no tag, for nothing closes it.
std::optional<Tag> read_tag(std::string_view text, std::size_t at) {
  const auto close = text.find("%}", at + 2);
  if (close == std::string_view::npos) return std::nullopt;
  std::string_view inside = text.substr(at + 2, close - at - 2);
  Tag tag;
  tag.end = close + 2;
  const auto sign = [](char c) { return c == '-' || c == '+'; };
  if (!inside.empty() && sign(inside.front())) {
    tag.trims_before = inside.front() == '-';
    inside.remove_prefix(1);
  }
  if (!inside.empty() && sign(inside.back())) {
    tag.trims_after = inside.back() == '-';
    inside.remove_suffix(1);
  }
  inside.remove_prefix(std::min(inside.find_first_not_of(white), inside.size()));
  tag.word = inside.substr(0, inside.find_last_not_of(white) + 1);
  return tag;
}

void trim_end(std::string& text) {
  text.resize(text.find_last_not_of(white) + 1);
}

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  Result<std::vector<TemplatePiece>> split() {
    while (at_ < text_.size()) {
      const auto open = std::min({next("{{", braces_), next("{%", block_), text_.size()});
      plain_ += text_.substr(at_, open - at_);
      at_ = open;
      if (open == text_.size()) break;
      const Status status = text_[open + 1] == '{' ? expression() : block();
      if (!status) return status.error();
    }
    keep_plain();
    return std::move(pieces_);
  }

 private:
  // Each found once, so that a text is read in time linear in its length.
  std::size_t next(std::string_view what, std::size_t& known) const {
    if (known < at_) known = text_.find(what, at_);
    return known;
  }

  Status expression() {
    keep_plain();
    if (pieces_.size() > max_pieces) {
      return {Errc::invalid, "more than 10,000 templates in one text"};
    }
    Parser parser(text_, at_ + 2);
    auto expr = parser.expression();
    if (parser.ok()) parser.close();
    if (!parser.ok()) return {Errc::invalid, parser.error()};
    pieces_.emplace_back(std::move(expr));
    at_ = parser.at();
    return success();
  }

  Status block() {
    const auto tag = read_tag(text_, at_);
    if (!tag) {  // nor does anything close a later one
      block_ = text_.size();
      return success();
    }
    if (tag->word != "raw") {
      return {Errc::invalid,
              "{% … %} is not supported: templates hold {{ … }} and {% raw %}, after which braces "
              "stand for themselves up to {% endraw %}"};
    }
    if (tag->trims_before) trim_end(plain_);
    at_ = tag->end;
    if (tag->trims_after) at_ = std::min(text_.find_first_not_of(white, at_), text_.size());
    for (auto open = text_.find("{%", at_); open != std::string_view::npos;
         open = text_.find("{%", open + 2)) {
      const auto end = read_tag(text_.substr(0, open + longest_tag), open);
      if (!end || end->word != "endraw") continue;
      std::string inside(text_.substr(at_, open - at_));
      if (end->trims_before) trim_end(inside);
      plain_ += inside;
      at_ = end->end;
      if (end->trims_after) at_ = std::min(text_.find_first_not_of(white, at_), text_.size());
      return success();
    }
    return {Errc::invalid, "{% raw %} without {% endraw %}"};
  }

  void keep_plain() {
    if (!plain_.empty()) pieces_.emplace_back(std::exchange(plain_, {}));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t braces_ = text_.find("{{"), block_ = text_.find("{%");
  std::string plain_;
  std::vector<TemplatePiece> pieces_;
};

}  // namespace

Result<std::vector<TemplatePiece>> parse_template(std::string_view text) {
  return Splitter(text).split();
}

}  // namespace batuta
