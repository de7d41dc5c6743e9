// What attempts say of assets, and what runs are told of them.
#pragma once

#include <string>
#include <vector>

#include "common/message.h"
#include "scheduler/core/asset.h"
#include "scheduler/core/dag.h"
#include "scheduler/core/rows.h"
#include "scheduler/engine/turn_xcoms.h"

namespace batuta {

// Of {"assets": [{"uri", "alias", "name", "group", "extra", "partition_key"}, …]} in the
// report's extra_json; an asset is one of the task's outlets, or what an alias among them stands
// for. A success that says what cannot be becomes a failure that no retry helps, with the reason.
std::vector<ToldAsset> take_told_assets(const Dag& dag, const Task& task, Finished& report);

// As Airflow's triggering_asset_events, by URI: JSON.
std::string asset_events_text(const RunRow& run, Xcoms& xcoms);

}  // namespace batuta
