// What the scheduler does by itself and tells the event log of.
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "scheduler/engine/engine.h"
#include "scheduler/store/registry.h"

namespace batuta {

// Runs a change on the control thread with its row in the event log, in one transaction or not at
// all; `done` comes there too. Both outlive what is returned.
inline auto audited_write(Engine& engine, Registry& registry) {
  return [&engine, &registry](const std::string& event, const std::string& extra_json,
                              std::function<Status()> change,
                              std::function<void(const Status&)> done) {
    EventLogRow row;
    row.when = read_clock().wall;
    row.event = event;
    row.extra_json = extra_json;
    engine.write([&registry, row = std::move(row),
                  change = std::move(change)] { return registry.audited(row, change); },
                 std::move(done));
  };
}

}  // namespace batuta
