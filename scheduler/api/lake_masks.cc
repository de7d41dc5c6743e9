#include "scheduler/api/lake_masks.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"

namespace batuta::http {
namespace {

using nlohmann::json;

// The lake's own columns that say nothing of a record. Not among them: hashes of a record
// (_payload_sha256, change_hash), from which what is hidden could be guessed, and its text.
constexpr std::string_view plain_columns[] = {
    "execution_id",  "ingest_date",       "reason",         "run_id",     "valid_from",
    "valid_to",      "is_current",        "copies",         "_run_id",    "_task_id",
    "_attempt",      "_ingested_at",      "_source_file",   "_record_no", "_deleted_at",
    "_source_topic", "_source_partition", "_source_offset", "first_seen", "moved_at",
    "attempt",       "contract_version"};

// Layers that every contract has, whether a table lies there already or not.
constexpr std::string_view usual_layers[] = {"raw",  "bronze",     "silver",
                                             "gold", "quarantine", "dlq"};

bool same_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

bool is_received(const std::string& layer) {
  return layer == "bronze" || layer == "dlq";
}

// As it came, a column has the value that silver holds masked.
std::string received_mask(const contract::Column& column) {
  if (!column.read_mask.empty() || column.mask == contract::Mask::none) return column.read_mask;
  return column.mask == contract::Mask::pseudonym ? "hash" : "redact";
}

bool masks_something(const contract::Table& table) {
  const auto masked = [](const contract::Column& column) { return !received_mask(column).empty(); };
  return std::any_of(table.columns.begin(), table.columns.end(), masked) ||
         std::any_of(table.computed.begin(), table.computed.end(), masked);
}

json masks_of(const TableContract* contract) {
  json masks = json::object(), received = json::object(), open = json::array();
  for (const std::string_view name : plain_columns) open.push_back(std::string(name));
  if (contract != nullptr) {
    for (const auto* columns : {&contract->table.columns, &contract->table.computed}) {
      for (const contract::Column& column : *columns) {
        if (!column.read_mask.empty()) masks[column.name] = column.read_mask;
        if (const std::string mask = received_mask(column); !mask.empty())
          received[column.name] = mask;
        if (column.read_mask.empty()) open.push_back(column.name);
      }
    }
  } else {
    masks["*"] = "redact";  // no column: what is not open is hidden
  }
  return {{"masks", masks}, {"received", received}, {"open", open}};
}

json unmasked_layers(const Request& request, const std::set<std::string>& domains,
                     const LakeNames* names) {
  std::set<std::string> layers;
  for (const std::string& domain : domains)
    for (const std::string_view layer : usual_layers)
      layers.insert(domain + "/" + std::string(layer));
  if (names != nullptr) {
    for (const LakeName& name : names->tables)
      if (domains.contains(name.domain)) layers.insert(name.domain + "/" + name.layer);
  }
  json out = json::array();
  for (const std::string& layer : layers)
    if (may(request.identity, Action::unmask, "lake:" + layer)) out.push_back(layer);
  return out;
}

}  // namespace

std::string column_mask(const TableContract* contract, const LakeName& name,
                        const std::string& column) {
  if (contract == nullptr) return {};
  const contract::Table& table = contract->table;
  const bool received = is_received(name.layer);
  const auto shown = [&](const contract::Column& one) {
    return received ? received_mask(one) : one.read_mask;
  };
  const auto hides = [&](const contract::Column& one) { return !shown(one).empty(); };
  if (std::none_of(table.columns.begin(), table.columns.end(), hides) &&
      std::none_of(table.computed.begin(), table.computed.end(), hides))
    return {};
  const auto same = [&](std::string_view other) { return same_without_case(other, column); };
  for (const auto* columns : {&table.columns, &table.computed})
    for (const contract::Column& one : *columns)
      if (same(one.name)) return shown(one);
  for (const std::string_view plain : plain_columns)
    if (same(plain)) return {};
  return "redact";
}

bool may_unmask(const Request& request, const LakeName& name) {
  return may(request.identity, Action::unmask, name.resource());
}

json masks_for(Context& context, const Request& request) {
  const auto known =
      context.contracts->masking(context.services.backend.dags(), context.services.history);
  if (known.empty()) return nullptr;
  json contracts = json::object();
  const auto names = context.lake->names();
  std::set<std::string> domains;
  for (const auto& [name, contract] : known) {
    if (contract && !masks_something(contract->table)) continue;
    contracts[name] = masks_of(contract.get());
    domains.insert(name.substr(0, name.find('/')));
  }
  if (contracts.empty()) return nullptr;
  json unmasked = unmasked_layers(request, domains, names ? names->get() : nullptr);
  return {{"contracts", std::move(contracts)}, {"unmasked", std::move(unmasked)}};
}

Result<std::string> ask_lake(Context& context, const Request& request, json asked,
                             const std::function<bool()>& stop) {
  if (json masks = masks_for(context, request); !masks.is_null()) asked["masks"] = std::move(masks);
  return context.services.lake_query(json_text(asked), stop);
}

}  // namespace batuta::http
