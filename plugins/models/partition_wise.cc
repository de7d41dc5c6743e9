#include "plugins/models/partition_wise.h"

#include <strings.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/log_folder.h"
#include "plugins/lake/outside_select.h"

namespace batuta::models {
namespace {

using nlohmann::json;

constexpr JsonLimits statement_limits{64u << 20, 10'000, 5'000'000, 1u << 20};
constexpr std::size_t most_told = 10;

// Where it is not: why.
struct NotByParts {
  std::string why;
};

bool same_name(const std::string& a, const std::string& b) {
  return ::strcasecmp(a.c_str(), b.c_str()) == 0;
}

bool has_name(const std::vector<std::string>& names, const std::string& name) {
  return std::any_of(names.begin(), names.end(),
                     [&](const auto& each) { return same_name(each, name); });
}

std::string word_of(const json& node, const char* key) {
  const auto found = node.is_object() ? node.find(key) : node.end();
  return found != node.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const json& part_of(const json& node, const char* key) {
  static const json nothing = json::array();
  const auto found = node.find(key);
  return found == node.end() || found->is_null() ? nothing : *found;
}

std::string table_of_node(const json& node) {
  return table_of(
      {word_of(node, "schema_name"), word_of(node, "table_name"), word_of(node, "catalog_name")});
}

std::vector<std::string> names_in(const json& column_ref) {
  std::vector<std::string> out;
  for (const json& name : part_of(column_ref, "column_names"))
    out.push_back(name.is_string() ? name.get<std::string>() : std::string());
  return out;
}

const std::string* type_in(const lake::DeltaTable& table, const std::string& column) {
  for (const lakelog::Column& each : table.snapshot().metadata.columns)
    if (same_name(each.name, column)) return &each.type;
  return nullptr;
}

class ByParts {
 public:
  ByParts(const ModelSpec& spec, const lake::DeltaTable& target,
          const std::map<std::string, lake::DeltaTable>& inputs, const json& select)
      : spec_(spec), target_(target), inputs_(inputs), select_(select) {}

  PartitionWise found() {
    check_form();
    std::vector<const json*> kept;
    add_kept(part_of(select_, "from_table"), kept);
    std::string why = "no input stands where each of its rows counts by itself";
    for (const json* node : kept) {
      PartitionWise by = of_input(*node, why);
      if (!by.input.empty()) return by;
    }
    throw NotByParts{why};
  }

 private:
  void check_form() {
    if (word_of(select_, "type") != "SELECT_NODE")
      throw NotByParts{"the statement is not one plain SELECT"};
    for (const json& modifier : part_of(select_, "modifiers")) {
      const std::string type = word_of(modifier, "type");
      const bool plain =
          type == "ORDER_MODIFIER" ||
          (type == "DISTINCT_MODIFIER" && part_of(modifier, "distinct_on_targets").empty());
      if (!plain) throw NotByParts{"the statement takes a part of the rows (LIMIT, DISTINCT ON)"};
    }
    walk(select_);
  }

  void walk(const json& node) {
    if (node.is_array())
      for (const json& item : node) walk(item);
    if (!node.is_object() || word_of(node, "class") == "CONSTANT") return;
    // Before the names are looked at: those of a WITH are no tables.
    if (const auto map = node.find("cte_map"); map != node.end() && !part_of(*map, "map").empty())
      throw NotByParts{"the statement has a WITH"};
    if (word_of(node, "type") == "BASE_TABLE") ++reads_[table_of_node(node)];
    if (word_of(node, "class") == "WINDOW") windows_.push_back(&node);
    for (const auto& [key, child] : node.items()) walk(child);
  }

  // Tables of FROM whose rows are joined one by one, whatever the others are.
  void add_kept(const json& from, std::vector<const json*>& kept) {
    const std::string type = word_of(from, "type");
    if (type == "BASE_TABLE") kept.push_back(&from);
    if (type != "JOIN") return;
    const std::string join = word_of(from, "join_type"), how = word_of(from, "ref_type");
    if (how == "POSITIONAL") return;
    if (join == "INNER" || join == "LEFT" || join == "SEMI" || join == "ANTI")
      add_kept(part_of(from, "left"), kept);
    if (how != "ASOF" && (join == "INNER" || join == "RIGHT"))
      add_kept(part_of(from, "right"), kept);
  }

  // Whether a column's name without a table can only be that of the input.
  bool only_in(const std::string& input, const std::string& column) const {
    const json& from = part_of(select_, "from_table");
    if (word_of(from, "type") == "BASE_TABLE") return true;
    std::function<bool(const json&)> apart = [&](const json& node) {
      if (word_of(node, "type") == "JOIN")
        return apart(part_of(node, "left")) && apart(part_of(node, "right"));
      if (word_of(node, "type") != "BASE_TABLE" || !part_of(node, "column_name_alias").empty())
        return false;
      const std::string name = table_of_node(node);
      const auto table = inputs_.find(name);
      return name == input || (table != inputs_.end() && !type_in(table->second, column));
    };
    return apart(from);
  }

  bool is_column_of(const json& expression, const json& node, const std::string& column) const {
    if (word_of(expression, "type") != "COLUMN_REF") return false;
    const auto names = names_in(expression);
    if (names.empty() || !same_name(names.back(), column)) return false;
    if (names.size() == 1) return only_in(table_of_node(node), column);
    const std::string alias = word_of(node, "alias");
    return names.size() == 2 &&
           same_name(names.front(), alias.empty() ? word_of(node, "table_name") : alias);
  }

  PartitionWise of_input(const json& node, std::string& why) {
    PartitionWise by;
    const std::string name = table_of_node(node);
    const auto input = inputs_.find(name);
    if (input == inputs_.end() || !part_of(node, "column_name_alias").empty()) return by;
    if (reads_[name] != 1) {
      why = name + " is read more than once";
      return by;
    }
    const auto& parts = input->second.snapshot().metadata.partition_columns;
    for (const std::string& column : spec_.partition_by)
      if (const auto from = source_of(column, node, parts);
          from && may_count(column, *from, node)) {
        const std::string *here = type_in(input->second, *from), *there = type_in(target_, column);
        if (here == nullptr || there == nullptr || *here != *there) continue;
        by.columns.push_back(column);
        by.input_columns.push_back(*from);
      }
    if (by.columns.empty()) {
      why = "no column that both the table and " + name +
            " are partitioned by comes through the statement unchanged, with all that is grouped, "
            "ranked or unique within it";
      return by;
    }
    by.input = name;
    return by;
  }

  // The partition column of the input that the result's column is.
  std::optional<std::string> source_of(const std::string& column, const json& node,
                                       const std::vector<std::string>& parts) const {
    const bool alone = word_of(part_of(select_, "from_table"), "type") == "BASE_TABLE";
    for (const json& item : part_of(select_, "select_list")) {
      const std::string type = word_of(item, "type"), alias = word_of(item, "alias");
      if (type == "STAR" && alone && gives_unchanged(item, column)) {
        const auto same = std::find_if(parts.begin(), parts.end(),
                                       [&](const auto& part) { return same_name(part, column); });
        if (same != parts.end()) return *same;
      }
      if (type != "COLUMN_REF") continue;
      const auto names = names_in(item);
      if (names.empty() || !same_name(alias.empty() ? names.back() : alias, column)) continue;
      for (const std::string& part : parts)
        if (is_column_of(item, node, part)) return part;
      return std::nullopt;
    }
    return std::nullopt;
  }

  static bool gives_unchanged(const json& star, const std::string& column) {
    for (const char* changed : {"replace_list", "rename_list", "qualified_exclude_list"})
      if (!part_of(star, changed).empty()) return false;
    const json& left_out = part_of(star, "exclude_list");
    return !star.value("columns", false) && part_of(star, "expr").empty() &&
           word_of(star, "relation_name").empty() &&
           std::none_of(left_out.begin(), left_out.end(), [&](const json& name) {
             return !name.is_string() || same_name(name.get<std::string>(), column);
           });
  }

  // Whether nothing in the model reaches over the column's values.
  bool may_count(const std::string& column, const std::string& from, const json& node) const {
    if (!is_grouped_by(from, node)) return false;
    for (const json* window : windows_) {
      const json& parts = part_of(*window, "partitions");
      if (std::none_of(parts.begin(), parts.end(),
                       [&](const json& part) { return is_column_of(part, node, from); }))
        return false;
    }
    if (!spec_.keys.empty() && !has_name(spec_.keys, column)) return false;
    return std::none_of(spec_.rules.begin(), spec_.rules.end(), [&](const RuleSpec& rule) {
      return rule.kind == RuleSpec::Kind::unique && !has_name(rule.columns, column);
    });
  }

  bool is_grouped_by(const std::string& from, const json& node) const {
    const json& groups = part_of(select_, "group_expressions");
    const json& sets = part_of(select_, "group_sets");
    if (groups.empty() && sets.empty()) return true;  // no groups, or by all that is plain
    if (sets.size() != 1) return false;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      const bool in_set = std::find(sets[0].begin(), sets[0].end(), json(i)) != sets[0].end();
      if (in_set && (is_column_of(groups[i], node, from) || is_place_of(groups[i], node, from)))
        return true;
    }
    return false;
  }

  // GROUP BY 1
  bool is_place_of(const json& group, const json& node, const std::string& from) const {
    if (word_of(group, "class") != "CONSTANT") return false;
    const auto place = json_int(part_of(part_of(group, "value"), "value"));
    const json& items = part_of(select_, "select_list");
    if (!place || *place < 1 || static_cast<std::size_t>(*place) > items.size()) return false;
    for (std::size_t i = 0; i < static_cast<std::size_t>(*place); ++i)
      if (word_of(items[i], "type") == "STAR") return false;
    return is_column_of(items[static_cast<std::size_t>(*place) - 1], node, from);
  }

  const ModelSpec& spec_;
  const lake::DeltaTable& target_;
  const std::map<std::string, lake::DeltaTable>& inputs_;
  const json& select_;
  std::map<std::string, int> reads_;
  std::vector<const json*> windows_;
};

json tree_of(lake::Session& session, const std::string& sql) {
  const std::string text =
      session.value("SELECT json_serialize_sql(CAST($1 AS VARCHAR))", {sql}).text();
  auto tree = parse_untrusted(text, statement_limits);
  if (!tree || part_of(*tree, "statements").size() != 1)
    throw NotByParts{"the statement is too long to be looked at"};
  return std::move((*tree)["statements"][0]["node"]);
}

bool has_subquery(const json& node) {
  if (word_of(node, "class") == "SUBQUERY") return true;
  return node.is_structured() && std::any_of(node.begin(), node.end(),
                                             [](const json& child) { return has_subquery(child); });
}

// A condition may look at all rows by a SELECT of its own. Warnings do so anyway.
void check_conditions(lake::Session& session, const ModelSpec& spec) {
  for (const RuleSpec& rule : spec.rules)
    if (rule.kind == RuleSpec::Kind::sql && rule.blocking &&
        has_subquery(tree_of(session, "SELECT (" + rule.condition + "\n) FROM fresh")))
      throw NotByParts{"the rule " + rule.name + " looks at other rows, too"};
}

void check_fields(const ModelSpec& spec, const lake::DeltaTable& target) {
  if (!spec.incremental) throw NotByParts{"incremental is off"};
  if (spec.mode != Mode::overwrite)
    throw NotByParts{std::string("the mode is ") + to_string(spec.mode)};
  if (spec.partition_by.empty()) throw NotByParts{target.name() + " has no partitions"};
  for (const RuleSpec& rule : spec.rules)
    if (rule.kind == RuleSpec::Kind::rows)
      throw NotByParts{"the rule " + rule.name + " counts all rows"};
}

// Of a table whose columns may have become others since.
bool has_new_columns(const lake::DeltaTable& table, std::int64_t since) {
  const lakelog::LogFolder log(*table.storage(), table.name());
  for (std::int64_t version = since + 1; version <= table.version(); ++version) {
    const auto text = log.read(version);
    const auto commit = text ? lakelog::parse_commit(*text) : text.error();
    if (!commit || commit->metadata || commit->protocol || commit->has_unknown) return true;
  }
  return false;
}

Increment full_pass(const std::string& why) {
  Increment full;
  full.told = "a full pass: " + why;
  return full;
}

std::string told_values(const Increment& increment) {
  std::string out;
  std::size_t count = 0;
  for (const auto& values : increment.values) {
    if (++count > most_told)
      return out + " and " + std::to_string(increment.values.size() - most_told) + " more";
    std::string one;
    for (const auto& value : values) one += (one.empty() ? "" : "/") + value.value_or("NULL");
    out += (out.empty() ? "" : ", ") + one;
  }
  return out.empty() ? "none" : out;
}

}  // namespace

PartitionWise partition_wise(lake::Session& session, const ModelSpec& spec,
                             const lake::DeltaTable& target,
                             const std::map<std::string, lake::DeltaTable>& inputs) {
  try {
    check_fields(spec, target);
    check_conditions(session, spec);
    const json select = tree_of(session, spec.sql);
    return ByParts(spec, target, inputs, select).found();
  } catch (const NotByParts& not_so) {
    return {{}, {}, {}, not_so.why};
  }
}

Increment find_increment(const PartitionWise& by, const Inputs& inputs, const LastRead& last) {
  if (by.input.empty()) return full_pass(by.why_not);
  if (!last.unknown.empty()) return full_pass(last.unknown);
  if (last.inputs.size() != inputs.tables.size()) return full_pass("other tables were read before");
  for (const auto& [name, table] : inputs.tables) {
    const auto read = last.inputs.find(name);
    if (read == last.inputs.end()) return full_pass(name + " was not read before");
    if (read->second.table_id != id_of(table))
      return full_pass(name + " was removed and made anew, or left the lake for a branch");
    if (name != by.input && !unchanged_since(table, read->second.version))
      return full_pass(name + " has changed, which any row may come of");
  }
  const lake::DeltaTable& table = inputs.tables.at(by.input);
  const std::int64_t since = last.inputs.at(by.input).version;
  if (since > table.version())
    return full_pass("a newer version of " + by.input + " was read before");
  const lake::Changes changes = table.changes_since(since);
  const std::string from = by.input + " since version " + std::to_string(since);
  if (changes.whole) return full_pass("the log no longer tells what changed in " + from);
  if (erased_since(table, since)) return full_pass("a person was erased from " + from);
  if (has_new_columns(table, since)) return full_pass("the columns may be others in " + from);
  Increment increment{by, {}, {}};
  for (const std::string& path : changes.added)
    if (const auto file = table.snapshot().files.find(path); file != table.snapshot().files.end())
      increment.values.insert(values_in(table, file->second, by.input_columns));
  for (const lakelog::PartitionValues& removed : changes.removed) {
    std::vector<std::optional<std::string>> values;
    for (const std::string& column : by.input_columns) {
      const auto value = removed.find(column);
      if (value == removed.end())
        return full_pass("the log does not tell in which partitions rows went in " + from);
      values.push_back(value->second);
    }
    increment.values.insert(std::move(values));
  }
  increment.told = "only partitions that changed in " + from + ": " + told_values(increment);
  return increment;
}

std::vector<std::optional<std::string>> values_in(const lake::DeltaTable& table,
                                                  const lakelog::AddFile& file,
                                                  const std::vector<std::string>& columns) {
  std::vector<std::optional<std::string>> out;
  for (const std::string& column : columns)
    out.push_back(lake::partition_value(table, file, column));
  return out;
}

}  // namespace batuta::models
