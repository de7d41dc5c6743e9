#include "scheduler/api/lake_columns.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "contract/expression_names.h"

namespace batuta::http {

using nlohmann::json;

namespace {

// Of one answer: what is beyond it is told as `more`.
constexpr std::size_t most_ways = 1000, most_walked = 200;
constexpr const char* nobody_told =
    "the task that makes it does not tell where its columns come from";
constexpr const char* of_whole_row = "the history works it out of the whole row";

std::string without_suffix(const std::string& name, std::string_view suffix) {
  return name.ends_with(suffix) ? name.substr(0, name.size() - suffix.size()) : std::string();
}

// "pseudonym", "prefix:3"; empty without one.
std::string mask_text(const contract::Column& column) {
  if (column.mask == contract::Mask::none) return {};
  const std::string name(contract::to_string(column.mask));
  return column.mask_size > 0 ? name + ":" + std::to_string(column.mask_size) : name;
}

const contract::Column* received_column(const contract::Table& table, const std::string& name) {
  const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                  [&](const auto& column) { return column.name == name; });
  return found == table.columns.end() ? nullptr : &*found;
}

const contract::Column* computed_column(const contract::Table& table, const std::string& name) {
  const auto found = std::find_if(table.computed.begin(), table.computed.end(),
                                  [&](const auto& column) { return column.name == name; });
  return found == table.computed.end() ? nullptr : &*found;
}

// Columns that the layers write beside the contract's, made of no other one.
bool is_own(const std::string& name) {
  static const std::set<std::string> own = {"execution_id", "ingest_date", "reason", "run_id"};
  return name.starts_with('_') || own.contains(name);
}

bool of_history_itself(const std::string& name) {
  return name == "valid_from" || name == "valid_to" || name == "is_current" ||
         name == "change_hash";
}

ColumnOrigins not_known(const std::string& why) {
  ColumnOrigins out;
  out.unknown = why;
  return out;
}

ColumnOrigins in_bronze(const contract::Table& table, const std::string& name) {
  ColumnOrigins out;
  if (const auto* column = received_column(table, name)) {
    out.source = SourceField{std::string(contract::to_string(table.source.kind)),
                             table.source.server, column->source_name};
  } else if (!is_own(name)) {
    return not_known("the contract, as it is now, has no such column");
  }
  return out;
}

ColumnOrigins computed_of(const contract::Table& table, const contract::Column& column,
                          const std::string& bronze) {
  std::set<std::string> names;
  for (const contract::Column& each : table.columns) names.insert(each.name);
  const auto named = contract::columns_named(column.value, names);
  if (!named) return not_known("its batuta.value cannot be read for certain");
  ColumnOrigins out;
  for (const std::string& name : *named) out.from[{bronze, name}] = {};
  return out;
}

// Of silver, its history and its quarantine.
ColumnOrigins behind_bronze(const contract::Table& table, const std::string& layer,
                            const std::string& name, const std::string& bronze) {
  ColumnOrigins out;
  if (const auto* column = received_column(table, name)) {
    std::string mask = mask_text(*column);
    // What is rejected is shown less: it may be what cannot be typed.
    if (layer == "quarantine" && !mask.empty() && column->mask != contract::Mask::pseudonym)
      mask = "redact";
    out.from[{bronze, name}] = std::move(mask);
  } else if (const auto* made = computed_column(table, name)) {
    return computed_of(table, *made, bronze);
  } else if (name == "_ingested_at") {
    out.from[{bronze, name}] = {};
  } else if (name == "_row") {
    out.from[{bronze, "_payload_sha256"}] = {};
  } else if (!is_own(name)) {
    return not_known(of_history_itself(name) ? of_whole_row
                                             : "the contract, as it is now, has no such column");
  }
  return out;
}

}  // namespace

ColumnWalk::ColumnWalk(Context& context, const std::vector<LineageEdge>& edges, const Sight& lake)
    : context_(context), lake_(lake), bag_(context.services.backend.dags()) {
  for (const LineageEdge& edge : edges) {
    if (edge.from == edge.to) continue;
    below_[edge.from].insert(edge.to);
    above_[edge.to].insert(edge.from);
  }
}

bool ColumnWalk::exists(const std::string& table) {
  const auto name = lake_name(table);
  return name && context_.lake->check(*name);
}

const TableOrigins& ColumnWalk::of(const std::string& table) {
  const auto known = origins_.find(table);
  if (known != origins_.end()) return known->second;
  TableOrigins found;
  const auto name = lake_name(table);
  if (!name) {
    found.unknown = "it is no table of the lake";
  } else if (origins_.size() >= most_walked) {
    more_ = true;
    found.unknown = "more tables are on the way than are looked at";
  } else {
    found = read(*name);
  }
  return origins_.emplace(table, std::move(found)).first->second;
}

TableOrigins ColumnWalk::read(const LakeName& name) {
  const LakeSummary summary = context_.lake->summary(name);
  TableOrigins out;
  if (!summary.problem.empty()) {
    out.unknown = "its log cannot be read: " + summary.problem;
    return out;
  }
  std::string described = name.table;
  for (const char* suffix : {"_hist", "_keys"})
    if (const auto of = without_suffix(name.table, suffix); !of.empty()) described = of;
  const bool received = name.layer == "bronze";
  const bool layered = received || name.layer == "silver" || name.layer == "quarantine";
  for (const std::string& of : {name.table, described}) {
    const std::string plugin = received ? "contract_bronze" : "contract_silver";
    if (!layered || !context_.contracts->made_by(bag_, name.domain + "/" + of, plugin)) continue;
    const auto contract = context_.contracts->find(bag_, name.domain, of);
    if (contract) return by_contract(name, summary.columns, *contract);
  }
  if (const std::string told = context_.lake->told_columns(name); !told.empty())
    return by_model(told, summary.columns);
  // A model's history has its table's columns.
  const std::string table = name.layer + "/" + name.domain + "/" + described;
  if (described != name.table && name.table.ends_with("_hist") && exists(table) &&
      !context_.lake->told_columns(*lake_name(table)).empty()) {
    const auto columns = context_.lake->summary(*lake_name(table)).columns;
    for (const std::string& column : summary.columns) {
      if (std::find(columns.begin(), columns.end(), column) != columns.end()) {
        out.columns[column].from[{table, column}] = {};
      } else {
        out.columns[column] = not_known(of_whole_row);
      }
    }
    return out;
  }
  out.unknown = nobody_told;
  return out;
}

TableOrigins ColumnWalk::by_contract(const LakeName& name, const std::vector<std::string>& columns,
                                     const TableContract& contract) {
  TableOrigins out;
  const std::string bronze = "bronze/" + contract.name;
  const std::string quarantine = "quarantine/" + contract.name;
  const auto above = above_.find(name.path());
  // Once rows were repaired or judged again they came from there too.
  const bool repaired = above != above_.end() && above->second.contains(quarantine);
  for (const std::string& column : columns) {
    ColumnOrigins& origins = out.columns[column];
    origins = name.layer == "bronze" ? in_bronze(contract.table, column)
                                     : behind_bronze(contract.table, name.layer, column, bronze);
    if (repaired && received_column(contract.table, column) != nullptr)
      origins.from[{quarantine, column}] = {};
  }
  return out;
}

TableOrigins ColumnWalk::by_model(const std::string& told,
                                  const std::vector<std::string>& columns) {
  TableOrigins out;
  const auto parsed = parse_untrusted(told);
  if (!parsed || !parsed->is_object()) {
    out.unknown = nobody_told;
    return out;
  }
  if (const auto all = parsed->find("*"); all != parsed->end() && all->is_object()) {
    out.unknown = all->value("unknown", nobody_told);
    return out;
  }
  for (const std::string& column : columns) {
    ColumnOrigins& origins = out.columns[column];
    const auto one = parsed->find(column);
    if (one == parsed->end()) {
      if (!is_own(column)) origins = not_known("the model that ran last does not name it");
      continue;
    }
    if (!one->is_object() || !one->contains("from")) {
      const json why = one->is_object() ? one->value("unknown", json()) : json();
      origins = not_known(why.is_string() ? why.get<std::string>() : nobody_told);
      continue;
    }
    for (const json& from : (*one)["from"])
      if (from.is_array() && from.size() == 2 && from[0].is_string() && from[1].is_string())
        origins.from[{from[0].get<std::string>(), from[1].get<std::string>()}] = {};
  }
  return out;
}

// What was made of the table, as attempts told, and what its writer makes beside that.
std::vector<std::string> ColumnWalk::below(const std::string& table) {
  std::set<std::string> out;
  if (const auto told = below_.find(table); told != below_.end()) out = told->second;
  const auto name = lake_name(table);
  if (!name) return {out.begin(), out.end()};
  const std::string path = name->domain + "/" + name->table;
  std::vector<std::string> others = {table + "_hist"};
  if (name->layer == "bronze" && context_.contracts->made_by(bag_, path, "contract_silver"))
    others = {"silver/" + path, "silver/" + path + "_hist", "quarantine/" + path};
  for (const std::string& other : others)
    if (!out.contains(other) && exists(other)) out.insert(other);
  return {out.begin(), out.end()};
}

bool ColumnWalk::may_see(const std::string& table) {
  const auto name = lake_name(table);
  if (!name) return false;
  if (lake_.sees(name->domain + "/" + name->layer)) return true;
  hidden_.insert(table);
  return false;
}

bool ColumnWalk::add(const LakeColumn& column, std::int64_t distance, std::int64_t depth) {
  if (distance_.contains(column)) return true;
  const bool fits = std::abs(distance) <= depth && distance_.size() < most_ways;
  if (fits) distance_.emplace(column, distance);
  more_ = more_ || !fits;
  return fits;
}

void ColumnWalk::up(const std::vector<LakeColumn>& start, std::int64_t depth) {
  std::vector<LakeColumn> front = start;
  std::set<LakeColumn> been(start.begin(), start.end());
  for (std::int64_t far = 1; !front.empty(); ++far) {
    std::vector<LakeColumn> reached;
    for (const LakeColumn& column : front) {
      const TableOrigins& table = of(column.first);
      const auto origins = table.columns.find(column.second);
      if (origins == table.columns.end()) continue;
      for (const auto& [from, mask] : origins->second.from) {
        if (!may_see(from.first) || !add(from, -far, depth)) continue;
        steps_[{from, column}] = mask;
        if (been.insert(from).second) reached.push_back(from);
      }
    }
    front = std::move(reached);
  }
}

void ColumnWalk::down(const std::vector<LakeColumn>& start, std::int64_t depth) {
  std::vector<LakeColumn> front = start;
  std::set<LakeColumn> been(start.begin(), start.end());
  for (std::int64_t far = 1; !front.empty(); ++far) {
    std::vector<LakeColumn> reached;
    for (const LakeColumn& column : front)
      for (const std::string& other : below(column.first)) {
        const TableOrigins& table = of(other);
        if (!table.unknown.empty()) {
          if (may_see(other)) untold_[other] = table.unknown;
          continue;
        }
        for (const auto& [name, origins] : table.columns) {
          const auto from = origins.from.find(column);
          const LakeColumn to{other, name};
          if (from == origins.from.end() || !may_see(other) || !add(to, far, depth)) continue;
          steps_[{column, to}] = from->second;
          if (been.insert(to).second) reached.push_back(to);
        }
      }
    front = std::move(reached);
  }
}

Status ColumnWalk::walk(const LakeName& table, const std::vector<std::string>& columns,
                        std::int64_t depth) {
  const LakeSummary summary = context_.lake->summary(table);
  if (!summary.problem.empty()) return {Errc::conflict, summary.problem, {}};
  std::vector<LakeColumn> start;
  for (const std::string& column : columns) {
    if (std::find(summary.columns.begin(), summary.columns.end(), column) == summary.columns.end())
      return {Errc::invalid, table.path() + " has no column " + column, "query.columns"};
    start.emplace_back(table.path(), column);
    distance_[start.back()] = 0;
  }
  up(start, depth);
  down(start, depth);
  return success();
}

json ColumnWalk::told() const {
  json out{{"columns", json::array()},
           {"edges", json::array()},
           {"untold", json::array()},
           {"hidden", hidden_.size()},
           {"more", more_}};
  for (const auto& [column, distance] : distance_) {
    json one{{"table", column.first},
             {"column", column.second},
             {"distance", distance},
             {"source", nullptr},
             {"unknown", nullptr}};
    if (const auto table = origins_.find(column.first); table != origins_.end()) {
      const auto found = table->second.columns.find(column.second);
      const bool there = found != table->second.columns.end();
      const std::string& why = there ? found->second.unknown : table->second.unknown;
      if (!why.empty()) one["unknown"] = why;
      if (there && found->second.source)
        one["source"] = {{"kind", found->second.source->kind},
                         {"server", found->second.source->server},
                         {"field", found->second.source->field}};
    }
    out["columns"].push_back(std::move(one));
  }
  for (const auto& [step, mask] : steps_)
    out["edges"].push_back({{"from", step.from.first},
                            {"from_column", step.from.second},
                            {"to", step.to.first},
                            {"to_column", step.to.second},
                            {"mask", mask.empty() ? json() : json(mask)}});
  for (const auto& [table, why] : untold_)
    out["untold"].push_back({{"table", table}, {"why", why}});
  return out;
}

}  // namespace batuta::http
