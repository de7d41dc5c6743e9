// Where large answers are made small: a thread of its own, so that neither the io thread nor a
// reader spends its time on it. Private to the room.
#pragma once

#include <memory>

#include "scheduler/api/work_queue.h"
#include "scheduler/http/exchange.h"

namespace batuta::http {

class Compressor {
 public:
  Compressor();

  // What a handler answers to `request` is sent through here: compressed as the client asked for
  // it when it is worth it, as it is otherwise, also when too many answers wait or the Compressor
  // has ended. Any thread.
  Respond wrap(const Request& request, Respond respond);

 private:
  std::shared_ptr<WorkQueue> queue_;
};

}  // namespace batuta::http
