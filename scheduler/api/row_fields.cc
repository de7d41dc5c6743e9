#include "scheduler/api/row_fields.h"

#include <algorithm>
#include <utility>

#include "common/suggest.h"
#include "scheduler/api/openapi_schemas.h"
#include "scheduler/http/response.h"

namespace batuta::http {
namespace {

const ObjectSchema* find_schema(std::string_view name) {
  const auto all = object_schemas();
  const auto it = std::find_if(all.begin(), all.end(),
                               [&](const ObjectSchema& schema) { return schema.name == name; });
  return it == all.end() ? nullptr : &*it;
}

// Calls `take` with each word of a schema's line, those of the schemas that it names included.
template <class Take>
void each_word(std::string_view fields, Take take) {
  while (!fields.empty()) {
    const auto end = std::min(fields.find(' '), fields.size());
    const auto word = fields.substr(0, end);
    fields.remove_prefix(std::min(end + 1, fields.size()));
    if (!word.starts_with('=')) {
      take(word);
    } else if (const ObjectSchema* other = find_schema(word.substr(1))) {
      each_word(other->fields, take);
    }
  }
}

// "[~tags:DAGTag]" -> "tags"
std::string_view name_of_word(std::string_view word) {
  while (word.starts_with('[') || word.starts_with('~')) word.remove_prefix(1);
  return word.substr(0, word.find_first_of(":?]"));
}

// Reads over JSON that we made ourselves; `at` is npos once it is not what it should be.
class JsonWalk {
 public:
  explicit JsonWalk(std::string_view text) : text_(text) {}

  bool good() const { return at_ != text_.npos; }
  std::size_t at() const { return at_; }
  // Over white space, to a sign that is not consumed; '\0' at the end.
  char next() {
    if (good()) at_ = text_.find_first_not_of(" \t\r\n", at_);
    return good() ? text_[at_] : '\0';
  }
  bool take(char sign) {
    if (next() != sign) return false;
    ++at_;
    return true;
  }
  void need(char sign) {
    if (!take(sign)) at_ = text_.npos;
  }
  // A string with its quotes, escapes as they stand.
  std::string_view string() {
    if (next() != '"') return fail();
    const auto from = at_++;
    while (good()) {
      at_ = text_.find('"', at_);
      if (!good()) break;
      std::size_t slashes = 0;
      while (at_ - 1 - slashes > from && text_[at_ - 1 - slashes] == '\\') ++slashes;
      ++at_;
      if (slashes % 2 == 0) return text_.substr(from, at_ - from);
    }
    return {};
  }
  // Any value, whatever stands in it.
  std::string_view value() {
    const char first = next();
    if (first == '"') return string();
    if (!good()) return {};
    const auto from = at_;
    if (first != '{' && first != '[') {
      at_ = std::min(text_.find_first_of(",]} \t\r\n", at_), text_.size());
      return at_ > from ? text_.substr(from, at_ - from) : fail();
    }
    std::size_t depth = 0;
    while (good()) {
      at_ = text_.find_first_of("\"{}[]", at_);
      if (!good()) break;
      const char sign = text_[at_];
      if (sign == '"') {
        string();
        continue;
      }
      ++at_;
      if (sign == '{' || sign == '[') {
        ++depth;
      } else if (--depth == 0) {
        return text_.substr(from, at_ - from);
      }
    }
    return {};
  }

 private:
  std::string_view fail() {
    at_ = text_.npos;
    return {};
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

// Each member of an object; false when it is none.
template <class Take>
bool each_member(JsonWalk& walk, Take take) {
  walk.need('{');
  if (walk.take('}')) return true;
  do {
    const std::string_view key = walk.string();
    walk.need(':');
    if (!walk.good()) return false;
    take(key.substr(1, key.size() - 2));
  } while (walk.good() && walk.take(','));
  walk.need('}');
  return walk.good();
}

void append_row(JsonWalk& walk, const std::set<std::string, std::less<>>& chosen,
                std::string& out) {
  if (walk.next() != '{') {
    out += walk.value();
    return;
  }
  bool first = true;
  out += '{';
  each_member(walk, [&](std::string_view key) {
    const std::string_view value = walk.value();
    if (!chosen.contains(key)) return;
    if (!first) out += ',';
    first = false;
    out.append("\"").append(key).append("\":").append(value);
  });
  out += '}';
}

void append_rows(JsonWalk& walk, const std::set<std::string, std::less<>>& chosen,
                 std::string& out) {
  walk.need('[');
  out += '[';
  if (!walk.good() || walk.take(']')) {
    out += ']';
    return;
  }
  do {
    append_row(walk, chosen, out);
    if (walk.next() == ',') out += ',';
  } while (walk.good() && walk.take(','));
  walk.need(']');
  out += ']';
}

}  // namespace

RowSchema row_schema(const Route& route) {
  RowSchema rows;
  if (route.method != Method::get) return rows;
  const ObjectSchema* answer = find_schema(route.answer);
  if (!answer || answer->fields.find("total_entries:int") == answer->fields.npos) return rows;
  // The rows stand first: "[dag_runs:DAGRun] total_entries:int …".
  const auto first = answer->fields.substr(0, answer->fields.find(' '));
  const auto colon = first.find(':');
  if (!first.starts_with('[') || !first.ends_with(']') || colon == first.npos) return rows;
  const ObjectSchema* row = find_schema(first.substr(colon + 1, first.size() - colon - 2));
  if (!row) return rows;
  rows.list = name_of_word(first);
  each_word(row->fields, [&](std::string_view word) { rows.known.push_back(name_of_word(word)); });
  return rows;
}

Result<std::optional<std::set<std::string, std::less<>>>> chosen_fields(const Request& request,
                                                                        const RowSchema& rows) {
  std::set<std::string, std::less<>> chosen;
  for (const auto& [name, value] : request.query) {
    if (name != fields_param) continue;
    std::string_view left = value;
    while (!left.empty()) {
      const auto end = std::min(left.find(','), left.size());
      const auto field = left.substr(0, end);
      left.remove_prefix(std::min(end + 1, left.size()));
      if (field.empty()) continue;
      if (std::find(rows.known.begin(), rows.known.end(), field) != rows.known.end()) {
        chosen.emplace(field);
        continue;
      }
      const std::vector<std::string> known(rows.known.begin(), rows.known.end());
      std::string near = did_you_mean(field, known);
      // As with order_by, which Airflow refuses so.
      return Error{Errc::malformed,
                   "fields: no row of " + std::string(rows.list) + " has \"" +
                       std::string(field.substr(0, 64)) + "\"" +
                       (near.empty() ? one_of(known) : std::move(near)),
                   "query.fields"};
    }
  }
  if (chosen.empty()) return std::optional<std::set<std::string, std::less<>>>();
  return std::optional(std::move(chosen));
}

std::optional<std::string> with_fields(std::string_view body, std::string_view list,
                                       const std::set<std::string, std::less<>>& chosen) {
  JsonWalk walk(body);
  std::string out;
  std::size_t copied = 0;  // of `body`
  const bool whole = each_member(walk, [&](std::string_view key) {
    if (key != list) {
      walk.value();
      return;
    }
    out += body.substr(copied, walk.at() - copied);
    append_rows(walk, chosen, out);
    if (walk.good()) copied = walk.at();
  });
  if (!whole) return std::nullopt;
  out += body.substr(copied);
  return out;
}

Result<Respond> choosing(const Request& request, const Route& route, Respond respond) {
  if (!request.query_value(fields_param)) return respond;
  const RowSchema rows = row_schema(route);
  if (rows.list.empty()) return respond;
  auto chosen = chosen_fields(request, rows);
  if (!chosen) return chosen.error();
  if (!*chosen) return respond;
  return Respond([list = rows.list, chosen = std::move(**chosen),
                  respond = std::move(respond)](Response response) {
    const bool is_list =
        response.status == 200 && !response.stream && response.content_type == "application/json";
    if (!is_list) return respond(std::move(response));
    auto text = with_fields(response.body, list, chosen);
    if (!text) return respond(error_response(500, "the list's answer is no JSON object"));
    response.body = std::move(*text);
    respond(std::move(response));
  });
}

}  // namespace batuta::http
