// Orders to look after a table, given to a server: its end is waited for, and stopped with the
// verb.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "common/url.h"
#include "scheduler/cli/client.h"
#include "scheduler/cli/interrupts.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/lake_server.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr std::chrono::milliseconds between_upkeep_looks{300};
constexpr std::chrono::seconds between_told{10}, end_patience{30};
// A server that is busy for a moment is not one that is gone.
constexpr int most_unanswered = 5;

bool is_going_on(const json& order) {
  return order["state"] == "queued" || order["state"] == "running";
}

class UpkeepWait {
 public:
  UpkeepWait(const Client& client, const json& body)
      : client_(client),
        operation_(body.value("operation", "")),
        action_(body.value("action", "")),
        path_("/api/lake/maintenance/" + percent_encoded(operation_)) {}

  // The order as it ended.
  json end_of(json order, Duration patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (is_going_on(order)) {
      if (InterruptGuard::came()) return stop("interrupted", interrupted_code);
      if (std::chrono::steady_clock::now() > until) return stop("not done within --timeout", 1);
      tell(order);
      std::this_thread::sleep_for(between_upkeep_looks);
      order = look();
    }
    return order;
  }

 private:
  json look() {
    for (int left = most_unanswered;; --left) {
      try {
        json order = client_.look_up(path_);
        if (!order.is_null()) return order;
        left = 1;  // it was started anew, and knows nothing of it
        throw Failure("the server knows nothing of it any more", 1);
      } catch (const Failure& failure) {
        if (left > 1 && !InterruptGuard::came()) {
          std::this_thread::sleep_for(between_upkeep_looks);
          continue;
        }
        throw Failure(action_ + " was begun and its end is not known: " + failure.what() +
                          "\n  each version that it made is whole, and nothing else was changed: "
                          "look at `batuta lake history`, and order it again",
                      1);
      }
    }
  }

  json stop(const std::string& why, int code) {
    std::optional<Failure> refused;
    try {
      client_.call("DELETE", path_, nullptr);
    } catch (const Failure& failure) {
      refused.emplace(failure);  // which is as well where it has just ended
    }
    const auto until = std::chrono::steady_clock::now() + end_patience;
    json order = look();
    if (refused && is_going_on(order)) throw Failure(*refused);
    while (is_going_on(order) && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(between_upkeep_looks);
      order = look();
    }
    return end_of_stopped(std::move(order), why, code);
  }

  // For whoever sits before it.
  void tell(const json& order) {
    const auto now = std::chrono::steady_clock::now();
    if (::isatty(STDERR_FILENO) == 0 || now - told_ < between_told) return;
    told_ = now;
    std::fprintf(stderr, "batuta: %s: %s, %lld s\n", action_.c_str(),
                 order["state"].get<std::string>().c_str(),
                 static_cast<long long>((now - begun_) / std::chrono::seconds(1)));
  }

  const Client& client_;
  const std::string operation_, action_, path_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point told_ = begun_;
};

}  // namespace

json end_of_stopped(json order, const std::string& why, int code) {
  if (order["state"] == "ended" || order["state"] == "failed") return order;
  throw Failure(why + (is_going_on(order) ? ": it ends at its next step" : ": it was stopped") +
                    "; each version that it made is whole",
                code);
}

json upkeep_by_server(const Session& session, const std::string& table, const json& body,
                      Duration patience) {
  const Client client = session.client();
  const InterruptGuard guard;
  json order = client.call("POST", table_path(table) + "/maintenance", body);
  order = UpkeepWait(client, body).end_of(std::move(order), patience);
  if (order["state"] == "ended") return order["report"];
  const bool stopped = order["state"] == "stopped";
  throw Failure(stopped ? "it was stopped; each version that it made is whole"
                        : order.value("error", "it failed"),
                1);
}

}  // namespace batuta::cli
