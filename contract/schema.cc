#include "contract/schema.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <regex>
#include <set>

#include "common/safe_json.h"
#include "common/suggest.h"

namespace batuta::contract {
namespace {

using Value = nlohmann::ordered_json;

constexpr std::size_t max_findings = 50;
// Kinds within kinds are looked at once for each way they may be meant: a second's work at most.
constexpr std::size_t max_steps = 2'000'000;
// A pattern is matched by recursion: longer texts are refused where one applies.
constexpr std::size_t max_matched = 1000;

std::string token(std::string_view key) {
  std::string out;
  for (const char c : key) out += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return out;
}

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 80)) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out;
}

std::string kind_of(const Value& value) {
  if (value.is_null()) return "nothing";
  if (value.is_string()) return "a text";
  if (value.is_boolean()) return "true or false";
  if (value.is_number()) return "a number";
  return value.is_array() ? "a list" : "a mapping";
}

std::string name_of_type(const std::string& type) {
  if (type == "string") return "a text";
  if (type == "integer") return "a whole number";
  if (type == "number") return "a number";
  if (type == "boolean") return "true or false";
  if (type == "null") return "nothing";
  return type == "array" ? "a list" : "a mapping";
}

bool is_type(const Value& value, const std::string& type) {
  if (type == "string") return value.is_string();
  if (type == "integer")
    return value.is_number_integer() ||
           (value.is_number_float() &&
            value.get<double>() == static_cast<double>(static_cast<std::int64_t>(
                                       std::clamp(value.get<double>(), -9e18, 9e18))));
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  return type == "array" ? value.is_array() : value.is_object();
}

// Which keys of one mapping somebody asked for, and which they would have.
struct Seen {
  std::set<std::string> keys;
  std::vector<std::string> known;
  void add(const Seen& other) {
    keys.insert(other.keys.begin(), other.keys.end());
    known.insert(known.end(), other.known.begin(), other.known.end());
  }
};

using Findings = std::vector<SchemaFinding>;

class Checker {
 public:
  explicit Checker(const Value& root) : root_(root) {}

  // `out` == nullptr: only whether it holds.
  bool check(const Value& value, const Value& schema, const std::string& at, Seen& seen,
             Findings* out) {
    if (++steps_ > max_steps) return tell(out, at, "is nested in too many ways to be checked");
    if (schema.is_boolean()) return schema.get<bool>() || tell(out, at, "nothing may stand here");
    bool good = true;
    if (const auto ref = schema.find("$ref"); ref != schema.end())
      good &= check(value, resolve(ref->get_ref<const std::string&>()), at, seen, out);
    good &= types(value, schema, at, out);
    if (!good && schema.contains("type") && !fits(value, schema["type"])) return false;
    good &= scalars(value, schema, at, out);
    if (value.is_object()) good &= members(value, schema, at, seen, out);
    if (value.is_array()) good &= items(value, schema, at, out);
    good &= combined(value, schema, at, seen, out);
    if (value.is_object()) good &= leftovers(value, schema, at, seen, out);
    return good;
  }

 private:
  static bool tell(Findings* out, const std::string& at, std::string message) {
    if (out != nullptr) out->push_back({at, std::move(message)});
    return false;
  }

  const Value& resolve(const std::string& ref) const {
    return root_.at(Value::json_pointer(ref.substr(1)));
  }

  static bool fits(const Value& value, const Value& type) {
    if (type.is_string()) return is_type(value, type.get_ref<const std::string&>());
    return std::any_of(type.begin(), type.end(), [&](const Value& each) {
      return is_type(value, each.get_ref<const std::string&>());
    });
  }

  static bool types(const Value& value, const Value& schema, const std::string& at, Findings* out) {
    const auto type = schema.find("type");
    if (type == schema.end() || fits(value, *type)) return true;
    std::string wanted;
    for (const Value& each : type->is_array() ? *type : Value::array({*type}))
      wanted += (wanted.empty() ? "" : " or ") + name_of_type(each.get_ref<const std::string&>());
    const bool quotes = wanted == "a text" && (value.is_number() || value.is_boolean());
    return tell(
        out, at,
        "must be " + wanted + ", not " + kind_of(value) + (quotes ? ": write it in quotes" : ""));
  }

  static bool scalars(const Value& value, const Value& schema, const std::string& at,
                      Findings* out) {
    bool good = true;
    if (const auto wanted = schema.find("const"); wanted != schema.end() && value != *wanted)
      good = tell(out, at, "must be " + wanted->dump());
    if (const auto allowed = schema.find("enum");
        allowed != schema.end() &&
        std::find(allowed->begin(), allowed->end(), value) == allowed->end()) {
      std::vector<std::string> names;
      for (const Value& each : *allowed)
        names.push_back(each.is_string() ? each.get<std::string>() : each.dump());
      const std::string given = value.is_string() ? value.get<std::string>() : value.dump();
      const std::string near = did_you_mean(given, names);
      good = tell(
          out, at,
          "\"" + shown(given) + "\" is not known here" + (near.empty() ? one_of(names) : near));
    }
    if (value.is_string()) good &= text(value.get_ref<const std::string&>(), schema, at, out);
    if (value.is_number()) good &= number(value.get<double>(), schema, at, out);
    return good;
  }

  static bool text(const std::string& value, const Value& schema, const std::string& at,
                   Findings* out) {
    bool good = true;
    if (schema.contains("minLength") && value.size() < schema["minLength"].get<double>())
      good = tell(out, at, "is shorter than " + schema["minLength"].dump() + " characters");
    if (const auto pattern = schema.find("pattern"); pattern != schema.end()) {
      const auto& wanted = pattern->get_ref<const std::string&>();
      if (value.size() > max_matched || !std::regex_search(value, std::regex(wanted)))
        good = tell(out, at, "\"" + shown(value) + "\" does not match " + wanted);
    }
    return good;
  }

  static bool number(double value, const Value& schema, const std::string& at, Findings* out) {
    const auto limit = [&](const char* name, const auto& holds, const char* words) {
      const auto found = schema.find(name);
      if (found == schema.end() || holds(value, found->get<double>())) return true;
      return tell(out, at, std::string("must be ") + words + " " + found->dump());
    };
    bool good = limit("minimum", std::greater_equal<>(), "at least");
    good &= limit("maximum", std::less_equal<>(), "at most");
    good &= limit("exclusiveMinimum", std::greater<>(), "more than");
    return limit("exclusiveMaximum", std::less<>(), "less than") && good;
  }

  bool members(const Value& value, const Value& schema, const std::string& at, Seen& seen,
               Findings* out) {
    bool good = true;
    if (const auto needed = schema.find("required"); needed != schema.end()) {
      for (const Value& name : *needed) {
        if (!value.contains(name.get_ref<const std::string&>()))
          good = tell(out, at, "\"" + name.get_ref<const std::string&>() + "\" is missing");
      }
    }
    std::set<std::string> own;
    if (const auto properties = schema.find("properties"); properties != schema.end()) {
      for (const auto& [name, inner] : properties->items()) {
        seen.known.push_back(name);
        const auto member = value.find(name);
        if (member == value.end()) continue;
        own.insert(name);
        Seen below;
        good &= check(*member, inner, at + "/" + token(name), below, out);
      }
    }
    seen.keys.insert(own.begin(), own.end());
    const auto more = schema.find("additionalProperties");
    if (more == schema.end() || *more == true) return good;
    for (const auto& [name, member] : value.items()) {
      if (own.contains(name)) continue;
      if (more->is_boolean()) {
        good = unknown(name, at, seen.known, out);
      } else {
        Seen below;
        good &= check(member, *more, at + "/" + token(name), below, out);
      }
      seen.keys.insert(name);
    }
    return good;
  }

  static bool unknown(const std::string& name, const std::string& at,
                      const std::vector<std::string>& known, Findings* out) {
    if (out == nullptr) return false;
    std::string near = did_you_mean(name, known);
    if (near.empty()) near = "; what the standard has no key for goes into customProperties";
    return tell(out, at + "/" + token(name), "unknown key \"" + shown(name) + "\"" + near);
  }

  static bool leftovers(const Value& value, const Value& schema, const std::string& at, Seen& seen,
                        Findings* out) {
    const auto rule = schema.find("unevaluatedProperties");
    if (rule == schema.end() || *rule != false) return true;
    bool good = true;
    for (const auto& [name, member] : value.items()) {
      if (!seen.keys.contains(name)) good = unknown(name, at, seen.known, out);
    }
    return good;
  }

  bool items(const Value& value, const Value& schema, const std::string& at, Findings* out) {
    bool good = true;
    if (const auto least = schema.find("minItems");
        least != schema.end() && static_cast<double>(value.size()) < least->get<double>())
      good = tell(out, at, "needs at least " + least->dump() + " items");
    if (const auto most = schema.find("maxItems");
        most != schema.end() && static_cast<double>(value.size()) > most->get<double>())
      good = tell(out, at, "takes at most " + most->dump() + " items");
    if (schema.contains("uniqueItems") && schema["uniqueItems"] == true) {
      std::set<std::string> texts;
      for (const Value& item : value) {
        if (!texts.insert(item.dump()).second) good = tell(out, at, "an item stands twice");
      }
    }
    const auto inner = schema.find("items");
    if (inner == schema.end()) return good;
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (out != nullptr && out->size() >= max_findings) return false;
      Seen below;
      good &= check(value[i], *inner, at + "/" + std::to_string(i), below, out);
    }
    return good;
  }

  bool combined(const Value& value, const Value& schema, const std::string& at, Seen& seen,
                Findings* out) {
    bool good = true;
    if (const auto all = schema.find("allOf"); all != schema.end()) {
      for (const Value& each : *all) good &= check(value, each, at, seen, out);
    }
    if (schema.contains("anyOf")) good &= some(value, schema["anyOf"], false, at, seen, out);
    if (schema.contains("oneOf")) good &= some(value, schema["oneOf"], true, at, seen, out);
    if (const auto no = schema.find("not"); no != schema.end()) {
      Seen below;
      if (check(value, *no, at, below, nullptr))
        good = tell(out, at, "must not have " + required_of(*no));
    }
    if (const auto condition = schema.find("if"); condition != schema.end()) {
      Seen below;
      const bool holds = check(value, *condition, at, below, nullptr);
      if (holds) seen.keys.insert(below.keys.begin(), below.keys.end());
      const auto branch = schema.find(holds ? "then" : "else");
      if (branch != schema.end()) good &= check(value, *branch, at, seen, out);
    }
    return good;
  }

  static std::string required_of(const Value& schema) {
    std::string names;
    if (!schema.contains("required")) return "what stands here";
    for (const Value& name : schema["required"])
      names += (names.empty() ? "\"" : ", \"") + name.get<std::string>() + "\"";
    return names;
  }

  bool some(const Value& value, const Value& branches, bool exactly_one, const std::string& at,
            Seen& seen, Findings* out) {
    std::size_t hold = 0;
    std::vector<Findings> wrong;
    for (const Value& branch : branches) {
      Seen below;
      Findings found;
      if (check(value, branch, at, below, out == nullptr ? nullptr : &found)) {
        ++hold;
        seen.add(below);
      } else {
        // What would have been asked for is known, so that a slip inside is not an unknown key too.
        if (out != nullptr) seen.add(below);
        wrong.push_back(std::move(found));
      }
    }
    if (hold == 1 || (hold > 1 && !exactly_one)) return true;
    if (out == nullptr) return false;
    if (hold > 1) return tell(out, at, "has more than one of" + alternatives(branches));
    return closest(value, branches, std::move(wrong), at, out);
  }

  static std::string alternatives(const Value& branches) {
    std::string names;
    for (const Value& branch : branches) {
      if (branch.is_object() && branch.contains("required"))
        names += (names.empty() ? " " : ", ") + required_of(branch);
    }
    return names.empty() ? " several kinds" : names;
  }

  // None holds: what is wrong with the branch that was meant, or what the branches are.
  bool closest(const Value& value, const Value& branches, std::vector<Findings> wrong,
               const std::string& at, Findings* out) {
    const bool keyed = std::all_of(branches.begin(), branches.end(), [](const Value& branch) {
      return branch.is_object() && branch.contains("required");
    });
    std::optional<std::size_t> meant;
    for (std::size_t i = 0; i < wrong.size(); ++i) {
      const bool here = std::any_of(wrong[i].begin(), wrong[i].end(),
                                    [&](const SchemaFinding& each) { return each.pointer == at; });
      if (!here && (!meant || wrong[i].size() < wrong[*meant].size())) meant = i;
    }
    if (!meant && keyed && value.is_object())
      return tell(out, at, "needs one of" + alternatives(branches));
    if (!meant && branches.size() == wrong.size()) {
      // The kinds differ: the branch of this value's kind says more than the others.
      for (std::size_t i = 0; i < wrong.size() && !meant; ++i) {
        if (std::none_of(wrong[i].begin(), wrong[i].end(), [&](const SchemaFinding& each) {
              return each.pointer == at && each.message.find(", not ") != each.message.npos;
            }))
          meant = i;
      }
    }
    if (meant) {
      out->insert(out->end(), wrong[*meant].begin(), wrong[*meant].end());
      return false;
    }
    std::string kinds;
    for (const Findings& each : wrong) {
      const std::string& message = each.front().message;
      const auto begin = message.find("must be "), end = message.find(", not ");
      if (begin != 0 || end == message.npos) continue;
      const std::string kind = message.substr(8, end - 8);
      if (kinds.find(kind) == kinds.npos) kinds += (kinds.empty() ? "" : " or ") + kind;
    }
    return tell(out, at,
                kinds.empty() ? "is none of the kinds that may stand here"
                              : "must be " + kinds + ", not " + kind_of(value));
  }

  const Value& root_;
  std::size_t steps_ = 0;
};

const std::set<std::string>& known_keywords() {
  static const std::set<std::string> names = {
      // asserted
      "$ref", "type", "const", "enum", "minLength", "pattern", "minimum", "maximum",
      "exclusiveMinimum", "exclusiveMaximum", "required", "properties", "additionalProperties",
      "unevaluatedProperties", "items", "minItems", "maxItems", "uniqueItems", "allOf", "anyOf",
      "oneOf", "not", "if", "then", "else",
      // told only
      "$schema", "$defs", "title", "description", "examples", "default", "deprecated", "format",
      "$comment", "$id"};
  return names;
}

// The first keyword that is not carried out, with its place; empty: all are.
std::string foreign_keyword(const Value& schema, const Value& root, const std::string& at) {
  if (schema.is_boolean()) return {};
  if (!schema.is_object()) return at + ": a schema must be an object";
  for (const auto& [name, inner] : schema.items()) {
    const std::string here = at + "/" + name;
    if (!known_keywords().contains(name)) return here;
    std::string found;
    if (name == "properties" || name == "$defs") {
      for (const auto& [key, each] : inner.items()) {
        // A folder of definitions is no schema itself.
        const bool folder = name == "$defs" && each.is_object() && !each.empty() &&
                            !known_keywords().contains(each.begin().key());
        if (folder) {
          for (const auto& [deeper, one] : each.items())
            if (found.empty()) found = foreign_keyword(one, root, here + "/" + key + "/" + deeper);
        } else if (found.empty()) {
          found = foreign_keyword(each, root, here + "/" + key);
        }
      }
    } else if (name == "allOf" || name == "anyOf" || name == "oneOf") {
      for (const Value& each : inner)
        if (found.empty()) found = foreign_keyword(each, root, here);
    } else if (name == "items" || name == "not" || name == "if" || name == "then" ||
               name == "else" || name == "additionalProperties") {
      found = foreign_keyword(inner, root, here);
    } else if (name == "$ref") {
      const auto& ref = inner.get_ref<const std::string&>();
      if (!ref.starts_with("#/") || !root.contains(Value::json_pointer(ref.substr(1))))
        found = here;
    }
    if (!found.empty()) return found;
  }
  return {};
}

}  // namespace

Result<Schema> Schema::read(std::string_view json) {
  const auto parsed = parse_untrusted(json);
  if (!parsed) return parsed.error();
  auto root = std::make_shared<const Value>(*parsed);
  if (!root->is_object()) return {Errc::malformed, "a schema must be an object"};
  if (const std::string foreign = foreign_keyword(*root, *root, ""); !foreign.empty())
    return {Errc::invalid, "not carried out here: " + foreign, foreign};
  return Schema(std::move(root));
}

std::vector<SchemaFinding> Schema::check(const Value& value) const {
  Findings found;
  Seen seen;
  Checker(*root_).check(value, *root_, "", seen, &found);
  Findings out;
  std::set<std::pair<std::string, std::string>> told;
  for (SchemaFinding& each : found) {
    if (out.size() < max_findings && told.insert({each.pointer, each.message}).second)
      out.push_back(std::move(each));
  }
  return out;
}

const Schema& odcs_schema() {
  static const Schema schema = [] {
    auto read = Schema::read(odcs_schema_text());
    BATUTA_CHECK(read.ok(), read.ok() ? "" : read.error().message);
    return std::move(*read);
  }();
  return schema;
}

}  // namespace batuta::contract
