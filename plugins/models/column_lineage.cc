#include "plugins/models/column_lineage.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/outside_select.h"
#include "plugins/models/column_scope.h"
#include "plugins/models/model_spec.h"

namespace batuta::models {
namespace {

using nlohmann::json;

constexpr JsonLimits lineage_limits{64u << 20, 1000, 5'000'000, 1u << 20};
constexpr int deepest = 200;  // queries within queries
constexpr std::size_t most_columns = 10'000;

std::string text_in(const json& node, const char* key) {
  const auto found = node.is_object() ? node.find(key) : node.end();
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const json& child_of(const json& node, const char* key) {
  static const json nothing = json::array();
  if (!node.is_object()) return nothing;
  const auto found = node.find(key);
  return found == node.end() || found->is_null() ? nothing : *found;
}

std::vector<std::string> texts_in(const json& list) {
  std::vector<std::string> out;
  for (const json& item : list) out.push_back(item.is_string() ? item.get<std::string>() : "");
  return out;
}

using Definitions = std::map<std::string, std::shared_ptr<const Relation>>;

bool is_lambda_function(const std::string& name) {
  static const std::set<std::string> names = {
      "list_transform", "array_transform", "list_apply",  "array_apply",  "apply", "list_filter",
      "array_filter",   "filter",          "list_reduce", "array_reduce", "reduce"};
  return names.count(lowered_name(name)) != 0;
}

class Tracing {
 public:
  explicit Tracing(const std::map<std::string, std::vector<std::string>>& tables)
      : tables_(tables) {}

  Relation query(const json& node, Definitions defined, const Scope* outer) {
    const Depth depth(*this);
    if (depth_ > deepest) return open("queries are nested too deeply");
    const std::string type = text_in(node, "type");
    define_all(child_of(node, "cte_map"), defined, outer);
    if (type == "SELECT_NODE") return select(node, defined, outer);
    if (type == "SET_OPERATION_NODE") return set_operation(node, defined, outer);
    if (type == "CTE_NODE") {
      define(text_in(node, "cte_name"), query(child_of(node, "query"), defined, outer),
             child_of(node, "aliases"), defined);
      return query(child_of(node, "child"), defined, outer);
    }
    if (type == "RECURSIVE_CTE_NODE") return open("a recursive WITH is not followed");
    return open("a query of the form " + type + " is not followed");
  }

 private:
  struct Depth {
    explicit Depth(Tracing& of) : of_(of) { ++of_.depth_; }
    ~Depth() { --of_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    Tracing& of_;
  };

  static Relation open(std::string why) { return {{}, std::move(why)}; }

  static void define(const std::string& name, Relation relation, const json& aliases,
                     Definitions& defined) {
    relation.rename(texts_in(aliases));
    defined[lowered_name(name)] = std::make_shared<const Relation>(std::move(relation));
  }

  void define_all(const json& cte_map, Definitions& defined, const Scope* outer) {
    for (const json& entry : child_of(cte_map, "map")) {
      const json& value = child_of(entry, "value");
      define(text_in(entry, "key"),
             query(child_of(child_of(value, "query"), "node"), defined, outer),
             child_of(value, "aliases"), defined);
    }
  }

  // ---- one SELECT
  // --------------------------------------------------------------------------------

  Relation select(const json& node, const Definitions& defined, const Scope* outer) {
    Scope scope(outer);
    from(child_of(node, "from_table"), defined, scope);
    Relation out;
    for (const json& item : child_of(node, "select_list")) {
      if (text_in(item, "class") == "STAR") {
        star(item, defined, scope, out);
      } else {
        TracedColumn column{text_in(item, "alias"), trace(item, defined, scope)};
        if (column.name.empty() && text_in(item, "class") == "COLUMN_REF") {
          const auto names = texts_in(child_of(item, "column_names"));
          if (!names.empty()) column.name = names.back();
        }
        scope.add_alias(column.name, column.of);
        if (has_star(item) && out.open.empty()) out.open = "COLUMNS(…) is not followed";
        out.columns.push_back(std::move(column));
      }
      if (out.columns.size() > most_columns) return open("it has too many columns");
    }
    return out;
  }

  static bool has_star(const json& node) {
    if (node.is_array()) return std::any_of(node.begin(), node.end(), has_star);
    if (!node.is_object() || text_in(node, "class") == "SUBQUERY") return false;
    if (text_in(node, "class") == "STAR") return true;
    return std::any_of(node.begin(), node.end(), has_star);
  }

  void star(const json& node, const Definitions& defined, Scope& scope, Relation& out) {
    const json& left_out_list = child_of(node, "exclude_list");
    const bool plain = child_of(node, "columns") != json(true) && child_of(node, "expr").empty() &&
                       child_of(node, "rename_list").empty() &&
                       child_of(node, "qualified_exclude_list").empty() &&
                       std::all_of(left_out_list.begin(), left_out_list.end(),
                                   [](const json& name) { return name.is_string(); });
    if (!plain) {
      out.open = "COLUMNS(…), RENAME or a qualified EXCLUDE is not followed";
      return;
    }
    std::set<std::string> left_out;
    for (const std::string& name : texts_in(left_out_list)) left_out.insert(lowered_name(name));
    std::map<std::string, Traced> replaced;
    for (const json& entry : child_of(node, "replace_list")) {
      const std::string name = lowered_name(text_in(entry, "key"));
      if (name.empty() && out.open.empty()) out.open = "REPLACE is not followed";
      replaced[name] = trace(child_of(entry, "value"), defined, scope);
    }
    const std::string of = text_in(node, "relation_name");
    const Relation all = of.empty() ? scope.star() : scope.star_of(of);
    const std::string& why = all.open;
    if (!why.empty() && out.open.empty()) out.open = why;
    for (TracedColumn column : all.columns) {
      const std::string name = lowered_name(column.name);
      if (left_out.count(name) != 0) continue;
      if (const auto by = replaced.find(name); by != replaced.end()) column.of = by->second;
      out.columns.push_back(std::move(column));
    }
  }

  Relation set_operation(const json& node, const Definitions& defined, const Scope* outer) {
    std::vector<const json*> sides;
    if (!child_of(node, "left").empty())
      sides = {&child_of(node, "left"), &child_of(node, "right")};
    for (const json& child : child_of(node, "children")) sides.push_back(&child);
    const std::string how = text_in(node, "setop_type");
    if (sides.empty()) return open("a set operation is not followed");
    Relation out = query(*sides.front(), defined, outer);
    // What EXCEPT takes away, and INTERSECT keeps, are rows of the first.
    if (how == "EXCEPT" || how == "INTERSECT") return out;
    if (how != "UNION" && how != "UNION_BY_NAME") return open(how + " is not followed");
    for (std::size_t i = 1; i < sides.size(); ++i) {
      const Relation other = query(*sides[i], defined, outer);
      if (!other.open.empty() || !out.open.empty())
        return open(out.open.empty() ? other.open : out.open);
      if (how == "UNION_BY_NAME") {
        unite_by_name(out, other);
      } else if (other.columns.size() != out.columns.size()) {
        return open("the sides of a UNION have different columns");
      } else {
        for (std::size_t at = 0; at < out.columns.size(); ++at)
          out.columns[at].of.add(other.columns[at].of);
      }
    }
    return out;
  }

  static void unite_by_name(Relation& out, const Relation& other) {
    for (const TracedColumn& column : other.columns) {
      const auto there =
          std::find_if(out.columns.begin(), out.columns.end(), [&](const TracedColumn& each) {
            return lowered_name(each.name) == lowered_name(column.name);
          });
      if (there == out.columns.end()) {
        out.columns.push_back(column);
      } else {
        there->of.add(column.of);
      }
    }
  }

  // ---- FROM
  // --------------------------------------------------------------------------------------

  void from(const json& node, const Definitions& defined, Scope& scope) {
    const Depth depth(*this);
    const std::string type = text_in(node, "type");
    if (node.empty() || type == "EMPTY" || type == "EMPTY_FROM") return;
    std::vector<std::string> path = {text_in(node, "alias")};
    if (depth_ > deepest) return scope.add(path, open("joins are nested too deeply"));
    const auto names = texts_in(child_of(node, "column_name_alias"));
    if (type == "BASE_TABLE") {
      Relation relation = table(node, defined);
      relation.rename(names);
      if (path.front().empty()) {
        path = {text_in(node, "table_name")};
        for (const char* above : {"schema_name", "catalog_name"})
          if (const std::string name = text_in(node, above); !name.empty())
            path.insert(path.begin(), name);
      }
      return scope.add(path, std::move(relation));
    }
    if (type == "SUBQUERY") {
      // A lateral one sees what stands before it.
      Relation relation = query(child_of(child_of(node, "subquery"), "node"), defined, &scope);
      relation.rename(names);
      return scope.add(path, std::move(relation));
    }
    if (type == "EXPRESSION_LIST") return scope.add(path, values(node, names, defined, scope));
    if (type == "JOIN") return join(node, defined, scope);
    if (type == "TABLE_FUNCTION") {
      const json& function = child_of(node, "function");
      const json& arguments = child_of(function, "children");
      if (path.front().empty()) path.front() = text_in(function, "function_name");
      if (names.size() == 1 && arguments.size() == 1 &&
          lowered_name(text_in(function, "function_name")) == "unnest")
        return scope.add(path, Relation{{{names.front(), trace(arguments, defined, scope)}}, {}});
      return scope.add(path, open("the table function " + text_in(function, "function_name") +
                                  " is not followed"));
    }
    scope.add(path, open("FROM of the form " + type + " is not followed"));
  }

  Relation table(const json& node, const Definitions& defined) {
    const std::string name = text_in(node, "table_name");
    if (text_in(node, "schema_name").empty()) {
      const auto cte = defined.find(lowered_name(name));
      if (cte != defined.end()) return *cte->second;
    }
    std::string path;
    try {
      path = table_of({text_in(node, "schema_name"), name, text_in(node, "catalog_name")});
    } catch (const plugin::FinalError&) {
      return open(name + " is no table that is followed");
    }
    const auto found = tables_.find(path);
    if (found == tables_.end()) return open("the columns of " + path + " are not known");
    Relation out;
    for (const std::string& column : found->second)
      out.columns.push_back({column, {{{path, column}}, {}}});
    return out;
  }

  Relation values(const json& node, const std::vector<std::string>& names,
                  const Definitions& defined, Scope& scope) {
    Relation out;
    for (const json& row : child_of(node, "values"))
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (out.columns.size() <= i) out.columns.push_back({"col" + std::to_string(i), {}});
        out.columns[i].of.add(trace(row[i], defined, scope));
      }
    out.rename(names);
    return out;
  }

  void join(const json& node, const Definitions& defined, Scope& scope) {
    const std::string how = text_in(node, "join_type");
    const Scope::Mark before = scope.mark();
    from(child_of(node, "left"), defined, scope);
    const Scope::Mark middle = scope.mark();
    from(child_of(node, "right"), defined, scope);
    if (how == "SEMI" || how == "ANTI") return scope.forget_since(middle);
    auto keys = texts_in(child_of(node, "using_columns"));
    if (text_in(node, "ref_type") == "NATURAL" && scope.open().empty())
      keys = scope.common_names(before.star, middle.star);
    for (const std::string& key : keys) scope.merge(key, how, before.star, middle.star);
  }

  // ---- expressions
  // -------------------------------------------------------------------------------

  // Of all columns that the expression names.
  Traced trace(const json& node, const Definitions& defined, Scope& scope,
               bool may_be_lambda = false) {
    Traced out;
    const Depth depth(*this);
    if (depth_ > deepest * 5) return not_traced("the expression is nested too deeply");
    if (node.is_array()) {
      for (const json& item : node) out.add(trace(item, defined, scope));
      return out;
    }
    if (!node.is_object()) return out;
    const std::string kind = text_in(node, "class");
    if (kind == "CONSTANT" || kind == "PARAMETER") return out;
    if (kind == "COLUMN_REF") return scope.column(texts_in(child_of(node, "column_names")));
    if (kind == "POSITIONAL_REFERENCE") return not_traced("a column by its place is not followed");
    if (kind == "STAR") return not_traced("COLUMNS(…) is not followed");
    if (kind == "SUBQUERY") return subquery(node, defined, scope);
    if (kind == "LAMBDA" && may_be_lambda) return lambda(node, defined, scope);
    if (kind == "FUNCTION" && is_lambda_function(text_in(node, "function_name"))) {
      // The second argument is one; `->` in others takes a value out of JSON.
      const json& arguments = child_of(node, "children");
      for (std::size_t i = 0; i < arguments.size(); ++i)
        out.add(trace(arguments[i], defined, scope, i == 1));
      return out;
    }
    for (const auto& [key, child] : node.items())
      if (child.is_structured()) out.add(trace(child, defined, scope));
    return out;
  }

  Traced subquery(const json& node, const Definitions& defined, Scope& scope) {
    Traced out = trace(child_of(node, "child"), defined, scope);
    const Relation found = query(child_of(child_of(node, "subquery"), "node"), defined, &scope);
    if (text_in(node, "subquery_type") == "EXISTS" ||
        text_in(node, "subquery_type") == "NOT_EXISTS")
      return out;  // whether there is a row is of no column
    if (!found.open.empty()) out.add(not_traced(found.open));
    for (const TracedColumn& each : found.columns) out.add(each.of);
    return out;
  }

  // Its parameters are names of its own.
  Traced lambda(const json& node, const Definitions& defined, Scope& scope) {
    const std::set<std::string> before = scope.locals();
    note_parameters(child_of(node, "lhs"), scope);
    const Traced out = trace(child_of(node, "expr"), defined, scope);
    scope.locals() = before;
    return out;
  }

  static void note_parameters(const json& node, Scope& scope) {
    if (node.is_array())
      for (const json& item : node) note_parameters(item, scope);
    if (!node.is_object()) return;
    for (const std::string& name : texts_in(child_of(node, "column_names")))
      scope.locals().insert(lowered_name(name));
    for (const auto& [key, child] : node.items())
      if (child.is_structured()) note_parameters(child, scope);
  }

  const std::map<std::string, std::vector<std::string>>& tables_;
  int depth_ = 0;
};

std::vector<ColumnOrigin> all_unknown(const std::vector<std::string>& names,
                                      const std::string& why) {
  std::vector<ColumnOrigin> out;
  for (const std::string& name : names) out.push_back({name, {}, why});
  return out;
}

}  // namespace

std::vector<ColumnOrigin> column_lineage(
    lake::Session& session, const std::string& sql,
    const std::map<std::string, std::vector<std::string>>& columns,
    const std::vector<std::string>& names) {
  const auto tree =
      parse_untrusted(session.value("SELECT json_serialize_sql(CAST($1 AS VARCHAR))", {sql}).text(),
                      lineage_limits);
  if (!tree || tree->value("error", true) || child_of(*tree, "statements").size() != 1)
    return all_unknown(names, "the statement is too long or too deeply nested to be followed");
  const Relation found =
      Tracing(columns).query(child_of((*tree)["statements"][0], "node"), {}, nullptr);
  if (!found.open.empty()) return all_unknown(names, found.open);
  std::vector<ColumnOrigin> out;
  bool same = found.columns.size() == names.size();
  for (std::size_t i = 0; same && i < names.size(); ++i) {
    const std::string& said = found.columns[i].name;
    same = said.empty() || lowered_name(said) == lowered_name(names[i]);
    const Traced& of = found.columns[i].of;
    out.push_back({names[i], of.unknown.empty() ? of.from : decltype(of.from){}, of.unknown});
  }
  return same ? out
              : all_unknown(names,
                            "the columns of the statement are not told apart as the engine "
                            "does");
}

json column_lineage_json(const std::vector<ColumnOrigin>& columns) {
  json out = json::object();
  for (const ColumnOrigin& column : columns) {
    if (!column.unknown.empty()) {
      out[column.name] = {{"unknown", column.unknown}};
      continue;
    }
    json from = json::array();
    for (const auto& [table, name] : column.from) from.push_back({table, name});
    out[column.name] = {{"from", std::move(from)}};
  }
  return out;
}

}  // namespace batuta::models
