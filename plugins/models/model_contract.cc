#include "plugins/models/model_contract.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"
#include "plugins/contract/described.h"
#include "plugins/contract/references.h"

namespace batuta::models {
namespace {

using from_contract::Described;
using nlohmann::json;

constexpr JsonLimits contract_limits{4u << 20, 8, 1000, 2u << 20};

std::string named_list(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "nothing" : out;
}

// What a contract promises of its table and only the transform of one keeps.
void refuse_what_models_lack(const ModelSpec& spec, const Described& described) {
  const contract::Table& table = described.table;
  const std::string of_contract = spec.table + ": the contract " + described.path;
  for (const auto* columns : {&table.columns, &table.computed})
    for (const contract::Column& column : *columns)
      if (column.mask != contract::Mask::none)
        throw plugin::FinalError(
            of_contract + " masks " + column.name +
            " (batuta.mask), which the values of a SELECT are not: select what silver has in its "
            "place, and hide it from readers by batuta.readMask");
  if (table.deletes != contract::Deletes::keep)
    throw plugin::FinalError(of_contract +
                             " says what becomes of rows that the source no longer has, and a "
                             "model has no source: the mode overwrite or delete_when says it");
  if (table.history && !spec.history)
    throw plugin::FinalError(of_contract +
                             " asks for a history, which the model keeps where it says "
                             "\"history\": true");
}

// The model's own, which must be the contract's where both say it.
void agree(const ModelSpec& spec, const Described& described, const char* what,
           std::vector<std::string>& own, const std::vector<std::string>& of_contract) {
  if (own.empty()) own = of_contract;
  if (of_contract.empty() || own == of_contract) return;
  throw plugin::FinalError(spec.table + ": " + what + " is " + named_list(own) +
                           " and by the contract " + described.path + " " +
                           named_list(of_contract) + ": leave it out, or say the same");
}

}  // namespace

void take_contract(const plugin::Context& context, ModelSpec& spec) {
  const std::string text = context.json("contract");
  if (text.empty() || text == "null") return;
  const auto given = parse_untrusted(text, contract_limits);
  const auto said = [&](const char* name) {
    return given && given->is_object() && given->contains(name) && (*given)[name].is_string()
               ? (*given)[name].get<std::string>()
               : std::string();
  };
  auto described =
      std::make_shared<const Described>(from_contract::describe(said("name"), said("yaml")));
  if (!spec.table.ends_with("/" + described->path))
    throw plugin::FinalError("parameter contract: that of " + spec.table + " is named " +
                             spec.table.substr(spec.table.find('/') + 1) + ", not " +
                             described->path);
  refuse_what_models_lack(spec, *described);
  agree(spec, *described, "keys", spec.keys, described->table.keys());
  agree(spec, *described, "partition_by", spec.partition_by, described->table.partitions());
  if (spec.description.empty()) spec.description = described->table.description;
  for (from_contract::ValueRule& rule : from_contract::value_rules(*described)) {
    RuleSpec own;
    own.kind = RuleSpec::Kind::sql;
    own.name = std::move(rule.name);
    own.condition = "NOT coalesce((" + rule.broken + "), false)";
    spec.rules.push_back(std::move(own));
  }
  spec.contract = std::move(described);
}

std::vector<lakelog::Column> promised_columns(const ModelSpec& spec) {
  std::vector<lakelog::Column> out;
  for (const auto* columns : {&spec.contract->table.columns, &spec.contract->table.computed})
    for (const contract::Column& column : *columns) out.push_back({column.name, column.type, true});
  return out;
}

void judge_by_contract(plugin::Context& context, lake::Session& session, const ModelSpec& spec,
                       const std::string& rows) {
  if (!spec.contract) return;
  from_contract::prepare_references(context, session, *spec.contract);
  session.run("CREATE OR REPLACE TEMP VIEW new_rows AS SELECT * FROM " + rows);
  from_contract::check_quality(context, session, *spec.contract,
                               {spec.table, from_contract::JudgedRows::References::looked_up});
  session.run("DROP VIEW new_rows");
}

}  // namespace batuta::models
