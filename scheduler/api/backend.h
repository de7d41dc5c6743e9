// What the API asks of the running scheduler: the seam between HTTP and the engine. The real one is
// EngineBackend (engine_backend.h); tests have a fake.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/message.h"
#include "common/result.h"
#include "common/time.h"
#include "scheduler/core/effects.h"
#include "scheduler/core/event.h"
#include "scheduler/core/explain.h"
#include "scheduler/core/scheduler_state.h"
#include "scheduler/dagfile/dag_bag.h"
#include "scheduler/engine/engine.h"

namespace batuta::http {

// What only memory knows, between two turns.
struct LiveView {
  std::vector<PoolView> pools;        // by name
  std::vector<WorkerView> workers;    // by agent id; without a connection while a lease runs on
  std::vector<PluginInfo> catalogue;  // last known
};

// All of it from any thread. Callbacks come once, on the control thread or, when the answer is "no"
// at once, on the caller's.
class ApiBackend {
 public:
  virtual ~ApiBackend() = default;
  virtual void request(Event event, std::function<void(Reply)> done) = 0;
  virtual void write(std::function<Status()> write, std::function<void(Status)> done) = 0;
  virtual void live(std::function<void(Result<LiveView>)> done) = 0;
  virtual void explain(const InstanceKey& instance,
                       std::function<void(Result<std::vector<Reason>>)> done) = 0;
  virtual EngineMetrics metrics() const = 0;
  // Why nothing can be written for now; empty when all is well.
  virtual std::string trouble() const = 0;
  virtual std::shared_ptr<const DagBagSnapshot> dags() const = 0;
};

}  // namespace batuta::http
