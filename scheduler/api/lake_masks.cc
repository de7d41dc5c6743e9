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
    "attempt",       "contract_version",  "_row_id",        "_status",    "_tries",
    "_decided_at",   "_decided_by",       "_operations",    "_note"};

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

bool masks_something(const MaskingContracts& contracts) {
  const auto masked = [](const contract::Column& column) { return !received_mask(column).empty(); };
  return std::any_of(contracts.begin(), contracts.end(), [&](const auto& one) {
    return !one || std::any_of(one->table.columns.begin(), one->table.columns.end(), masked) ||
           std::any_of(one->table.computed.begin(), one->table.computed.end(), masked);
  });
}

// Of "redact", "hash", "partial:4" and "partial:9", what hides more comes first.
bool hides_more(const std::string& mask, const std::string& than) {
  const auto rank = [](const std::string& one) {
    return one == "redact" ? 0 : one == "hash" ? 1 : 2;
  };
  return std::pair(rank(mask), mask) < std::pair(rank(than), than);
}

// Where texts of one name differ, each column is masked as the strictest has it.
json masks_of(const MaskingContracts& contracts) {
  std::map<std::string, std::string> masks, received;
  std::set<std::string> open(std::begin(plain_columns), std::end(plain_columns));
  const auto add = [](std::map<std::string, std::string>& to, const std::string& column,
                      const std::string& mask) {
    if (mask.empty()) return;
    const auto [at, fresh] = to.emplace(column, mask);
    if (!fresh && hides_more(mask, at->second)) at->second = mask;
  };
  for (const auto& contract : contracts) {
    if (!contract)
      return {{"masks", {{"*", "redact"}}},  // no column: what is not open is hidden
              {"received", json::object()},
              {"open",
               json(std::vector<std::string>(std::begin(plain_columns), std::end(plain_columns)))}};
    for (const auto* columns : {&contract->table.columns, &contract->table.computed}) {
      for (const contract::Column& column : *columns) {
        add(masks, column.name, column.read_mask);
        add(received, column.name, received_mask(column));
        open.insert(column.name);
      }
    }
  }
  for (const auto& [column, mask] : masks) open.erase(column);
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

std::string column_mask(const json& masks, const LakeName& name, const std::string& column) {
  if (masks.is_null()) return {};
  const json& contracts = masks["contracts"];
  auto of = contracts.find(name.domain + "/" + name.table);
  for (const std::string suffix : {"_hist", "_keys"}) {
    if (of != contracts.end() || !name.table.ends_with(suffix)) continue;
    of =
        contracts.find(name.domain + "/" + name.table.substr(0, name.table.size() - suffix.size()));
  }
  if (of == contracts.end()) return {};
  const bool received = is_received(name.layer);
  if (!received && (*of)["masks"].empty()) return {};
  for (const auto& [masked, mask] : (*of)[received ? "received" : "masks"].items())
    if (same_without_case(masked, column)) return mask.get<std::string>();
  const json& open = (*of)["open"];
  const bool is_open = std::any_of(open.begin(), open.end(), [&](const json& one) {
    return same_without_case(one.get_ref<const std::string&>(), column);
  });
  return is_open ? "" : "redact";
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
  for (const auto& [name, each] : known) {
    if (!masks_something(each)) continue;
    contracts[name] = masks_of(each);
    domains.insert(name.substr(0, name.find('/')));
  }
  if (contracts.empty()) return nullptr;
  json unmasked = unmasked_layers(request, domains, names ? names->get() : nullptr);
  return {{"contracts", std::move(contracts)}, {"unmasked", std::move(unmasked)}};
}

Result<std::string> ask_lake(Context& context, const Request& request, json asked,
                             const std::function<bool()>& stop,
                             const std::function<void(int percent)>& progress) {
  return ask_lake(context, masks_for(context, request), std::move(asked), stop, progress);
}

Result<std::string> ask_lake(Context& context, const json& masks, json asked,
                             const std::function<bool()>& stop,
                             const std::function<void(int percent)>& progress) {
  if (!masks.is_null()) asked["masks"] = masks;
  return context.services.lake_query(json_text(asked), stop, progress);
}

}  // namespace batuta::http
