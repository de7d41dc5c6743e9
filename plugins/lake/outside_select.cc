#include "plugins/lake/outside_select.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "plugins/lake/sql_error.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

// The engine nests expressions a thousand deep at most, each a few levels of its syntax tree.
constexpr JsonLimits tree_limits{64u << 20, 10'000, 5'000'000, 1u << 20};

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Functions that are written without parentheses: where no column has such a name, the engine takes
// them for a function after it has parsed the statement.
bool tells_the_time(const std::string& name) {
  static const std::vector<std::string> names = {
      "current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"};
  return holds(names, name);
}

// Functions that the engine calls the same for the same arguments, though the time is one of them.
bool reads_the_clock(const std::string& name, std::size_t arguments) {
  static const std::vector<std::string> names = {"ago", "current_localtime",
                                                 "current_localtimestamp"};
  return holds(names, name) || (name == "age" && arguments < 2);
}

bool is_catalogue_function(const std::string& name) {
  for (const char* prefix : {"pg_", "duckdb_", "pragma_", "has_", "__internal_"})
    if (name.starts_with(prefix)) return true;
  return false;
}

class Walk {
 public:
  explicit Walk(bool with_domains) : with_domains_(with_domains) {}

  void visit(const json& node) {
    if (node.is_array())
      for (const json& item : node) visit(item);
    if (!node.is_object() || text(node, "class") == "CONSTANT") return;
    const std::string type = text(node, "type");
    if (type == "BASE_TABLE") note_table(node);
    if (const auto sample = node.find("sample"); sample != node.end() && !sample->is_null())
      found_.samples = true;
    if (type == "COLUMN_REF") note_clock(node);
    if (type == "SHOW_REF" && node.contains("query") && node["query"].is_null())
      throw SqlError("SHOW is not allowed here: batuta lake tables lists the tables");
    const std::size_t outer = defined_.size();
    if (type == "RECURSIVE_CTE_NODE") {
      // It names itself, but not where it begins: what has that name there is a table.
      visit(node.value("left", json()));
      define(text(node, "cte_name"));
    }
    if (const auto names = node.find("cte_map"); names != node.end()) visit_definitions(*names);
    const bool is_table_function = type == "TABLE_FUNCTION" && node.contains("function");
    if (is_table_function) {
      check_table_function(lower(text(node["function"], "function_name")));
    } else if (node.contains("function_name")) {
      const std::string name = lower(text(node, "function_name"));
      check_function(name);
      functions_.insert(name);
      if (reads_the_clock(name, node.value("children", json()).size())) found_.clock = name;
    }
    for (const auto& [key, child] : node.items()) {
      if (is_table_function && key == "function") {
        visit(child.value("children", json()));
      } else if (key != "cte_map" && !(key == "left" && type == "RECURSIVE_CTE_NODE")) {
        visit(child);
      }
    }
    defined_.resize(outer);
  }

  OutsideSelect found() {
    found_.tables.assign(tables_.begin(), tables_.end());
    found_.functions.assign(functions_.begin(), functions_.end());
    return std::move(found_);
  }

 private:
  static std::string text(const json& node, const char* key) {
    const auto found = node.find(key);
    return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
  }

  void note_clock(const json& node) {
    const auto names = node.find("column_names");
    if (names == node.end() || names->size() != 1 || !names->front().is_string()) return;
    const std::string name = lower(names->front().get<std::string>());
    if (tells_the_time(name)) found_.clock = name;
  }

  void note_table(const json& node) {
    NamedTable table{text(node, "schema_name"), text(node, "table_name"),
                     text(node, "catalog_name")};
    if (const auto at = node.find("at_clause"); at != node.end() && !at->is_null())
      throw SqlError("AT is not allowed here: " +
                     std::string(with_domains_ ? "a model reads the versions that its run fixed"
                                               : "write table@v12, or ask with --at TIME"));
    if (table.schema.empty() && holds(defined_, lower(table.name))) return;
    tables_.insert(std::move(table));
  }

  // What WITH defines, each name from its end on: the next one may use it, and so may the query
  // that it stands before, with all that lies in there.
  void visit_definitions(const json& map) {
    for (const json& entry : map.value("map", json::array())) {
      visit(entry.value("value", json()));
      define(text(entry, "key"));
    }
  }

  // A name with a dot could be taken for a file's by the engine where it sees another scope than
  // this walk.
  // Nor may it be one of the views that stand behind the names of tables, unmasked ones among them.
  void define(const std::string& name) {
    for (const char* ours : {"lake_table_", "lake_view_", "read_mask_", "mngt_raw_"})
      if (lower(name).starts_with(ours))
        throw SqlError("WITH \"" + name + "\": names that begin with " + ours +
                       " are taken; choose another");
    if (name.find_first_of("./\\:") != std::string::npos)
      throw SqlError("WITH \"" + name + "\": the name may not contain . / \\ or :");
    defined_.push_back(lower(name));
  }

  static void check_function(const std::string& name) {
    if (holds(refused_functions(), name) || is_catalogue_function(name))
      throw SqlError("the function " + name +
                     " is not allowed here: only those that compute from their arguments are");
  }

  static void check_table_function(const std::string& name) {
    if (holds(pure_table_functions(), name)) return;
    std::string known;
    for (const std::string& each : pure_table_functions())
      known += (known.empty() ? "" : ", ") + each;
    throw SqlError("the table function " + name +
                   " is not allowed here: only tables of the lake can be read, and " + known);
  }

  const bool with_domains_;
  OutsideSelect found_;
  std::set<NamedTable> tables_;
  std::set<std::string> functions_;
  std::vector<std::string> defined_;  // by WITH, as far as the walk's place sees it
};

}  // namespace

const std::vector<std::string>& refused_functions() {
  static const std::vector<std::string> names = {
      // read settings, variables, the environment, the catalogue, or what runs
      "getenv", "getvariable", "current_setting", "current_query", "current_query_id",
      "current_connection_id", "current_transaction_id", "txid_current", "in_search_path",
      "current_schemas", "stats", "col_description", "obj_description", "shobj_description",
      // take or make statements
      "json_serialize_sql", "json_serialize_plan", "json_deserialize_sql",
      "json_execute_serialized_sql",
      // leave something behind
      "nextval", "currval", "setseed", "write_log"};
  return names;
}

const std::vector<std::string>& pure_table_functions() {
  static const std::vector<std::string> names = {
      "range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"};
  return names;
}

namespace {

OutsideSelect look_at(Session& session, const std::string& sql, bool with_domains) {
  if (sql.find('\0') != std::string::npos) throw SqlError("the statement holds a NUL character");
  const std::string tree_text =
      session.value("SELECT json_serialize_sql(CAST($1 AS VARCHAR))", {sql}).text();
  const auto tree = parse_untrusted(tree_text, tree_limits);
  if (!tree) throw SqlError("the statement is too long or too deeply nested");
  if (tree->value("error", true)) {
    if (tree->value("error_type", "") == "parser") session.check(sql);  // says where
    throw SqlError(
        "only one SELECT is allowed here (or FROM, VALUES, DESCRIBE or SUMMARIZE), nothing that "
        "writes, explains or sets: " +
        tree->value("error_message", ""));
  }
  const json& statements = (*tree)["statements"];
  if (statements.size() != 1)
    throw SqlError("one SELECT is expected, not " + std::to_string(statements.size()) +
                   " statements");
  Walk walk(with_domains);
  walk.visit(statements);
  return walk.found();
}

}  // namespace

std::vector<NamedTable> check_outside_select(Session& session, const std::string& sql) {
  return look_at(session, sql, false).tables;
}

OutsideSelect check_model_select(Session& session, const std::string& sql) {
  return look_at(session, sql, true);
}

}  // namespace batuta::lake
