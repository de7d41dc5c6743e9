// Which DAGs a list, or a change of many, is about. Private to the room.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scheduler/api/codecs.h"
#include "scheduler/api/params.h"

namespace batuta::http {

DagFacts facts_of(const DagBagSnapshot& bag, const DagRow& row, Time now);

struct DagFilter {
  std::vector<std::string> tags, owners;
  bool all_tags = false;
  bool exclude_stale = true;
  std::vector<Filter> names;     // of dag_id
  std::vector<Filter> last_run;  // of the newest run
  std::optional<bool> paused, broken, favorite;
  std::optional<bool> by_assets;  // whether it waits for assets
  std::optional<std::string> bundle;
  Sight sight;  // of who asks
  ListQuery list;
  std::int64_t runs = 0;
};

// What both take: tags, owners, the patterns of the id, exclude_stale, paused.
void read_dag_filter(const Request& request, QueryReader& query, DagFilter& filter);
// Favourites aside, which are not in the facts.
bool belongs(const DagFilter& filter, const DagFacts& facts);

}  // namespace batuta::http
