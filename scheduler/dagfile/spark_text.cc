#include "scheduler/dagfile/spark_text.h"

#include <algorithm>
#include <cctype>

#include "common/sql_text.h"
#include "scheduler/dagfile/changed_call.h"

namespace batuta {
namespace {

bool spark_name_begins(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '`' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool spark_name_goes_on(char c) {
  return c != '`' && (spark_name_begins(c) || std::isdigit(static_cast<unsigned char>(c)) != 0);
}
bool spark_blank(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

// Of which a program may read tables.
bool is_layer_read(const std::string& name) {
  static constexpr std::string_view layers[] = {"bronze",     "silver", "gold",
                                                "quarantine", "dlq",    "mngt"};
  return std::find(std::begin(layers), std::end(layers), name) != std::end(layers);
}

class SparkReader {
 public:
  explicit SparkReader(std::string_view sql) : sql_(sql) {}

  Result<SparkText> read() {
    while (at_ < sql_.size())
      if (const Status done = step(); !done) return done.error();
    if (out_.first_word.empty()) return {Errc::invalid, "there is no statement"};
    return std::move(out_);
  }

 private:
  bool here(std::string_view text) const { return sql_.substr(at_, text.size()) == text; }

  Status step() {
    const char c = sql_[at_];
    if (here("{%"))
      return {Errc::invalid, "{% … %} is not for SQL: conditions belong into the statement"};
    if (here("--") || here("/*")) return take_part(sql_comment_end(sql_, at_), "a comment");
    if (spark_blank(c) || c == ';') {
      if (c == ';') ended_ = !out_.first_word.empty();
      if (c != ';') out_.text += c;
      ++at_;
      return success();
    }
    if (ended_)
      return {Errc::invalid, "a model is one SELECT, and more stands behind its semicolon"};
    if (here("{{")) return take_template();
    const bool raw = (c == 'r' || c == 'R') && at_ + 1 < sql_.size() && is_quote(sql_[at_ + 1]);
    if (raw || is_quote(c)) return take_part(end_of_literal(raw), "a quoted text");
    if (spark_name_begins(c)) return take_names();
    out_.text += c;
    ++at_;
    return success();
  }

  static bool is_quote(char c) { return c == '\'' || c == '"'; }

  std::size_t end_of_literal(bool raw) const {
    std::size_t at = at_ + (raw ? 1 : 0);
    const char quote = sql_[at];
    for (++at; at < sql_.size(); ++at) {
      if (sql_[at] == '\\' && !raw) {
        ++at;
      } else if (sql_[at] == quote) {
        return at + 1;  // doubled: the next literal begins, as Spark has it, too
      }
    }
    return std::string_view::npos;
  }

  Status take_part(std::size_t end, const std::string& what) {
    if (end == std::string_view::npos) {
      const auto before = sql_.substr(0, at_);
      const auto line = 1 + std::count(before.begin(), before.end(), '\n');
      return {Errc::invalid,
              what + " that begins in line " + std::to_string(line) + " does not end"};
    }
    const std::string_view part = sql_.substr(at_, end - at_);
    if (part.find("{{") != std::string_view::npos || part.find("{%") != std::string_view::npos)
      return {Errc::invalid, "a template within " + what + " (" + std::string(part.substr(0, 60)) +
                                 "): it becomes a parameter, which stands for a whole value"};
    out_.text += part;
    at_ = end;
    return success();
  }

  Status take_template() {
    const auto end = sql_.find("}}", at_);
    if (end == std::string_view::npos) return {Errc::invalid, "{{ without }}"};
    const std::string name = "template_" + std::to_string(out_.parameters.size() + 1);
    out_.parameters.emplace_back(name, std::string(sql_.substr(at_, end + 2 - at_)));
    const bool apart =
        out_.text.empty() || (out_.text.back() != ':' && !spark_name_goes_on(out_.text.back()));
    out_.text += (apart ? ":" : " :") + name;
    at_ = end + 2;
    return success();
  }

  // One name; of a quoted one what it says.
  Result<std::string> take_name() {
    std::string name;
    if (sql_[at_] != '`') {
      while (at_ < sql_.size() && spark_name_goes_on(sql_[at_])) name += sql_[at_++];
      return name;
    }
    for (++at_; at_ < sql_.size(); ++at_) {
      if (sql_[at_] == '`') {
        ++at_;
        if (at_ >= sql_.size() || sql_[at_] != '`') return name;
      }
      name += sql_[at_];
    }
    return {Errc::invalid, "a name in backquotes does not end"};
  }

  // A name and those behind its dots.
  Status take_names() {
    const std::size_t begin = at_;
    const bool quoted = sql_[at_] == '`';
    const char before = out_.text.empty() ? ' ' : out_.text.back();
    const bool member = before == '.' || before == ':';
    std::vector<std::string> names;
    std::vector<std::size_t> ends;
    for (;;) {
      auto name = take_name();
      if (!name) return name.error();
      if (name->find("{{") != std::string::npos || name->find("{%") != std::string::npos)
        return {Errc::invalid, "a template within a name: names hold none"};
      names.push_back(*std::move(name));
      ends.push_back(at_);
      if (at_ + 1 >= sql_.size() || sql_[at_] != '.' || !spark_name_begins(sql_[at_ + 1])) break;
      ++at_;
    }
    if (out_.first_word.empty()) {
      out_.first_word = names.front();
      for (char& c : out_.first_word)
        c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    std::size_t from = begin;
    if (!member && quoted && is_table_name(names.front())) {
      out_.text += view_of(names.front());
      from = ends.front();
    } else if (!member && names.size() >= 3 && is_layer_read(names.front())) {
      const std::string table = names[0] + "/" + names[1] + "/" + names[2];
      if (is_table_name(table)) {
        out_.text += view_of(table);
        from = ends[2];
      }
    }
    out_.text += sql_.substr(from, at_ - from);
    return success();
  }

  std::string view_of(const std::string& table) {
    std::string plain = table;
    for (char& c : plain)
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    std::string view = plain;
    for (int number = 2;; ++number) {
      const auto [at, fresh] = out_.views.emplace(view, table);
      if (fresh || at->second == table) return view;
      view = plain + "_" + std::to_string(number);  // a-b and a_b
    }
  }

  const std::string_view sql_;
  std::size_t at_ = 0;
  bool ended_ = false;
  SparkText out_;
};

}  // namespace

Result<SparkText> spark_text(std::string_view sql) {
  return SparkReader(sql).read();
}

}  // namespace batuta
