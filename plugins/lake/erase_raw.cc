#include "plugins/lake/erase_raw.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"

namespace batuta::lake {
namespace {

constexpr std::size_t deepest = 200;

std::string literal_pattern(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                       (c >= 'A' && c <= 'Z') || c == '_';
    if (!plain) out += '\\';
    out += c;
  }
  return out;
}

// A text as it stands between a JSON string's quotes: as UTF-8, and with all else escaped.
std::vector<std::string> json_spellings(const std::string& value) {
  std::vector<std::string> out;
  for (const bool ascii : {false, true}) {
    std::string text =
        nlohmann::json(value).dump(-1, ' ', ascii, nlohmann::json::error_handler_t::replace);
    text = text.substr(1, text.size() - 2);
    if (out.empty() || out.front() != text) out.push_back(std::move(text));
  }
  return out;
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view trimmed_cell(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t skip(std::string_view text, std::size_t at, const auto& wanted) {
  while (at < text.size() && wanted(text[at])) ++at;
  return at;
}

// Behind a member's name: whether its value is this one.
bool value_follows(std::string_view text, std::size_t at, const std::string& value) {
  const auto backslash = [](char c) { return c == '\\'; };
  at = skip(text, at, backslash);
  if (at >= text.size() || text[at] != '"') return false;
  at = skip(text, at + 1, is_blank);
  if (at >= text.size() || text[at] != ':') return false;
  at = skip(text, at + 1, is_blank);
  const std::size_t quote = skip(text, at, backslash);
  const bool quoted = quote < text.size() && text[quote] == '"';
  if (quoted) at = quote + 1;
  if (text.compare(at, value.size(), value) != 0) return false;
  at += value.size();
  if (quoted) {
    at = skip(text, at, backslash);
    return at < text.size() && text[at] == '"';
  }
  at = skip(text, at, is_blank);
  return at == text.size() || text[at] == ',' || text[at] == '}' || text[at] == ']';
}

// Bounds of what is cut out of a text.
struct Cut {
  std::size_t begin, end;
};

class DocumentReader {
 public:
  DocumentReader(std::string_view text, const std::vector<ErasedKey>& keys) : text_(text) {
    for (const ErasedKey& key : keys)
      for (const std::string& value : key.values)
        for (std::string& spelt : json_spellings(value))
          wanted_.push_back({&key.names, std::move(spelt)});
  }

  // The document names the person and nobody can tell that all of it is theirs.
  bool unsure() const { return unsure_; }

  // nullopt: it is no JSON.
  std::optional<std::vector<Cut>> read() {
    while (at_ < text_.size())
      if (!token()) return std::nullopt;
    if (!open_.empty()) return std::nullopt;
    return std::move(cuts_);
  }

 private:
  struct Open {
    std::size_t begin;
    bool list, item, person = false;  // `item`: of a list
    bool named = false;               // a member's name was read, its value comes
    std::string name{};
  };
  struct Wanted {
    const std::vector<std::string>* names;
    std::string value;
  };

  bool token() {
    const char c = text_[at_];
    if (is_blank(c) || c == ',' || c == ':') return ++at_, true;
    if (c == '{' || c == '[') {
      if (open_.size() == deepest) return false;
      const bool item = !open_.empty() && open_.back().list;
      if (open_.empty()) {
        lists_ = objects_ = 0;
      } else {
        ++(c == '[' ? lists_ : objects_);
      }
      if (!open_.empty()) open_.back().named = false;
      open_.push_back({at_, c == '[', item});
      return ++at_, true;
    }
    if (c == '}' || c == ']') return close(c);
    return c == '"' ? text_token() : bare_token();
  }

  bool close(char c) {
    if (open_.empty() || open_.back().list != (c == ']')) return false;
    ++at_;
    const Open closed = std::move(open_.back());
    open_.pop_back();
    if (!closed.person) return true;
    if (open_.empty() && (lists_ > 0 || objects_ > 1)) {
      unsure_ = true;
    } else {
      cuts_.push_back({closed.begin, at_});
    }
    return true;
  }

  bool text_token() {
    const std::size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) return false;
    const std::string_view inside = text_.substr(begin, at_ - begin);
    ++at_;
    if (!open_.empty() && !open_.back().list && !open_.back().named) {
      open_.back().named = true;
      open_.back().name = inside;
      return true;
    }
    value(inside);
    return true;
  }

  bool bare_token() {
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           std::string_view(",:{}[]\" \t\r\n").find(text_[at_]) == std::string_view::npos)
      ++at_;
    value(text_.substr(begin, at_ - begin));
    return at_ > begin;
  }

  void value(std::string_view found) {
    if (open_.empty()) return;
    open_.back().named = false;
    if (open_.back().list) return;
    const bool person = std::any_of(wanted_.begin(), wanted_.end(), [&](const Wanted& wanted) {
      const auto& names = *wanted.names;
      return wanted.value == found &&
             std::find(names.begin(), names.end(), open_.back().name) != names.end();
    });
    if (!person) return;
    for (std::size_t i = open_.size(); i-- > 0;) {
      if (open_[i].list || !(open_[i].item || i == 0)) continue;
      open_[i].person = true;
      return;
    }
  }

  std::string_view text_;
  std::vector<Wanted> wanted_;
  std::vector<Open> open_;
  std::vector<Cut> cuts_;
  std::size_t at_ = 0;
  std::size_t lists_ = 0, objects_ = 0;  // within the document
  bool unsure_ = false;
};

// Items leave with one comma: the one behind, or of the last ones the one before.
std::string without_items(std::string_view text, std::vector<Cut> cuts) {
  std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) { return a.begin < b.begin; });
  std::string out;
  std::size_t from = 0;
  for (const Cut& cut : cuts) {
    if (cut.begin < from) continue;  // within another
    out += text.substr(from, cut.begin - from);
    from = cut.end;
    const std::size_t next = skip(text, from, is_blank);
    if (next < text.size() && text[next] == ',') {
      from = next + 1;
      continue;
    }
    const auto last = out.find_last_not_of(" \t\r\n");
    if (last != std::string::npos && out[last] == ',') out.erase(last);
  }
  out += text.substr(from);
  return trimmed_cell(out).empty() ? "{}" : out;
}

struct Record {
  std::size_t begin, end;  // with its line's end
  std::vector<std::string> cells;
  std::string doubt{};  // why its end may be another
};

struct CsvMarks {
  char between;
  std::optional<char> quote;
  bool literal;  // a quote within a cell that has none at its start is a character like any other
};

// The record that begins at `at`.
Record record_at(std::string_view text, std::size_t at, const CsvMarks& marks) {
  enum class In { start, plain, quoted, closed } in = In::start;
  Record out{at, at, {}};
  std::string cell;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    const bool quote = marks.quote == c;
    if (in == In::quoted) {
      if (!quote) {
        cell += c;
      } else if (at + 1 < text.size() && text[at + 1] == c) {
        cell += c;
        ++at;
      } else {
        in = In::closed;
      }
    } else if (c == marks.between) {
      out.cells.push_back(std::move(cell));
      cell.clear();
      in = In::start;
    } else if (c == '\n' || c == '\r') {
      break;
    } else if (quote && in == In::start) {
      in = In::quoted;
    } else {
      if (in == In::closed && !is_blank(c)) out.doubt = "a cell goes on behind its closing quote";
      if (quote && in == In::plain && !marks.literal)
        out.doubt = "a quote stands within a cell that has none at its start";
      cell += c;
      if (in == In::start) in = In::plain;
    }
  }
  if (in == In::quoted) out.doubt = "it ends within quotes";
  out.cells.push_back(std::move(cell));
  if (at < text.size() && text[at] == '\r') ++at;
  if (at < text.size() && text[at] == '\n') ++at;
  out.end = at;
  return out;
}

bool is_ascii(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// Why texts cannot be compared byte by byte; empty: they can.
std::string other_bytes(std::string_view text, const std::vector<ErasedKey>& keys,
                        std::string encoding) {
  std::erase_if(encoding, [](char c) { return c == '-' || c == '_' || c == ' '; });
  std::transform(encoding.begin(), encoding.end(), encoding.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  if (text.find('\0') != text.npos) return "it is not UTF-8 but, it seems, UTF-16";
  if (encoding.empty() || encoding == "utf8" || encoding == "ascii" || encoding == "usascii")
    return {};
  const bool above_ascii = encoding == "latin1" || encoding.starts_with("iso8859") ||
                           encoding.starts_with("windows125") || encoding.starts_with("cp125");
  const bool plain = std::all_of(keys.begin(), keys.end(), [](const ErasedKey& key) {
    return std::all_of(key.names.begin(), key.names.end(), is_ascii) &&
           std::all_of(key.values.begin(), key.values.end(), is_ascii);
  });
  if (above_ascii && plain) return {};
  return "the contract says that it is not in UTF-8";
}

// For each key the positions of its column; empty: the head has none of them.
std::vector<std::vector<std::size_t>> positions(const Record& head,
                                                const std::vector<ErasedKey>& keys) {
  std::vector<std::vector<std::size_t>> out(keys.size());
  bool any = false;
  for (std::size_t k = 0; k < keys.size(); ++k) {
    for (std::size_t i = 0; i < head.cells.size(); ++i) {
      const auto cell = trimmed_cell(head.cells[i]);
      const auto& names = keys[k].names;
      if (std::find(names.begin(), names.end(), cell) == names.end()) continue;
      out[k].push_back(i);
      any = true;
    }
  }
  if (!any) out.clear();
  return out;
}

bool is_person(const Record& record, const std::vector<ErasedKey>& keys,
               const std::vector<std::vector<std::size_t>>& at) {
  for (std::size_t k = 0; k < keys.size(); ++k)
    for (const std::size_t i : at[k])
      if (i < record.cells.size()) {
        const auto cell = trimmed_cell(record.cells[i]);
        const auto& values = keys[k].values;
        if (std::find(values.begin(), values.end(), cell) != values.end()) return true;
      }
  return false;
}

}  // namespace

std::string member_pattern(const ErasedKey& key) {
  std::string names, values;
  for (const std::string& name : key.names)
    names += (names.empty() ? "" : "|") + literal_pattern(name);
  for (const std::string& value : key.values)
    for (const std::string& spelt : json_spellings(value))
      values += (values.empty() ? "" : "|") + literal_pattern(spelt);
  return R"re(\\*"(?:)re" + names + R"re()\\*"\s*:\s*(?:\\*"(?:)re" + values + R"re()\\*"|(?:)re" +
         values + R"re()\s*(?:[,}\]]|$)))re";
}

bool names_person(std::string_view text, const std::vector<ErasedKey>& keys) {
  for (const ErasedKey& key : keys) {
    std::vector<std::string> values;
    for (const std::string& value : key.values)
      for (std::string& spelt : json_spellings(value)) values.push_back(std::move(spelt));
    for (const std::string& name : key.names)
      for (auto at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
        if (at == 0 || text[at - 1] != '"') continue;
        for (const std::string& value : values)
          if (value_follows(text, at + name.size(), value)) return true;
      }
  }
  return false;
}

RawRest without_lines(std::string_view text, const std::vector<ErasedKey>& keys) {
  RawRest out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const std::string_view line = text.substr(at, end == text.npos ? text.npos : end + 1 - at);
    at += line.size();
    if (names_person(line, keys)) {
      ++out.records;
    } else {
      out.text += line;
    }
  }
  return out;
}

RawRest without_objects(std::string_view text, const std::vector<ErasedKey>& keys) {
  RawRest out;
  DocumentReader reader(text, keys);
  auto cuts = reader.read();
  if (!cuts) {
    out.text = text;
    out.problem = "it is no JSON document, or nested deeper than 200 levels";
    return out;
  }
  if (reader.unsure()) {
    out.problem =
        "outside of any list of it, beside what may be of others: take it out by hand, or delete "
        "the file";
    out.hidden = true;  // it may be spelt with escapes
  }
  out.records = static_cast<std::int64_t>(cuts->size());
  out.text = cuts->empty() ? std::string(text) : without_items(text, *std::move(cuts));
  return out;
}

RawRest without_records(std::string_view text, const std::vector<ErasedKey>& keys,
                        const CsvForm& form) {
  RawRest out;
  out.text = text;
  out.problem = other_bytes(text, keys, form.encoding);
  out.hidden = !out.problem.empty();
  if (out.hidden) return out;
  const std::size_t first = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  CsvMarks marks{',', '"', form.known};
  if (form.known) marks.quote.reset();
  if (form.known && !form.quote.empty()) marks.quote = form.quote.front();
  for (const char between : form.known ? form.delimiter : std::string(",;\t|")) {
    marks.between = between;
    const Record head = record_at(text, first, marks);
    const auto at = positions(head, keys);
    if (at.empty()) continue;
    std::string rest(text.substr(0, head.end)), doubt = head.doubt;
    std::int64_t records = 0;
    for (std::size_t from = head.end; from < text.size() && doubt.empty();) {
      const Record record = record_at(text, from, marks);
      from = record.end;
      const bool blank = record.cells.size() == 1 && trimmed_cell(record.cells[0]).empty();
      doubt = record.doubt;
      if (doubt.empty() && !blank && record.cells.size() != head.cells.size())
        doubt = "it has " + std::to_string(record.cells.size()) + " cells and the head " +
                std::to_string(head.cells.size());
      if (!doubt.empty())
        doubt =
            "of the record in line " +
            std::to_string(1 + std::count(text.begin(),
                                          text.begin() + static_cast<std::ptrdiff_t>(record.begin),
                                          '\n')) +
            " nobody can tell where it ends: " + doubt;
      if (is_person(record, keys, at)) {
        ++records;
      } else {
        rest += text.substr(record.begin, record.end - record.begin);
      }
    }
    out.problem = doubt;
    if (!doubt.empty()) return out;
    out.text = std::move(rest);
    out.records = records;
    return out;
  }
  out.problem = "its first line names no such column";
  return out;
}

}  // namespace batuta::lake
