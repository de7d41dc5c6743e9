// Tables of the lake: the list, and one table.
#include <nlohmann/json.hpp>
#include <set>

#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_contracts.h"
#include "scheduler/api/lake_masks.h"
#include "scheduler/api/lake_trust.h"
#include "scheduler/api/listing.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

struct ListedTable {
  LakeName name;
  LakeSummary summary;
};

Cell count_cell(const ListedTable& t, std::int64_t count) {
  return t.summary.problem.empty() ? Cell(count) : Cell();
}

constexpr Column<ListedTable> table_columns[] = {
    {"name", [](const ListedTable& t) { return Cell(t.name.path()); }},
    {"layer", [](const ListedTable& t) { return Cell(t.name.layer); }},
    {"domain", [](const ListedTable& t) { return Cell(t.name.domain); }},
    {"version", [](const ListedTable& t) { return count_cell(t, t.summary.version); }},
    {"bytes", [](const ListedTable& t) { return count_cell(t, t.summary.bytes); }},
    {"files", [](const ListedTable& t) { return count_cell(t, t.summary.files); }},
    {"modified", [](const ListedTable& t) { return count_cell(t, t.summary.modified_ms); }},
    {"rows", [](const ListedTable& t) { return t.summary.rows ? Cell(*t.summary.rows) : Cell(); }},
};

// What a table's name alone does not tell.
bool needs_logs(const std::vector<std::string>& order_by) {
  return std::any_of(order_by.begin(), order_by.end(), [](std::string_view name) {
    if (name.starts_with('-')) name.remove_prefix(1);
    return name != "name" && name != "layer" && name != "domain";
  });
}

Time time_of(std::int64_t ms) {
  return Time(std::chrono::milliseconds(ms));
}
json count_or_null(const std::optional<std::int64_t>& count) {
  return count ? json(*count) : json(nullptr);
}
double seconds_of(Duration d) {
  return std::chrono::duration<double>(d).count();
}

json table_json(Context& context, const LakeName& name, const LakeSummary& summary,
                const TableContract* contract, const QualityByTable& quality) {
  const bool known = summary.problem.empty();
  const Time modified = time_of(summary.modified_ms);
  const Duration age = std::max(Duration{}, context.now() - modified);
  json out{{"layer", name.layer},
           {"domain", name.domain},
           {"table", name.table},
           {"description", text_or_null(summary.description)},
           {"problem", text_or_null(summary.problem)},
           {"contract", contract ? json(contract->name) : json(nullptr)},
           {"fresh_within_seconds", nullptr},
           {"is_fresh", nullptr}};
  out["version"] = known ? json(summary.version) : json(nullptr);
  out["rows"] = count_or_null(summary.rows);
  out["bytes"] = known ? json(summary.bytes) : json(nullptr);
  out["files"] = known ? json(summary.files) : json(nullptr);
  out["modified"] = known ? json(to_iso(modified)) : json(nullptr);
  out["age_seconds"] = known ? json(seconds_of(age)) : json(nullptr);
  // What was rejected comes when it comes: of that a contract promises nothing.
  const bool is_promised = name.layer != "quarantine" && name.layer != "dlq";
  if (is_promised && contract && contract->fresh_within) {
    out["fresh_within_seconds"] = seconds_of(*contract->fresh_within);
    if (known) out["is_fresh"] = age <= *contract->fresh_within;
  }
  out["trust"] = nullptr;
  if (!is_promised) return out;
  std::optional<bool> is_fresh;
  if (out["is_fresh"].is_boolean()) is_fresh = out["is_fresh"].get<bool>();
  const auto told = quality.find(name.path());
  out["trust"] = trust_json(name, summary, contract, is_fresh,
                            told == quality.end() ? nullptr : &told->second);
  return out;
}

json groups_json(const std::vector<ListedTable>& tables) {
  std::map<std::pair<std::string, std::string>, std::int64_t> counts;
  for (const ListedTable& one : tables) ++counts[{one.name.domain, one.name.layer}];
  json groups = json::array();
  for (const auto& [where, count] : counts) {
    groups.push_back({{"domain", where.first}, {"layer", where.second}, {"tables", count}});
  }
  return groups;
}

json columns_json(const LakeName& name, const LakeDetail& detail, const TableContract* contract,
                  const json& masks, bool bare) {
  json columns = json::array();
  const auto& partitions = detail.partition_columns;
  for (const lakelog::Column& column : detail.columns) {
    json one{{"name", column.name},
             {"type", column.type},
             {"nullable", column.nullable},
             {"is_partition",
              std::find(partitions.begin(), partitions.end(), column.name) != partitions.end()},
             {"is_key", false},
             {"description", nullptr},
             {"business_name", nullptr},
             {"classification", nullptr},
             {"tags", json::array()},
             {"mask", nullptr},
             {"is_masked", false}};
    if (const std::string mask = column_mask(masks, name, column.name); !mask.empty()) {
      one["mask"] = mask;
      one["is_masked"] = !bare;
    }
    if (const auto* told = contract ? contract->table.column(column.name) : nullptr) {
      one["is_key"] = told->key_position > 0;
      one["description"] = text_or_null(told->description);
      one["business_name"] = text_or_null(told->business_name);
      one["classification"] = text_or_null(told->classification);
      one["tags"] = told->tags;
    }
    columns.push_back(std::move(one));
  }
  return columns;
}

json contract_details(const TableContract* of) {
  if (of == nullptr) return nullptr;
  const contract::Contract& c = of->contract;
  json levels = json::array();
  for (const contract::ServiceLevel& level : c.service_levels) {
    levels.push_back({{"property", level.property}, {"value", level.value}, {"unit", level.unit}});
  }
  json rules = json::array();
  for (const contract::QualityCheck& check : of->table.quality) rules.push_back(check.name);
  const std::string& about = of->table.description.empty() ? c.description : of->table.description;
  json tags = of->table.tags;
  for (const std::string& tag : c.tags) tags.push_back(tag);
  return {{"name", of->name},
          {"id", c.id},
          {"version", c.version},
          {"status", c.status},
          {"description", text_or_null(about)},
          {"owners", c.owners},
          {"tags", std::move(tags)},
          {"mode", std::string(contract::to_string(of->table.mode))},
          {"history", of->table.history},
          {"retention", text_or_null(c.retention)},
          {"service_levels", std::move(levels)},
          {"quality_rules", std::move(rules)}};
}

// `hidden`: columns whose values whoever asks may not see.
json partitions_json(const LakeDetail& detail, const std::set<std::string>& hidden) {
  json partitions = json::array();
  for (const LakePartition& one : detail.partitions) {
    json values = json::object();
    for (const auto& [column, value] : one.values)
      values[column] = !value ? json() : hidden.contains(column) ? json("***") : json(*value);
    partitions.push_back({{"values", std::move(values)},
                          {"files", one.files},
                          {"bytes", one.bytes},
                          {"rows", count_or_null(one.rows)}});
  }
  return partitions;
}

}  // namespace

Result<Response> list_lake_tables(Context& context, const Request& request) {
  QueryReader query(request);
  auto list = query.list_query();
  if (!query.status()) return query.status().error();
  if (list.order_by.empty()) list.order_by = {"name"};
  const auto names = context.lake->names();
  if (!names) return names.error();
  const Sight sight = seen_lake(request);
  std::vector<ListedTable> tables;
  for (const LakeName& name : (*names)->tables) {
    if (sight.sees(name.domain + "/" + name.layer)) tables.push_back({name, {}});
  }
  const bool of_all = needs_logs(list.order_by);
  if (of_all) {
    for (ListedTable& one : tables) one.summary = context.lake->summary(one.name);
  }
  const auto picked = pick<ListedTable>(tables, table_columns, list);
  const auto bag = context.services.backend.dags();
  const auto quality = context.trust->quality(context.services.history);
  json rows = json::array();
  for (const ListedTable* one : picked.rows) {
    const LakeSummary summary = of_all ? one->summary : context.lake->summary(one->name);
    const auto contract = context.contracts->find(bag, one->name.domain, one->name.table);
    rows.push_back(table_json(context, one->name, summary, contract.get(), *quality));
  }
  json out = collection("tables", std::move(rows), picked.total);
  out["groups"] = groups_json(tables);
  // Where the rest lies is for who may see all of the lake.
  out["left_out"] = sight.everything() ? json((*names)->left_out) : json::array();
  return json_response(out);
}

Result<Response> get_lake_table(Context& context, const Request& request) {
  const auto name = lake_name(path_param(request, "layer") + "/" + path_param(request, "domain") +
                              "/" + path_param(request, "table"));
  if (!name) return name.error();
  const auto found = context.lake->detail(*name);
  if (!found) return found.error();
  const LakeDetail& detail = **found;
  const auto contract =
      context.contracts->find(context.services.backend.dags(), name->domain, name->table);
  json out = table_json(context, *name, detail.summary, contract.get(),
                        *context.trust->quality(context.services.history));
  out["id"] = detail.id;
  out["created"] = detail.created_ms > 0 ? json(to_iso(time_of(detail.created_ms))) : json();
  out["columns"] = columns_json(*name, detail, contract.get(), masks_for(context, request),
                                may_unmask(request, *name));
  out["partition_columns"] = detail.partition_columns;
  out["properties"] = detail.properties;
  out["reader_version"] = detail.reader_version;
  out["writer_version"] = detail.writer_version;
  // A table that has its partitions from elsewhere than from its contract.
  std::set<std::string> hidden;
  for (const json& column : out["columns"])
    if (column["is_masked"] == true && column["is_partition"] == true)
      hidden.insert(column["name"].get<std::string>());
  out["partitions"] = partitions_json(detail, hidden);
  out["partition_count"] = detail.partition_count;
  out["data_files"] = json::array();
  for (const LakeFile& file : detail.files) {
    const auto shown_from = hidden.empty() ? 0 : file.path.rfind('/') + 1;
    out["data_files"].push_back({{"path", file.path.substr(shown_from)},
                                 {"bytes", file.bytes},
                                 {"rows", count_or_null(file.rows)},
                                 {"added", to_iso(time_of(file.added_ms))}});
  }
  out["contract_details"] = contract_details(contract.get());
  return json_response(out);
}

}  // namespace batuta::http
