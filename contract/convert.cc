#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "contract/draft.h"
#include "contract/reader.h"
#include "contract/yaml.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

constexpr int max_fields_deep = 20;
constexpr std::size_t max_fields = 20'000;

std::string small_letters(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

struct TypeRow {
  const char *theirs, *logical, *format;
};
constexpr TypeRow type_rows[] = {{"string", "string", ""},
                                 {"text", "string", ""},
                                 {"varchar", "string", ""},
                                 {"number", "number", ""},
                                 {"decimal", "number", ""},
                                 {"numeric", "number", ""},
                                 {"int", "integer", "i32"},
                                 {"integer", "integer", "i32"},
                                 {"long", "integer", "i64"},
                                 {"bigint", "integer", "i64"},
                                 {"float", "number", "f32"},
                                 {"double", "number", ""},
                                 {"boolean", "boolean", ""},
                                 {"timestamp", "timestamp", ""},
                                 {"timestamp_tz", "timestamp", ""},
                                 {"timestamp_ntz", "timestamp", ""},
                                 {"date", "date", ""},
                                 {"time", "time", ""},
                                 {"object", "object", ""},
                                 {"record", "object", ""},
                                 {"struct", "object", ""},
                                 {"map", "object", ""},
                                 {"array", "array", ""},
                                 {"bytes", "string", ""},
                                 {"binary", "string", ""},
                                 {"null", "string", ""},
                                 {"variant", "object", ""},
                                 {"json", "object", ""}};

class Converter {
 public:
  explicit Converter(const Value& root) : root_(root) {}

  Converted run() {
    Value out = {{"apiVersion", "v3.1.0"}, {"kind", "DataContract"}};
    out["id"] = text_at(root_, "id").empty() ? "converted" : text_at(root_, "id");
    const Value& info = member(root_, "info");
    if (const std::string title = text_at(info, "title"); !title.empty()) out["name"] = title;
    out["version"] = info.contains("version") ? written(info["version"]) : "1.0.0";
    out["status"] = text_at(info, "status").empty() ? "draft" : text_at(info, "status");
    describe(info, out);
    if (const std::string owner = text_at(info, "owner"); !owner.empty())
      out["team"] = {{"name", owner}};
    if (info.contains("contact")) note("info.contact: has no place of its own; see support");
    if (root_.contains("tags")) out["tags"] = texts_at(root_, "tags");
    servers(out);
    models(out);
    levels(out);
    for (const auto& [key, value] : root_.items()) {
      static const std::set<std::string> known = {"dataContractSpecification",
                                                  "id",
                                                  "info",
                                                  "tags",
                                                  "servers",
                                                  "models",
                                                  "servicelevels",
                                                  "definitions",
                                                  "terms"};
      if (!known.contains(key)) note(key + ": not carried over");
    }
    return {write_yaml(out), std::move(notes_)};
  }

 private:
  static const Value& member(const Value& object, const char* name) {
    static const Value none = Value::object();
    const auto found = object.find(name);
    return found != object.end() && found->is_object() ? *found : none;
  }
  void note(std::string text) {
    if (notes_.size() < 200) notes_.push_back(std::move(text));
  }

  void describe(const Value& info, Value& out) {
    Value description = Value::object();
    const Value& terms = member(root_, "terms");
    for (const auto& [from, to] : {std::pair{"usage", "usage"}, {"limitations", "limitations"}}) {
      if (const std::string text = text_at(terms, from); !text.empty()) description[to] = text;
    }
    if (const std::string text = text_at(info, "description"); !text.empty())
      description["purpose"] = text;
    if (!description.empty()) out["description"] = std::move(description);
  }

  void servers(Value& out) {
    static const std::map<std::string, std::set<std::string>> fields = {
        {"local", {"path", "format"}},
        {"postgres", {"host", "port", "database", "schema"}},
        {"kafka", {"host", "format"}},
        {"custom",
         {"account", "catalog", "database", "dataset", "delimiter", "format", "host", "location",
          "path", "port", "project", "region", "schema"}}};
    Value list = Value::array();
    for (const auto& [name, given] : member(root_, "servers").items()) {
      if (!given.is_object()) continue;
      std::string type = small_letters(text_at(given, "type"));
      if (type == "postgresql") type = "postgres";
      const bool plain =
          fields.contains(type) &&
          std::all_of(fields.at(type).begin(), fields.at(type).end(),
                      [&given = given](const std::string& each) { return given.contains(each); });
      Value server = {{"server", name}, {"type", plain ? type : "custom"}};
      if (!plain)
        note("servers." + name + ": of type " + (type.empty() ? "nothing" : type) +
             ", kept as custom: look at it");
      for (const auto& [key, value] : given.items()) {
        if (key == "type") continue;
        if (fields.at(plain ? type : "custom").contains(key)) {
          server[key] = key == "port" || value.is_string() ? value : Value(written(value));
        } else {
          note("servers." + name + "." + key + ": not carried over");
        }
      }
      list.push_back(std::move(server));
    }
    if (!list.empty()) out["servers"] = std::move(list);
  }

  void models(Value& out) {
    Value list = Value::array();
    for (const auto& [name, model] : member(root_, "models").items()) {
      if (!model.is_object()) continue;
      Value table = {{"name", name}};
      if (const std::string text = text_at(model, "description"); !text.empty())
        table["description"] = text;
      key_ = texts_at(model, "primaryKey");
      table["properties"] = properties(member(model, "fields"), "models." + name, 0);
      if (model.contains("quality")) note("models." + name + ".quality: write its rules anew");
      list.push_back(std::move(table));
    }
    if (list.empty()) note("models: there is none");
    out["schema"] = std::move(list);
  }

  Value properties(const Value& fields, const std::string& at, int depth) {
    Value list = Value::array();
    for (const auto& [name, field] : fields.items()) {
      if (++fields_ > max_fields || depth > max_fields_deep || !field.is_object()) {
        note(at + "." + name + ": not carried over");
        break;
      }
      list.push_back(property(name, field, at + "." + name, depth));
    }
    return list;
  }

  // A field over what its $ref says.
  Value resolved(const Value& field, const std::string& at) {
    const std::string ref = text_at(field, "$ref");
    if (ref.empty()) return field;
    const std::string prefix = "#/definitions/";
    const Value& definitions = member(root_, "definitions");
    if (!ref.starts_with(prefix) || !definitions.contains(ref.substr(prefix.size()))) {
      note(at + ": " + ref.substr(0, 100) + " leads nowhere");
      return field;
    }
    Value out = definitions[ref.substr(prefix.size())];
    if (!out.is_object()) return field;
    for (const auto& [key, value] : field.items()) {
      if (key != "$ref") out[key] = value;
    }
    return out;
  }

  Value property(const std::string& name, const Value& given, const std::string& at, int depth) {
    const Value field = resolved(given, at);
    Value out = Value::object();
    if (!name.empty()) out["name"] = name;
    if (const std::string title = text_at(field, "title"); !title.empty())
      out["businessName"] = title;
    typed(field, at, out);
    if (field.value("required", Value()) == true) out["required"] = true;
    if (field.value("unique", Value()) == true) out["unique"] = true;
    const auto key = std::find(key_.begin(), key_.end(), name);
    if (field.value("primaryKey", Value()) == true || field.value("primary", Value()) == true ||
        (depth == 0 && key != key_.end())) {
      out["primaryKey"] = true;
      if (key_.size() > 1 && key != key_.end()) out["primaryKeyPosition"] = key - key_.begin() + 1;
    }
    for (const char* kept : {"description", "classification"}) {
      if (const std::string text = text_at(field, kept); !text.empty()) out[kept] = text;
    }
    std::vector<std::string> tags = texts_at(field, "tags");
    if (field.value("pii", Value()) == true) tags.emplace_back("pii");
    if (!tags.empty()) out["tags"] = tags;
    if (field.contains("references")) note(at + ".references: write it as a relationship");
    if (const auto values = field.find("enum"); values != field.end() && values->is_array())
      out["quality"] = Value::array({{{"metric", "invalidValues"},
                                      {"arguments", {{"validValues", *values}}},
                                      {"mustBe", 0}}});
    if (out["logicalType"] == "object" && field.contains("fields"))
      out["properties"] = properties(member(field, "fields"), at, depth + 1);
    if (out["logicalType"] == "array" && field.contains("items") && depth < max_fields_deep)
      out["items"] = property("", member(field, "items"), at + ".items", depth + 1);
    return out;
  }

  void typed(const Value& field, const std::string& at, Value& out) {
    const std::string type = small_letters(text_at(field, "type"));
    const auto row = std::find_if(std::begin(type_rows), std::end(type_rows),
                                  [&](const TypeRow& each) { return type == each.theirs; });
    if (row == std::end(type_rows)) note(at + ": has no type that is known: a text");
    const std::string logical = row == std::end(type_rows) ? "string" : row->logical;
    out["logicalType"] = logical;
    const bool decimal = type == "decimal" || type == "numeric" || type == "number";
    if (decimal && field.contains("precision") && field["precision"].is_number_integer())
      out["physicalType"] = "decimal(" + field["precision"].dump() + "," +
                            (field.contains("scale") ? field["scale"].dump() : "0") + ")";
    Value options = Value::object();
    if (row != std::end(type_rows) && *row->format != '\0') options["format"] = row->format;
    if (logical == "string") {
      for (const char* name : {"minLength", "maxLength", "pattern"}) {
        if (field.contains(name)) options[name] = field[name];
      }
    }
    if (logical == "number" || logical == "integer") {
      for (const char* name : {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}) {
        if (field.contains(name) && field[name].is_number()) options[name] = field[name];
      }
    }
    if (!options.empty()) out["logicalTypeOptions"] = std::move(options);
  }

  void levels(Value& out) {
    Value list = Value::array();
    for (const auto& [name, level] : member(root_, "servicelevels").items()) {
      const std::string period = level.is_object() ? text_at(level, "period") : "";
      const std::string unit =
          period.empty() ? "" : small_letters(period.substr(period.size() - 1));
      const bool simple = name == "retention" && period.size() > 2 && period.front() == 'P' &&
                          (unit == "y" || unit == "m" || unit == "d") &&
                          period.find_first_not_of("0123456789", 1) == period.size() - 1;
      if (simple) {
        list.push_back({{"property", "retention"},
                        {"value", period.substr(1, period.size() - 2)},
                        {"unit", unit}});
      } else {
        note("servicelevels." + name + ": write it as one of slaProperties");
      }
    }
    if (!list.empty()) out["slaProperties"] = std::move(list);
  }

  const Value& root_;
  std::vector<std::string> key_, notes_;
  std::size_t fields_ = 0;
};

}  // namespace

Result<Converted> convert_contract(std::string_view yaml) {
  const auto root = parse_yaml(yaml);
  if (!root) return root.error();
  if (!root->is_object() || !root->contains("dataContractSpecification"))
    return {Errc::invalid,
            "this is no Data Contract Specification: it has no dataContractSpecification"};
  return Converter(*root).run();
}

}  // namespace batuta::contract
