#include "contract/expression_names.h"

#include <cctype>
#include <map>
#include <utility>

namespace batuta::contract {
namespace {

std::string name_lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::size_t past_blanks(const std::string& sql, std::size_t at) {
  while (at < sql.size() && std::isspace(static_cast<unsigned char>(sql[at]))) ++at;
  return at;
}

// Behind a text or a quoted name that begins at `at`; npos: it does not end.
std::size_t past_quoted(const std::string& sql, std::size_t at, std::string& inside) {
  const char quote = sql[at];
  for (++at; at < sql.size(); ++at) {
    if (sql[at] != quote) {
      inside += sql[at];
    } else if (at + 1 < sql.size() && sql[at + 1] == quote) {
      inside += sql[++at];
    } else {
      return at + 1;
    }
  }
  return sql.npos;
}

// Names of an expression, one after the other.
class NameReader {
 public:
  NameReader(const std::string& sql, const std::set<std::string>& columns) : sql_(sql) {
    for (const std::string& name : columns) columns_[name_lower(name)] = name;
  }

  std::optional<std::set<std::string>> read() {
    while (at_ < sql_.size()) {
      const char c = sql_[at_];
      if (std::isspace(static_cast<unsigned char>(c))) {
        ++at_;
        continue;
      }
      if (!take(c)) return std::nullopt;
    }
    return found_;
  }

 private:
  // False: nobody can say for certain what it names.
  bool take(char c) {
    const auto pair = sql_.substr(at_, 2);
    if (pair == "->" || pair == "--" || pair == "/*" || c == '{' || c == '[' || c == '$')
      return false;
    if (c == '\'' || c == '"') return quoted(c);
    if (std::isdigit(static_cast<unsigned char>(c))) return number();
    if (is_word(c)) return word();
    if (c == '.') return false;
    type_follows_ = pair == "::";
    at_ += type_follows_ ? 2 : 1;
    return true;
  }
  bool quoted(char quote) {
    std::string inside;
    at_ = past_quoted(sql_, at_, inside);
    if (at_ == sql_.npos) return false;
    if (quote == '"') name(inside);
    type_follows_ = false;
    return true;
  }
  bool number() {
    while (at_ < sql_.size() && (is_word(sql_[at_]) || sql_[at_] == '.')) ++at_;
    type_follows_ = false;
    return true;
  }
  bool word() {
    const auto begin = at_;
    while (at_ < sql_.size() && is_word(sql_[at_])) ++at_;
    const std::string text = sql_.substr(begin, at_ - begin);
    const auto next = past_blanks(sql_, at_);
    const char follows = next < sql_.size() ? sql_[next] : '\0';
    const bool type = std::exchange(type_follows_, name_lower(text) == "as");
    if (follows == '.') return false;
    // A type, a function, DATE '2026-01-01', year FROM …: no column, whatever it is called.
    const bool from = name_lower(sql_.substr(next, 4)) == "from" &&
                      (next + 4 >= sql_.size() || !is_word(sql_[next + 4]));
    if (!type && follows != '(' && follows != '\'' && !from) name(text);
    return true;
  }
  void name(const std::string& text) {
    const auto found = columns_.find(name_lower(text));
    if (found != columns_.end()) found_.insert(found->second);
  }

  const std::string& sql_;
  std::map<std::string, std::string> columns_;
  std::set<std::string> found_;
  std::size_t at_ = 0;
  bool type_follows_ = false;
};

}  // namespace

std::optional<std::set<std::string>> columns_named(const std::string& sql,
                                                   const std::set<std::string>& columns) {
  return NameReader(sql, columns).read();
}

}  // namespace batuta::contract
