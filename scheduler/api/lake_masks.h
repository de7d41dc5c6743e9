// What contracts hide of their tables from readers without the right "unmask
// lake:<domain>/<layer>" (batuta.readMask, docs/contracts.md). Private to the room.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "scheduler/api/context.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_contracts.h"
#include "scheduler/http/exchange.h"

namespace batuta::http {

// How a column of this table is shown to readers without the right: "redact", "hash",
// "partial:4"; empty: as it is. `masks` is what masks_for gives, so that the catalogue says what
// lake_sql does.
std::string column_mask(const nlohmann::json& masks, const LakeName& name,
                        const std::string& column);

// Whether `request` may see what is hidden of the table.
bool may_unmask(const Request& request, const LakeName& name);

// What lake_sql is to hide from whoever asks, of all contracts; null: nothing. Blocks on the store.
nlohmann::json masks_for(Context& context, const Request& request);

// The one way to rows of the lake for people: lake_sql with the masks of all contracts in `asked`,
// without those that whoever asks may see. Blocks as ApiServices::lake_query does.
Result<std::string> ask_lake(Context& context, const Request& request, nlohmann::json asked,
                             const std::function<bool()>& stop,
                             const std::function<void(int percent)>& progress = {});
// The same with what masks_for gave before, where more than the question depends on it.
Result<std::string> ask_lake(Context& context, const nlohmann::json& masks, nlohmann::json asked,
                             const std::function<bool()>& stop,
                             const std::function<void(int percent)>& progress = {});

}  // namespace batuta::http
