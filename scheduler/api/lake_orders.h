// Orders to the lake that may take hours: one after the other, on a thread of their own, beside the
// request that gave them, and what became of each. Private to the room.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/api/work_queue.h"

namespace batuta::http {

// What every order has, whatever it is of.
struct LakeOrder {
  std::string operation, by;
  Time asked_at;
  OptTime ended_at{};
  std::string state = "queued";  // queued, running, ended, failed, stopped
  std::string report_json{};     // of one that ended, as its plugin tells it
  std::string error{};           // of one that failed

  bool under_way() const { return state == "queued" || state == "running"; }
};

// Whether a text may be an order's id: 1 to 64 of A-Z a-z 0-9 - _.
bool valid_order_id(std::string_view text);
inline constexpr const char* no_order_id = "must be 1 to 64 of A-Z a-z 0-9 - _";

// `Order` is a LakeOrder. Any thread. What became of the newest `most_kept` is remembered as long
// as the server lives. A server that ends stops the one that runs and forgets those that wait: each
// is ordered again, under its own operation.
template <class Order>
class LakeOrders {
 public:
  static constexpr std::size_t most_waiting = 8, most_kept = 200;
  using Stop = std::function<bool()>;
  using Work = std::function<Result<std::string>(const Stop& stop)>;

  // `busy`: what one that runs is doing, for whoever is refused: "one person is being erased".
  explicit LakeOrders(std::string busy) : busy_(std::move(busy)), queue_(1, most_waiting) {}

  // A place for it. Errc::conflict: its operation is under way; Errc::rate_limited: too many wait.
  Status begin(const Order& order);
  // Of one that was begun and is not to be done after all.
  void forget(const std::string& operation);
  // Called once with what became of it; nobody else is told before `tell` was called, from any
  // thread.
  using Ended = std::function<void(const Order&, std::function<void()> tell)>;
  // Does the work of one that was begun, in its turn, and then calls `ended` there. `server_stops`:
  // asked as well.
  void start(const std::string& operation, Work work, const Stop& server_stops, Ended ended);
  std::optional<Order> find(const std::string& operation);
  // All that are remembered, the newest first.
  std::vector<Order> all();
  // Errc::conflict: it is not under way.
  Status stop(const std::string& operation);

 private:
  struct Kept {
    Order order;
    std::shared_ptr<std::atomic<bool>> stopped = std::make_shared<std::atomic<bool>>(false);
    std::uint64_t number = 0;
  };
  void make_room();  // mutex_ is held
  void run(const std::string& operation, const Work& work, const Stop& server_stops,
           const Ended& ended);

  const std::string busy_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, Kept> kept_;
  std::uint64_t numbers_ = 0;
  WorkQueue queue_;  // last: its job uses what is above
};

}  // namespace batuta::http
