// Values that must stand in another table. A rule of the engine batuta says how many may be
// missing; the standard's relationships say no number.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/suggest.h"
#include "contract/reader.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

constexpr const char* another_table =
    "names another table, \"domain/table.column\", or \"domain/table\" for columns of the same "
    "names";

// A column of another table, or its table alone.
struct OtherPlace {
  std::string table;   // "brokerage/clients"
  std::string column;  // empty: not said
};

// "brokerage/clients.client_id", "clients.client_id", "brokerage/clients".
std::optional<OtherPlace> short_place(const std::string& text, const std::string& domain) {
  const auto dot = text.find('.');
  std::string path = text.substr(0, dot);
  if (path.find('/') == path.npos) path = domain + "/" + path;
  const auto slash = path.find('/');
  if (!fit_for_a_folder(path.substr(0, slash)) || !fit_for_a_folder(path.substr(slash + 1)))
    return std::nullopt;
  return OtherPlace{path, dot == text.npos ? "" : text.substr(dot + 1)};
}

// "contracts/brokerage/clients.odcs.yaml#/schema/clients/properties/client_id", or what is behind
// '#' alone for a table beside this one. Ids are taken for names.
std::optional<OtherPlace> full_place(const std::string& text, const std::string& domain) {
  const auto hash = text.find('#');
  std::string parts = hash == text.npos ? text : text.substr(hash + 1);
  if (parts.starts_with('/')) parts.erase(0, 1);
  constexpr std::string_view schema = "schema/", properties = "/properties/";
  const auto middle = parts.find(properties);
  if (!parts.starts_with(schema) || middle == parts.npos) return std::nullopt;
  std::string folder = domain;
  if (hash != text.npos) {
    const std::string file = text.substr(0, hash);
    if (const auto last = file.rfind('/'); last != file.npos && last > 0) {
      const auto before = file.rfind('/', last - 1);
      const auto from = before == file.npos ? 0 : before + 1;
      folder = file.substr(from, last - from);
    }
  }
  const std::string table = parts.substr(schema.size(), middle - schema.size());
  const std::string column = parts.substr(middle + properties.size());
  if (!fit_for_a_folder(folder) || !fit_for_a_folder(table) || column.find('/') != column.npos)
    return std::nullopt;
  return OtherPlace{folder + "/" + table, column};
}

std::optional<OtherPlace> other_place_of(const std::string& text, const std::string& domain) {
  return text.find("schema/") == text.npos ? short_place(text, domain) : full_place(text, domain);
}

// One text, or a list of them.
std::vector<std::string> one_or_more(const Value& object, const char* name) {
  const std::string one = text_at(object, name);
  return one.empty() ? texts_at(object, name) : std::vector<std::string>{one};
}

// "client_id_without_clients": fit for a reason whatever the names are.
std::string usual_name(const QualityCheck& check) {
  std::string name;
  for (const std::string& column : check.columns) name += column + "_";
  name += "without_" + check.other_table.substr(check.other_table.find('/') + 1);
  for (char& c : name)
    if (!fit_for_a_reason(std::string(1, c))) c = '_';
  if (name.size() > 90) name.resize(90);  // a number may come behind it
  return name;
}

// Why the rule cannot be carried out; empty: it can.
std::string why_not(const QualityCheck& check, const std::string& domain, const Table& table) {
  if (check.columns.empty()) return "says no columns whose values are looked up";
  if (check.columns.size() != check.other_columns.size())
    return "looks up " + std::to_string(check.columns.size()) + " columns in " +
           std::to_string(check.other_columns.size());
  for (const std::string& name : check.columns)
    if (table.column(name) == nullptr)
      return "names \"" + name.substr(0, 80) + "\", which is no column of the table";
  if (check.other_table == domain + "/" + table.name)
    return "looks values up in the table itself, whose rows come with them: that is not carried "
           "out";
  return {};
}

}  // namespace

void read_reference_rule(const Value& item, const std::string& at, const Column* column,
                         const std::string& domain, Table& table, Notes& notes) {
  const Value& given = item["implementation"];
  const std::string here = at + "/implementation";
  static const std::vector<std::string> known = {"references", "properties", "to"};
  for (const auto& [key, value] : given.items()) {
    Value alone = Value::object();
    alone[key] = value;
    if (has_operator(alone) || std::find(known.begin(), known.end(), key) != known.end()) continue;
    notes.problem(here + "/" + key.substr(0, 80),
                  "unknown \"" + key.substr(0, 80) + "\"" + did_you_mean(key, known) +
                      ": a rule over another table has references, to, properties and a number "
                      "such as mustBeLessThan");
  }
  const auto place = short_place(text_at(given, "references"), domain);
  if (!place) return notes.problem(here, std::string("references ") + another_table);
  QualityCheck check;
  check.metric = Metric::referential;
  if (column != nullptr) check.column = column->name;
  check.columns =
      column == nullptr ? texts_at(given, "properties") : std::vector<std::string>{column->name};
  check.other_table = place->table;
  check.other_columns = one_or_more(given, "to");
  if (check.other_columns.empty() && !place->column.empty())
    check.other_columns.push_back(place->column);
  if (check.other_columns.empty()) check.other_columns = check.columns;
  if (const auto why = why_not(check, domain, table); !why.empty()) return notes.problem(here, why);
  check.name = text_at(item, "name");
  if (check.name.empty()) check.name = usual_name(check);
  if (!fit_for_a_reason(check.name)) return notes.problem(at + "/name", reason_needed);
  check.dimension = text_at(item, "dimension");
  if (check.dimension.empty()) check.dimension = "consistency";
  read_severity(item, at, check, notes);
  // Without a number each such row is told, and none keeps the others from being published.
  if (!has_operator(given)) {
    check.blocking = false;
  } else if (!read_operator(given, here, check, notes)) {
    return;
  }
  add_check(std::move(check), table);
}

void read_relationships(const Value& list, const std::string& at, const Column* column,
                        const std::string& domain, Table& table, Notes& notes) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string here = at + "/" + std::to_string(i);
    const auto left = [&](const std::string& why) {
      notes.warning(here, "a relationship that " + why + " is kept, but not carried out");
    };
    QualityCheck check;
    check.metric = Metric::referential;
    check.dimension = "consistency";
    check.blocking = false;
    if (column != nullptr) {
      check.column = column->name;
      check.columns = {column->name};
    }
    std::string wrong;
    for (const std::string& text : one_or_more(list[i], "from")) {
      const auto place = other_place_of(text, domain);
      if (!place || place->table != domain + "/" + table.name)
        wrong = "is from no column of this table";
      else
        check.columns.push_back(place->column);
    }
    for (const std::string& text : one_or_more(list[i], "to")) {
      const auto place = other_place_of(text, domain);
      if (!place || place->column.empty())
        wrong = "is to no column of a table in a domain";
      else if (!check.other_table.empty() && check.other_table != place->table)
        wrong = "is to columns of several tables";
      else
        check.other_table = place->table;
      if (place) check.other_columns.push_back(place->column);
    }
    if (wrong.empty()) wrong = why_not(check, domain, table);
    if (!wrong.empty()) {
      left(wrong);
      continue;
    }
    check.name = usual_name(check);
    add_check(std::move(check), table);
  }
}

}  // namespace batuta::contract
