// The live feed's fan-out: every change the engine announces goes to each event stream that asked
// for it and to those who wait for a run to end. io thread only, except publish().
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "scheduler/engine/engine.h"
#include "scheduler/http/exchange.h"

namespace boost::asio {
class io_context;
}

namespace batuta::http {

struct FeedFilter {
  std::optional<std::string> dag_id;
  std::optional<std::string> dag_run_id;
  // Whether events of a DAG are for this reader; asked on the io thread for each. None: all are.
  std::function<bool(const std::string& dag_id)> sees{};
  // Above zero: events of tasks are told together, at most this late and the newest of each
  // instance (TaskBatch). What comes after so long a silence is told at once.
  std::chrono::milliseconds gather{0};
};

struct HubLimits {
  std::size_t per_holder = 64;  // streams and waits of one user, wherever it comes from
  std::size_t streams = 256;
  std::size_t kept = 1024;               // events kept for a client that comes back
  std::size_t outbound_bytes = 1 << 20;  // a stream that falls behind further is dropped
  std::size_t waiters = 512;
  std::chrono::milliseconds ping{15'000};
};

class Hub {
 public:
  // `io` must outlive the hub.
  Hub(boost::asio::io_context& io, HubLimits limits);
  ~Hub();

  // Any thread: EngineSinks::feed_demand. A stream wants everything, those who wait for a run its
  // run events. Whoever subscribes or waits first turns it on and then reads the store, so nothing
  // falls between.
  FeedDemand demand() const;
  // Any thread: EngineSinks::feed.
  void publish(std::vector<FeedEvent> events);

  // A stream of server-sent events. With `last_event_id` of this process's life the events missed
  // come first; with any other, or when they are no longer kept, a `resync` event tells the client
  // to read everything anew. `allowed` is asked on the io thread at every ping, and the stream ends
  // when it says no: a token may end while its stream is open. `holder`: Request::holder().
  // Errc::unavailable, with the reason, when there are too many.
  Result<std::shared_ptr<Stream>> subscribe(FeedFilter filter, const std::string* last_event_id,
                                            const std::string& holder,
                                            std::function<bool()> allowed = nullptr);

  // Calls `done` once: with the run's last state as the feed names it ("success", "failed"), or
  // with nullopt when `patience` is over. The ticket ends the wait early, without a call.
  // Errc::unavailable, with the reason, when too many wait.
  Result<std::uint64_t> wait_for_run(const std::string& dag_id, const std::string& dag_run_id,
                                     const std::string& holder, std::chrono::milliseconds patience,
                                     std::function<void(std::optional<std::string>)> done);
  void stop_waiting(std::uint64_t ticket);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace batuta::http
