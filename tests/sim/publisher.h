// The simulated outbox: publishes table versions and sends alerts, from the store's rows only. It
// lives and dies with the scheduler; between any two of its steps it may be gone.
#pragma once

#include <functional>
#include <set>
#include <string>

#include "scheduler/core/event.h"
#include "tests/sim/context.h"
#include "tests/sim/lake.h"
#include "tests/support/memory_store.h"

namespace batuta::sim {

class Publisher {
 public:
  using Post = std::function<void(Event)>;
  Publisher(Context& context, MemoryStore& store, Lake& lake, Post post)
      : c_(context), store_(store), lake_(lake), post_(std::move(post)) {}

  // After a commit: takes up new rows. Serial per key, parallel across keys.
  void committed();
  // At start and after a failed commit: whatever was under way is forgotten and begun again.
  void reload();
  void crash() { ++life_; }

 private:
  void begin(const OutboxRow& row);
  void look(std::int64_t row_id, std::int64_t publication);
  void put(std::int64_t row_id, std::int64_t publication, std::int64_t version);
  void report(std::int64_t publication, std::int64_t version);
  void send_alert(std::int64_t row_id, int tries);
  void later(std::function<void()> action);
  bool current(std::int64_t row_id) const;

  Context& c_;
  MemoryStore& store_;
  Lake& lake_;
  Post post_;
  std::uint64_t life_ = 0;
  std::set<std::int64_t> begun_;  // outbox rows
};

}  // namespace batuta::sim
