#include "scheduler/api/lake_orders.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "scheduler/api/lake_erasures.h"
#include "scheduler/api/lake_upkeep.h"

namespace batuta::http {

bool valid_order_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

template <class Order>
Status LakeOrders<Order>::begin(const Order& order) {
  const std::lock_guard lock(mutex_);
  const auto known = kept_.find(order.operation);
  if (known != kept_.end() && known->second.order.under_way())
    return {Errc::conflict, "operation " + order.operation + " is under way"};
  const auto busy = std::count_if(kept_.begin(), kept_.end(),
                                  [](const auto& one) { return one.second.order.under_way(); });
  if (static_cast<std::size_t>(busy) > most_waiting)
    return {Errc::rate_limited, busy_ + " and " + std::to_string(most_waiting) +
                                    " orders wait already: order this one when they have ended"};
  Kept kept;
  kept.order = order;
  kept.number = ++numbers_;
  kept_.insert_or_assign(order.operation, std::move(kept));
  make_room();
  return success();
}

template <class Order>
void LakeOrders<Order>::make_room() {
  while (kept_.size() > most_kept) {
    auto oldest = kept_.end();
    for (auto it = kept_.begin(); it != kept_.end(); ++it)
      if (!it->second.order.under_way() &&
          (oldest == kept_.end() || it->second.number < oldest->second.number))
        oldest = it;
    if (oldest == kept_.end()) return;
    kept_.erase(oldest);
  }
}

template <class Order>
void LakeOrders<Order>::forget(const std::string& operation) {
  const std::lock_guard lock(mutex_);
  kept_.erase(operation);
}

template <class Order>
std::vector<Order> LakeOrders<Order>::all() {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::uint64_t, Order>> ordered;
  ordered.reserve(kept_.size());
  for (const auto& [operation, kept] : kept_) ordered.emplace_back(kept.number, kept.order);
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Order> out;
  out.reserve(ordered.size());
  for (auto& [number, order] : ordered) out.push_back(std::move(order));
  return out;
}

template <class Order>
void LakeOrders<Order>::start(const std::string& operation, Work work, const Stop& server_stops,
                              Ended ended) {
  const bool taken =
      queue_.run([this, operation, work = std::move(work), server_stops, ended = std::move(ended)] {
        run(operation, work, server_stops, ended);
      });
  if (!taken) forget(operation);  // begin() keeps the bound: it does not come to this
}

template <class Order>
void LakeOrders<Order>::run(const std::string& operation, const Work& work,
                            const Stop& server_stops, const Ended& ended) {
  std::shared_ptr<std::atomic<bool>> stopped;
  {
    const std::lock_guard lock(mutex_);
    Kept& kept = kept_.at(operation);
    kept.order.state = "running";
    stopped = kept.stopped;
  }
  const Stop stop = [stopped, server_stops] { return *stopped || server_stops(); };
  Result<std::string> told(Errc::internal, "it failed");
  try {
    told = stop() ? Result<std::string>(Errc::conflict, "stopped") : work(stop);
  } catch (const std::exception& error) {
    told = Result<std::string>(Errc::internal, error.what());
  }
  Order now;
  {
    const std::lock_guard lock(mutex_);
    now = kept_.at(operation).order;
  }
  now.ended_at = std::chrono::floor<Duration>(std::chrono::system_clock::now());
  now.state = told ? "ended" : stop() ? "stopped" : "failed";
  if (told) now.report_json = *told;
  if (!told) now.error = told.error().message;
  ended(now, [this, now] {
    const std::lock_guard lock(mutex_);
    kept_.at(now.operation).order = now;
  });
}

template <class Order>
std::optional<Order> LakeOrders<Order>::find(const std::string& operation) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(operation);
  return found == kept_.end() ? std::nullopt : std::optional(found->second.order);
}

template <class Order>
Status LakeOrders<Order>::stop(const std::string& operation) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(operation);
  if (found == kept_.end() || !found->second.order.under_way())
    return {Errc::conflict, "operation " + operation + " is not under way"};
  *found->second.stopped = true;
  return success();
}

template class LakeOrders<Erasure>;
template class LakeOrders<Upkeep>;

}  // namespace batuta::http
