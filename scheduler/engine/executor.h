// How decisions reach workers. Implementations: WorkerExecutor (scheduler/workers), FakeExecutor
// (tests).
#pragma once

#include <string>

#include "common/message.h"
#include "scheduler/core/event.h"

namespace batuta {

// Called on the control thread after the commit; must not block. A connection that is gone swallows
// what is sent to it: the loss arrives as WorkerLost.
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void launch(WorkerId worker, Launch launch) = 0;
  virtual void cancel(WorkerId worker, Cancel cancel) = 0;
  virtual void recall(WorkerId worker, Recall recall) = 0;
  virtual void ack(WorkerId worker, Ack ack) = 0;
  virtual void drop(WorkerId worker, const std::string& reason) = 0;
  // Closes every connection: agents come back and list what they have. After a failed commit.
  virtual void drop_all(const std::string& reason) = 0;
  // End of the turn: what was queued may leave now, in one write per worker.
  virtual void flush() = 0;
};

}  // namespace batuta
