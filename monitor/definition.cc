#include "monitor/definition.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/ids.h"
#include "common/safe_json.h"
#include "common/suggest.h"
#include "common/text.h"

namespace batuta::monitor {
namespace {

using nlohmann::json;

constexpr std::size_t max_name = 64;
constexpr std::size_t max_description = 1000;
constexpr std::size_t max_columns = 2000;
constexpr std::size_t max_problems = 20;

const std::vector<std::string> kind_names{"freshness", "volume", "schema", "quality",
                                          "failures",  "lag",    "cost"};
const std::vector<std::string> severity_names{"info", "warning", "critical"};

// The fields of each kind beside those of all, in the order of Kind.
const std::vector<std::vector<std::string>> kind_fields{{"table", "within"},
                                                        {"table", "history", "at_least", "at_most"},
                                                        {"table", "columns", "new_columns"},
                                                        {"table"},
                                                        {"dag", "task", "let_pass"},
                                                        {"topic", "group", "connection", "at_most"},
                                                        {"table", "window", "at_most"}};
const std::vector<std::string> bound_names{"runs", "cpu_seconds", "bytes_stored", "bytes_scanned"};
// A log tells of its table's tasks for as long as it is kept, and history has days enough.
constexpr Duration least_window = std::chrono::hours(1);
constexpr Duration most_window = std::chrono::hours(31 * 24);
constexpr std::int64_t most_counted = std::int64_t{1} << 53;
const std::vector<std::string> common_fields{"name", "kind", "severity", "description"};

std::optional<std::size_t> place_in(const std::vector<std::string>& names,
                                    const std::string& word) {
  const auto at = std::find(names.begin(), names.end(), word);
  if (at == names.end()) return std::nullopt;
  return static_cast<std::size_t>(at - names.begin());
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= max_name &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
         });
}

// Three parts of letters, digits and _ - .: what the catalogue shows.
bool is_table(std::string_view text) {
  if (text.size() > 512 || std::count(text.begin(), text.end(), '/') != 2) return false;
  bool begins = true;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (c == '/' ? begins : !(letter || (!begins && (c == '_' || c == '-' || c == '.'))))
      return false;
    begins = c == '/';
  }
  return !begins;
}

class Reader {
 public:
  Reader(std::string domain, MonitorFile& out) : domain_(std::move(domain)), out_(out) {}

  void read(std::string_view text) {
    if (text.size() > max_file_bytes) {
      return problem("", "the file has more than " + std::to_string(max_file_bytes >> 10) +
                             " KiB: split the domain");
    }
    // No JSON has these but in a text.
    if (text.find("{{") != text.npos || text.find("{%") != text.npos)
      return problem("", "there are no templates here: no {{ and no {%");
    const auto file = parse_untrusted(text);
    if (!file) return problem("", file.error().message);
    if (!file->is_object()) return problem("", "the file is one object: {\"monitors\": […]}");
    for (const auto& [name, value] : file->items()) {
      if (name != "monitors" && name != "$schema" && name != "description")
        problem("/" + name,
                "no field of a monitor file" + did_you_mean(name, {"monitors", "description"}));
    }
    const auto list = file->find("monitors");
    if (list == file->end() || !list->is_array())
      return problem("/monitors", "must be a list of monitors");
    if (list->size() > max_monitors) {
      return problem("/monitors", "has " + std::to_string(list->size()) + " monitors, and " +
                                      std::to_string(max_monitors) + " are the most");
    }
    for (std::size_t i = 0; i < list->size(); ++i)
      read_monitor((*list)[i], "/monitors/" + std::to_string(i));
  }

 private:
  void problem(const std::string& where, const std::string& what) {
    if (out_.problems.size() < max_problems)
      out_.problems.push_back((where.empty() ? "/" : where) + ": " + what);
  }

  const json* find(const std::string& name) const {
    const auto at = one_->find(name);
    return at == one_->end() || at->is_null() ? nullptr : &*at;
  }
  // A text that `fits`; absent where it is not needed.
  template <class Fits>
  std::string text(const std::string& name, bool needed, const std::string& wanted, Fits fits) {
    const json* value = find(name);
    if (value == nullptr) {
      if (needed) problem(where_ + "/" + name, "is missing: " + wanted);
      return {};
    }
    if (value->is_string() && fits(value->get_ref<const std::string&>()))
      return value->get<std::string>();
    problem(where_ + "/" + name, "must be " + wanted);
    return {};
  }
  std::size_t word(const std::string& name, const std::vector<std::string>& words,
                   std::size_t fallback) {
    const json* value = find(name);
    if (value == nullptr) return fallback;
    const std::string given = value->is_string() ? value->get<std::string>() : json_text(*value);
    if (const auto place = place_in(words, given)) return *place;
    const std::string hint = did_you_mean(given, words);
    problem(where_ + "/" + name,
            "\"" + given.substr(0, 100) + "\" is unknown" + (hint.empty() ? one_of(words) : hint));
    return fallback;
  }
  void number(const std::string& name, double least, double most, double& out) {
    const json* value = find(name);
    if (value == nullptr) return;
    const double given = value->is_number() ? value->get<double>() : std::nan("");
    if (given >= least && given <= most) {
      out = given;
    } else {
      problem(where_ + "/" + name,
              "must be a number from " + json_text(least) + " to " + json_text(most));
    }
  }
  std::int64_t integer(const std::string& name, std::int64_t least, std::int64_t most,
                       std::int64_t fallback) {
    const json* value = find(name);
    if (value == nullptr) return fallback;
    const auto given = json_int(*value);
    if (given && *given >= least && *given <= most) return *given;
    problem(where_ + "/" + name,
            "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return fallback;
  }

  // False where the rest cannot be judged.
  bool read_kind(Monitor& m) {
    if (find("kind") == nullptr) {
      problem(where_ + "/kind", "is missing" + one_of(kind_names));
      return false;
    }
    const std::size_t none = kind_names.size();
    const std::size_t kind = word("kind", kind_names, none);
    if (kind == none) return false;
    m.kind = static_cast<Kind>(kind);
    std::vector<std::string> fields = common_fields;
    fields.insert(fields.end(), kind_fields[kind].begin(), kind_fields[kind].end());
    for (const auto& [name, value] : one_->items()) {
      if (place_in(fields, name)) continue;
      const std::string hint = did_you_mean(name, fields);
      problem(where_ + "/" + name, "no field of a " + kind_names[kind] + " monitor" +
                                       (hint.empty() ? one_of(fields) : hint));
    }
    return true;
  }

  void read_columns(Monitor& m) {
    const json* columns = find("columns");
    if (columns == nullptr) return;
    if (!columns->is_object() || columns->empty() || columns->size() > max_columns)
      return problem(where_ + "/columns",
                     "must be an object of 1 to 2000 columns and their types: {\"id\": \"long\"}");
    for (const auto& [name, type] : columns->items()) {
      if (type.is_string() && !type.get_ref<const std::string&>().empty()) {
        m.columns.emplace_back(name, type.get<std::string>());
      } else {
        problem(where_ + "/columns/" + name,
                "must be a Delta type, such as \"long\" or \"decimal(18,6)\"");
      }
    }
  }

  void read_freshness(Monitor& m) {
    const json* within = find("within");
    if (within == nullptr)
      return problem(where_ + "/within",
                     "is missing: how old the newest version may be, such as \"26h\"");
    const auto span = within->is_string()   ? parse_duration(within->get_ref<const std::string&>())
                      : within->is_number() ? parse_duration(json_text(*within))
                                            : std::nullopt;
    if (span && *span > Duration::zero()) {
      m.within = *span;
    } else {
      problem(where_ + "/within", "must be a duration above zero, such as \"26h\" or \"90m\"");
    }
  }

  void read_volume(Monitor& m) {
    m.history = static_cast<int>(integer("history", 3, 50, m.history));
    number("at_least", 0, 1, m.at_least);
    number("at_most", 1, 1e6, m.at_most);
  }

  void read_failures(Monitor& m) {
    m.dag =
        text("dag", true, "the id of a DAG", [](const std::string& id) { return valid_id(id); });
    m.task = text("task", false, "the id of a task of it",
                  [](const std::string& id) { return valid_id(id); });
    m.let_pass = integer("let_pass", 0, 1000, 0);
  }

  void read_lag(Monitor& m) {
    const auto is_topic = [](std::string_view name) {
      return !name.empty() && name.size() <= 249 && name.front() != '.' &&
             std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-';
             });
    };
    const std::string form = "1 to 249 letters, digits, '.', '_' or '-'";
    m.topic = text("topic", true, "the name of a topic, " + form, is_topic);
    m.group = text("group", true, "the name of who reads it, " + form, is_topic);
    m.connection = text("connection", false, "the id of a connection of type kafka",
                        [](const std::string& id) { return valid_id(id); });
    if (find("at_most") == nullptr)
      return problem(where_ + "/at_most",
                     "is missing: how many records it may be behind, such as 10000");
    m.behind = integer("at_most", 0, std::int64_t{1} << 53, 0);
  }

  std::optional<std::int64_t> bound(const std::string& name, const json& value) {
    const auto given = json_int(value);
    if (given && *given >= 1 && *given <= most_counted) return given;
    problem(where_ + "/at_most/" + name, "must be a whole number from 1");
    return std::nullopt;
  }
  std::optional<std::int64_t> bound_of_bytes(const std::string& name, const json& value) {
    auto given = json_int(value);
    if (value.is_string()) given = parse_byte_size(value.get_ref<const std::string&>());
    if (given && *given >= 1 && *given <= most_counted) return given;
    problem(where_ + "/at_most/" + name,
            "must be a size above zero, such as \"2GiB\", or bytes as a number");
    return std::nullopt;
  }

  void read_cost(Monitor& m) {
    m.table = text("table", false, "a table's name, such as \"silver/bank/clients\"", is_table);
    const std::string window =
        text("window", true, "how long it looks back, from \"1h\" to \"31d\"",
             [](const std::string& given) {
               const auto span = parse_duration(given);
               return span && *span >= least_window && *span <= most_window;
             });
    m.window = parse_duration(window).value_or(Duration{});
    const json* most = find("at_most");
    if (most == nullptr || !most->is_object() || most->empty()) {
      return problem(where_ + "/at_most",
                     std::string(most == nullptr ? "is missing" : "must be an object") +
                         one_of(bound_names) + ": {\"runs\": 500, \"bytes_stored\": \"2GiB\"}");
    }
    for (const auto& [name, value] : most->items()) {
      if (name == "runs") {
        m.bounds.runs = bound(name, value);
      } else if (name == "cpu_seconds") {
        const double given = value.is_number() ? value.get<double>() : std::nan("");
        if (given > 0 && given <= 1e12) {
          m.bounds.cpu_seconds = given;
        } else {
          problem(where_ + "/at_most/cpu_seconds", "must be a number above zero");
        }
      } else if (name == "bytes_stored") {
        m.bounds.bytes_stored = bound_of_bytes(name, value);
      } else if (name == "bytes_scanned") {
        m.bounds.bytes_scanned = bound_of_bytes(name, value);
      } else {
        const std::string hint = did_you_mean(name, bound_names);
        problem(where_ + "/at_most/" + name,
                "no bound of a cost monitor" + (hint.empty() ? one_of(bound_names) : hint));
      }
    }
  }

  void read_monitor(const json& value, const std::string& where) {
    where_ = where;
    if (!value.is_object()) return problem(where, "must be an object");
    one_ = &value;
    Monitor m;
    m.domain = domain_;
    const std::string name = text("name", true, "1 to 64 of a-z, 0-9, _ and -", is_name);
    m.id = domain_ + "/" + name;
    if (!name.empty() && !names_.insert(name).second)
      problem(where + "/name", "\"" + name + "\" is the name of an earlier monitor of this file");
    if (!read_kind(m)) return;
    m.severity = static_cast<Severity>(
        word("severity", severity_names, static_cast<std::size_t>(Severity::warning)));
    m.description = text("description", false, "a text of at most 1000 bytes",
                         [](const std::string& given) { return given.size() <= max_description; });
    if (m.kind != Kind::failures && m.kind != Kind::lag && m.kind != Kind::cost)
      m.table = text("table", true, "a table's name, such as \"silver/bank/clients\"", is_table);
    switch (m.kind) {
      case Kind::freshness:
        read_freshness(m);
        break;
      case Kind::volume:
        read_volume(m);
        break;
      case Kind::schema:
        read_columns(m);
        m.new_columns = word("new_columns", {"refuse", "allow"}, 0) == 1;
        break;
      case Kind::quality:
        break;
      case Kind::failures:
        read_failures(m);
        break;
      case Kind::lag:
        read_lag(m);
        break;
      case Kind::cost:
        read_cost(m);
        break;
    }
    out_.monitors.push_back(std::move(m));
  }

  const std::string domain_;
  MonitorFile& out_;
  const json* one_ = nullptr;  // the monitor being read
  std::string where_;
  std::set<std::string> names_;
};

}  // namespace

std::string_view to_string(Kind kind) {
  return kind_names[static_cast<std::size_t>(kind)];
}

std::string_view to_string(Severity severity) {
  return severity_names[static_cast<std::size_t>(severity)];
}

std::optional<Severity> severity_named(const std::string& word) {
  const auto place = place_in(severity_names, word);
  if (!place) return std::nullopt;
  return static_cast<Severity>(*place);
}

std::string Monitor::target() const {
  if (kind == Kind::lag) return topic + " of " + group;
  if (kind == Kind::cost && table.empty()) return domain;
  if (kind != Kind::failures) return table;
  return task.empty() ? dag : dag + "." + task;
}

MonitorFile parse_monitors(const std::string& domain, std::string_view text) {
  MonitorFile out;
  if (!is_name(domain)) {
    out.problems.push_back(
        "/: the file's name is the domain's, 1 to 64 of a-z, 0-9, _ and -, and \"" +
        domain.substr(0, 100) + "\" is none");
    return out;
  }
  Reader(domain, out).read(text);
  return out;
}

}  // namespace batuta::monitor
