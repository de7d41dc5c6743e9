#include "scheduler/dagfile/domain_plan.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "common/safe_json.h"
#include "scheduler/dagfile/bundle.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/domain_monitors.h"

namespace batuta::domains {
namespace {

using contract::Contract;
using contract::Table;
using nlohmann::json;

DomainPart file_part(std::string path, std::string text) {
  return {"file", std::move(path), json_text({{"sha256", version_of(text)}}), std::move(text)};
}

std::string quoted_sql(const std::string& text, char quote) {
  std::string out(1, quote);
  for (const char c : text) out.append(c == quote ? 2 : 1, c);
  return out + quote;
}

json head_of_dag(const std::string& dag_id, const std::string& domain,
                 const std::string& description) {
  return {{"$schema", "./dag.schema.json"}, {"dag_id", dag_id},
          {"description", description},     {"tags", {domain, "domain"}},
          {"max_active_runs", 1},           {"is_paused_upon_creation", false}};
}

// By table, those of the domain in which its values are looked up: their silver is made first. Of
// tables that look each other up the later one does not wait.
std::map<std::string, std::set<std::string>> looked_up_first(
    const Domain& domain, const std::vector<const Table*>& tables) {
  std::map<std::string, std::set<std::string>> before;
  for (const Table* table : tables) before[table->name];
  const auto waits = [&](const std::string& table, const std::string& other) {
    std::set<std::string> seen;  // each is asked once, however many ways lead to it
    for (std::vector<std::string> open{table}; !open.empty();) {
      const std::string next = open.back();
      open.pop_back();
      if (next == other) return true;
      if (!seen.insert(next).second) continue;
      const auto& of_it = before.at(next);
      open.insert(open.end(), of_it.begin(), of_it.end());
    }
    return false;
  };
  for (const Table* table : tables) {
    for (const auto& check : table->quality) {
      if (!check.other_table.starts_with(domain.name + "/")) continue;
      const std::string other = check.other_table.substr(domain.name.size() + 1);
      if (before.contains(other) && !waits(other, table->name)) before[table->name].insert(other);
    }
  }
  return before;
}

json ingestion_dag(const Domain& domain, const std::vector<const Table*>& tables,
                   const std::string& schedule) {
  json dag = head_of_dag(domain.dag_ids[0], domain.name,
                         "Brings the tables of the domain " + domain.name + " into the lake");
  dag["schedule"] = schedule.empty() ? json(nullptr) : json(schedule);
  dag["tasks"] = json::array();
  const auto before = looked_up_first(domain, tables);
  for (const Table* table : tables) {
    const std::string contract = domain.name + "/" + table->name;
    dag["tasks"].push_back(
        {{"task_id", table->name + "_bronze"}, {"type", "extract"}, {"contract", contract}});
    json depends_on = json::array({table->name + "_bronze"});
    for (const std::string& other : before.at(table->name)) depends_on.push_back(other + "_silver");
    dag["tasks"].push_back({{"task_id", table->name + "_silver"},
                            {"type", "transform"},
                            {"contract", contract},
                            {"depends_on", std::move(depends_on)}});
  }
  return dag;
}

// A row for each number: of rows, of missing values, of keys that are there twice.
std::string measure_sql(const Domain& domain, const Table& table) {
  const std::string from = " FROM " + quoted_sql("silver/" + domain.name + "/" + table.name, '"');
  const std::string name = quoted_sql(table.name, '\'');
  const auto row = [&](const std::string& measure, const std::string& value) {
    return "SELECT " + name + " AS table_name, " + quoted_sql(measure, '\'') +
           " AS measure, CAST(" + value + " AS BIGINT) AS amount" + from;
  };
  std::string sql = row("rows", "count(*)");
  std::string keys;
  for (const auto& column : table.columns) {
    if (column.required) {
      sql += "\nUNION ALL " + row("missing " + column.name,
                                  "count(*) - count(" + quoted_sql(column.name, '"') + ")");
    }
  }
  for (const auto& key : table.keys()) keys += (keys.empty() ? "" : ", ") + quoted_sql(key, '"');
  if (!keys.empty())
    sql += "\nUNION ALL " + row("duplicate keys", "count(*) - count(DISTINCT (" + keys + "))");
  return sql;
}

json quality_dag(const Domain& domain, const std::vector<const Table*>& tables) {
  json dag = head_of_dag(
      domain.dag_ids[1], domain.name,
      "Measures the tables of the domain " + domain.name + " each time all of them have new rows");
  json assets = json::array();
  std::string sql;
  for (const Table* table : tables) {
    assets.push_back("lake://silver/" + domain.name + "/" + table->name);
    sql += (sql.empty() ? "" : "\nUNION ALL ") + measure_sql(domain, *table);
  }
  dag["schedule"] = {{"assets", assets}};
  dag["tasks"] = {{{"task_id", "measure"},
                   {"type", "aggregate"},
                   {"table", "gold/" + domain.name + "/quality"},
                   {"keys", {"table_name", "measure"}},
                   {"history", true},
                   {"description", "Rows, missing values and duplicate keys of each table"},
                   {"sql", sql}}};
  return dag;
}

void add_roles(Domain& domain) {
  const std::string lake = " lake:" + domain.name + "/";
  std::vector<std::string> reader{"read" + lake + "silver", "read" + lake + "gold"};
  std::vector<std::string> engineer{"*" + lake + "*"};
  for (const auto& id : domain.dag_ids) {
    reader.push_back("read dag:" + id);
    engineer.push_back("trigger dag:" + id);
    engineer.push_back("edit dag:" + id);
  }
  const auto add = [&](const char* of, const char* groups, const std::vector<std::string>& grants,
                       const std::string& what) {
    const std::string role = domain.name + of;
    domain.parts.push_back(
        {"role", role, json_text({{"description", what}, {"grants", grants}}), {}});
    domain.parts.push_back(
        {"group", domain.name + groups, json_text({{"description", what}, {"roles", {role}}}), {}});
  };
  add("_reader", "_readers", reader, "Reads silver and gold of the domain " + domain.name);
  add("_engineer", "_engineers", engineer, "Runs and reads the domain " + domain.name);
}

// Nothing is done that is only said to be done.
void add_absent(Domain& domain, const Contract& contract) {
  auto& absent = domain.not_carried_out;
  for (const Table& table : contract.tables) {
    std::string open, masked;
    for (const auto& column : table.columns) {
      if (!column.read_mask.empty()) continue;
      std::string& list = column.mask != contract::Mask::none ? masked : open;
      if (column.classification.empty() && &list == &open) continue;
      list += (list.empty() ? "" : ", ") + column.name;
      if (!column.classification.empty()) list += " (" + column.classification + ")";
    }
    if (!open.empty()) {
      absent.push_back("masking of " + table.name + ": these columns are classified and have no " +
                       "batuta.mask, so silver holds them as they are: " + open);
    }
    if (!masked.empty()) {
      absent.push_back("masking policies by group: the masks of " + table.name +
                       " hold for everybody who reads it: " + masked);
    }
  }
  const bool carried_out =
      std::any_of(contract.tables.begin(), contract.tables.end(),
                  [](const Table& table) { return !table.retention.layers.empty(); });
  if (!contract.retention.empty() && !carried_out)
    absent.push_back("retention of " + contract.retention +
                     ": no table says where (batuta.retention), so no row goes by its age");
}

}  // namespace

Result<Domain> domain_of(const std::string& name, const Contract& contract, const std::string& yaml,
                         const std::string& schedule) {
  if (auto fits = check_bundle_name(name); !fits)
    return {Errc::invalid, "a domain is named as a bundle: " + fits.error().message};
  if (!contract.domain.empty() && contract.domain != name) {
    return {Errc::invalid, "the contract is of the domain \"" + contract.domain +
                               "\"; call this one so, or change the contract's domain"};
  }
  Domain domain;
  domain.name = name;
  domain.dag_ids = {name + "_ingestion", name + "_quality"};
  std::vector<const Table*> tables;
  for (const Table& table : contract.tables) {
    if (table.source.kind == contract::SourceKind::none || table.columns.empty()) {
      domain.not_carried_out.push_back(
          "ingestion of " + table.name + ": " +
          (table.columns.empty() ? "it has no columns (properties)" : table.source.why_none));
      continue;
    }
    tables.push_back(&table);
  }
  if (tables.empty()) {
    return {Errc::invalid,
            "no table of the contract can be read" + (domain.not_carried_out.empty()
                                                          ? std::string()
                                                          : ": " + domain.not_carried_out.front())};
  }
  for (const Table* table : tables)
    domain.parts.push_back(file_part("contracts/" + name + "/" + table->name + ".odcs.yaml", yaml));
  domain.parts.push_back(file_part("dags/" + domain.dag_ids[0] + ".json",
                                   ingestion_dag(domain, tables, schedule).dump(2) + "\n"));
  domain.parts.push_back(
      file_part("dags/" + domain.dag_ids[1] + ".json", quality_dag(domain, tables).dump(2) + "\n"));
  DomainMonitors watched = monitors_of(name, domain.dag_ids[0], tables, contract);
  domain.parts.push_back(file_part("monitors/" + name + ".json", std::move(watched.text)));
  add_roles(domain);
  domain.not_carried_out.insert(domain.not_carried_out.end(), watched.not_carried_out.begin(),
                                watched.not_carried_out.end());
  add_absent(domain, contract);
  return domain;
}

std::string_view to_string(DomainAction action) {
  switch (action) {
    case DomainAction::create:
      return "create";
    case DomainAction::update:
      return "update";
    case DomainAction::remove:
      return "remove";
    case DomainAction::none:
      break;
  }
  return "none";
}

namespace {

bool changed_by_others(const DomainFound& found) {
  return found.made != found.is && found.before != found.is;
}

}  // namespace

DomainStep step_to_have(const DomainPart& part, const DomainFound& found) {
  if (found.is == part.state) return {DomainAction::none, part, {}};
  if (found.is.empty()) return {DomainAction::create, part, {}};
  const std::string what = "the " + part.kind + " " + part.name;
  DomainStep step{DomainAction::update, part, {}, found.is};
  if (found.made.empty()) step.conflict = what + " is there and was not made by this domain";
  if (!found.made.empty() && changed_by_others(found))
    step.conflict = what + " was changed since it was made";
  return step;
}

DomainStep step_to_remove(const DomainPart& part, const DomainFound& found) {
  if (found.is.empty() || found.made.empty()) return {DomainAction::none, part, {}};
  DomainStep step{DomainAction::remove, part, {}, found.is};
  if (changed_by_others(found))
    step.conflict = "the " + part.kind + " " + part.name + " was changed since it was made";
  return step;
}

}  // namespace batuta::domains
