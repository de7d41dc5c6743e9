#include "scheduler/api/lake_erasures.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

namespace batuta::http {
namespace {

bool under_way(const Erasure& erasure) {
  return erasure.state == "queued" || erasure.state == "running";
}

}  // namespace

Status LakeErasures::begin(const Erasure& erasure) {
  const std::lock_guard lock(mutex_);
  const auto known = kept_.find(erasure.operation);
  if (known != kept_.end() && under_way(known->second.erasure))
    return {Errc::conflict, "operation " + erasure.operation + " is under way"};
  const auto busy = std::count_if(kept_.begin(), kept_.end(),
                                  [](const auto& one) { return under_way(one.second.erasure); });
  if (static_cast<std::size_t>(busy) > most_waiting)
    return {Errc::rate_limited, "one person is being erased and " + std::to_string(most_waiting) +
                                    " orders wait already: order this one when they have ended"};
  Kept kept;
  kept.erasure = erasure;
  kept.order = ++orders_;
  kept_.insert_or_assign(erasure.operation, std::move(kept));
  make_room();
  return success();
}

void LakeErasures::make_room() {
  while (kept_.size() > most_kept) {
    auto oldest = kept_.end();
    for (auto it = kept_.begin(); it != kept_.end(); ++it)
      if (!under_way(it->second.erasure) &&
          (oldest == kept_.end() || it->second.order < oldest->second.order))
        oldest = it;
    if (oldest == kept_.end()) return;
    kept_.erase(oldest);
  }
}

void LakeErasures::forget(const std::string& operation) {
  const std::lock_guard lock(mutex_);
  kept_.erase(operation);
}

std::vector<Erasure> LakeErasures::all() {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::uint64_t, Erasure>> ordered;
  for (const auto& [operation, kept] : kept_) ordered.emplace_back(kept.order, kept.erasure);
  std::sort(ordered.begin(), ordered.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<Erasure> out;
  for (auto& [order, erasure] : ordered) out.push_back(std::move(erasure));
  return out;
}

void LakeErasures::start(const std::string& operation, Work work, const Stop& server_stops,
                         Ended ended) {
  const bool taken =
      queue_.run([this, operation, work = std::move(work), server_stops, ended = std::move(ended)] {
        run(operation, work, server_stops, ended);
      });
  if (!taken) forget(operation);  // begin() keeps the bound: it does not come to this
}

void LakeErasures::run(const std::string& operation, const Work& work, const Stop& server_stops,
                       const Ended& ended) {
  std::shared_ptr<std::atomic<bool>> stopped;
  {
    const std::lock_guard lock(mutex_);
    Kept& kept = kept_.at(operation);
    kept.erasure.state = "running";
    stopped = kept.stopped;
  }
  const Stop stop = [stopped, server_stops] { return *stopped || server_stops(); };
  Result<std::string> told(Errc::internal, "it failed");
  try {
    told = stop() ? Result<std::string>(Errc::conflict, "stopped") : work(stop);
  } catch (const std::exception& error) {
    told = Result<std::string>(Errc::internal, error.what());
  }
  Erasure now;
  {
    const std::lock_guard lock(mutex_);
    now = kept_.at(operation).erasure;
  }
  now.ended_at = std::chrono::floor<Duration>(std::chrono::system_clock::now());
  now.state = told ? "ended" : stop() ? "stopped" : "failed";
  if (told) now.report_json = *told;
  if (!told) now.error = told.error().message;
  ended(now, [this, now] {
    const std::lock_guard lock(mutex_);
    kept_.at(now.operation).erasure = now;
  });
}

std::optional<Erasure> LakeErasures::find(const std::string& operation) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(operation);
  return found == kept_.end() ? std::nullopt : std::optional(found->second.erasure);
}

Status LakeErasures::stop(const std::string& operation) {
  const std::lock_guard lock(mutex_);
  const auto found = kept_.find(operation);
  if (found == kept_.end() || !under_way(found->second.erasure))
    return {Errc::conflict, "operation " + operation + " is not under way"};
  *found->second.stopped = true;
  return success();
}

}  // namespace batuta::http
