// Pools by hand.
#include "scheduler/core/turn.h"

namespace batuta {
namespace {

// What fits into the pool may have changed for every group that uses it.
void refresh_all(Turn& turn) {
  for (auto& [id, dag] : turn.state.dags) refresh_dag(turn.state, dag, turn.now.boot);
}

std::string pool_text(const PoolRow* pool) {
  if (pool == nullptr) return "null";
  return "{\"slots\":" + std::to_string(pool->slots) + "," +
         json_member("description", pool->description) + "}";
}

void log_pool(Turn& turn, const char* event, const std::string& user, const std::string& name,
              const PoolRow* before, const PoolRow* after) {
  EventLogRow row;
  row.when = turn.now.wall;
  row.event = event;
  row.owner = user;
  row.extra_json = "{" + json_member("pool_name", name) + ",\"before\":" + pool_text(before) +
                   ",\"after\":" + pool_text(after) + "}";
  turn.out.changes.event_log.push_back(std::move(row));
}

}  // namespace

void on(Turn& turn, const PoolSet& event) {
  if (!valid_id(event.pool.name)) {
    return refuse_field(turn, event.request, "/name", "1 to 128 characters of A-Z a-z 0-9 _ . -");
  }
  if (event.pool.slots < -1) {
    return refuse_field(turn, event.request, "/slots", "0 or more, or -1 for no limit");
  }
  LivePool& pool = turn.state.pools[pool_number(turn.state, event.pool.name)];
  if (pool.exists && event.create_only) {
    return reply(turn, event.request, Errc::conflict, "pool '" + event.pool.name + "' exists");
  }
  log_pool(turn, pool.exists ? "patch_pool" : "post_pool", event.user, event.pool.name,
           pool.exists ? &pool.row : nullptr, &event.pool);
  pool.exists = true;
  pool.row = event.pool;
  turn.out.changes.pools.push_back(event.pool);
  refresh_all(turn);
  reply(turn, event.request, Errc::ok);
}

void on(Turn& turn, const PoolDeleted& event) {
  if (event.name == "default_pool") {
    return reply(turn, event.request, Errc::malformed, "default_pool cannot be deleted");
  }
  const auto found = turn.state.pool_numbers.find(event.name);
  if (found == turn.state.pool_numbers.end() || !turn.state.pools[found->second].exists) {
    return reply(turn, event.request, Errc::not_found, "no pool '" + event.name + "'");
  }
  log_pool(turn, "delete_pool", event.user, event.name, &turn.state.pools[found->second].row,
           nullptr);
  turn.state.pools[found->second].exists = false;
  std::erase_if(turn.out.changes.pools, [&](const PoolRow& row) { return row.name == event.name; });
  turn.out.changes.pools_deleted.push_back(event.name);
  refresh_all(turn);
  reply(turn, event.request, Errc::ok);
}

}  // namespace batuta
