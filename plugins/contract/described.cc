#include "plugins/contract/described.h"

#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "contract/expression_names.h"
#include "plugins/lake/layer/bronze_rows.h"
#include "plugins/lake/rescued.h"

namespace batuta::from_contract {

std::vector<std::string> Described::columns() const {
  std::vector<std::string> names;
  for (const contract::Column& column : table.columns) names.push_back(column.name);
  return names;
}

std::string Described::metrics_json() const {
  return json_text({{"contract", path}, {"contract_version", contract.version}});
}

std::string Described::column_lineage_json() const {
  const std::string bronze = "bronze/" + path;
  nlohmann::json out = nlohmann::json::object();
  std::set<std::string> received;
  const auto add = [&](const std::string& column, const std::string& from) {
    auto& list = out[column]["from"];
    if (list.is_null()) list = nlohmann::json::array();
    if (!from.empty()) list.push_back(nlohmann::json::array({bronze, from}));
  };
  for (const contract::Column& column : table.columns) {
    received.insert(column.name);
    add(column.name, column.name);
  }
  for (const contract::Column& column : table.computed) {
    const auto named = contract::columns_named(column.value, received);
    if (!named) {
      out[column.name]["unknown"] = "its batuta.value cannot be read for certain";
      continue;
    }
    add(column.name, "");
    for (const std::string& name : *named) add(column.name, name);
  }
  add("_ingested_at", "_ingested_at");
  if (table.keys().empty()) add("_row", "_payload_sha256");
  return json_text(out);
}

Described describe(const std::string& name, const std::string& text) {
  const auto slash = name.find('/');
  if (slash == name.npos || slash == 0 || slash + 1 == name.size())
    throw plugin::FinalError("parameter contract_name: \"domain/table\"");
  auto read = contract::read_contract(text, name);
  if (!read.contract) {
    std::string wrong;
    for (const auto& problem : read.problems) wrong += (wrong.empty() ? "" : "\n") + problem.text();
    throw plugin::FinalError("contract " + wrong);
  }
  const contract::Table* table = read.contract->table(name.substr(slash + 1));
  if (table == nullptr) throw plugin::FinalError("the contract describes no table " + name);
  Described described{std::move(*read.contract), {}, name};
  described.table = *described.contract.table(name.substr(slash + 1));
  if (described.table.columns.empty())
    throw plugin::FinalError("the contract " + name + " has no columns");
  return described;
}

Described described_by(const plugin::Context& context) {
  return describe(context.text("contract_name"), context.text("contract"));
}

lake::TableShape bronze_shape(const Described& described) {
  auto columns = lake::bronze_columns(described.columns());
  if (described.table.source.kind == contract::SourceKind::stream) {
    columns.push_back({"_source_partition", "integer", true});
    columns.push_back({"_source_offset", "long", true});
  }
  return {"bronze/" + described.path,
          "As received, append only: " + described.table.description,
          "ingest_date",
          std::move(columns),
          {}};
}

lake::TableShape bronze_shape(const Described& described, const lake::DeltaTable& table) {
  lake::TableShape shape = bronze_shape(described);
  const auto& there = table.snapshot().metadata.columns;
  if (lake::column_type(there, lake::rescued_column).empty()) return shape;
  for (lakelog::Column& column : shape.columns) {
    const std::string type = lake::column_type(there, column.name);
    if (described.table.column(column.name) != nullptr && !type.empty()) column.type = type;
  }
  shape.columns.push_back({lake::rescued_column, "string", true});
  return shape;
}

lake::TableShape keys_shape(const Described& described) {
  return {"bronze/" + described.path + "_keys",
          "All keys that the source had, as received: " + described.table.description,
          "ingest_date",
          lake::bronze_columns(described.table.keys()),
          {}};
}

plugin::RetryableError nothing_there(const std::string& table) {
  return plugin::RetryableError("the source has no rows of " + table +
                                ", and all rows of silver would go: an empty source is not taken "
                                "for one that was emptied. If "
                                "it is empty, remove the table silver/" +
                                table + ", and pause the task until it has rows");
}

bool lists_keys(const Described& described) {
  return described.table.mode == contract::Mode::incremental &&
         described.table.deletes != contract::Deletes::keep;
}

}  // namespace batuta::from_contract
