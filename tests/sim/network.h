// Links between the scheduler and its agents: ordered and reliable while they last, as TCP is. What
// is under way when a link ends is lost, and the two ends learn of it at different times.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "common/message.h"
#include "scheduler/core/event.h"
#include "tests/sim/context.h"

namespace batuta::sim {

enum class Side : std::uint8_t { scheduler, agent };
constexpr Side other(Side s) {
  return s == Side::scheduler ? Side::agent : Side::scheduler;
}

// The two ends, filled by the world. Called from the agenda, never from inside send().
struct NetworkEnds {
  std::function<void(WorkerId, FromAgent)> to_scheduler;
  std::function<void(int agent, WorkerId, ToAgent)> to_agent;
  std::function<void(WorkerId)> closed_at_scheduler;
  std::function<void(int agent, WorkerId)> closed_at_agent;
};

class Network {
 public:
  Network(Context& context, NetworkEnds ends) : c_(context), ends_(std::move(ends)) {}

  // A new connection from `agent`; ids only grow.
  WorkerId open(int agent);
  void send(WorkerId id, FromAgent message);
  void send(WorkerId id, ToAgent message);
  // One end closes: it hears no more at once, the other learns of it later.
  void close(WorkerId id, Side by);
  // The link breaks: both ends learn of it, each at its own time.
  void reset(WorkerId id);
  // Nothing arrives at `side` before `until`; it is delivered then, in order.
  void block(WorkerId id, Side side, Boot until);

  bool open_at(WorkerId id, Side side) const;
  int agent_of(WorkerId id) const;
  // Open at both ends; ascending.
  std::vector<WorkerId> live() const;
  // Open at `side`, whatever of it was heard there; ascending.
  std::vector<WorkerId> all_at(Side side) const;

 private:
  struct Link {
    int agent = 0;
    std::array<bool, 2> open{true, true};  // by Side
    std::array<Boot, 2> last_arrival{};    // towards that side
    std::array<Boot, 2> blocked_until{};
    std::array<std::deque<std::function<void()>>, 2> due{};  // in the order in which they were sent
  };
  Link* find(WorkerId id);
  Boot arrival(Link& link, Side to);
  void deliver(WorkerId id, Side to);
  void plan(WorkerId id, Side to, std::function<void()> action);
  void plan_close(WorkerId id, Side side);

  Context& c_;
  NetworkEnds ends_;
  std::map<WorkerId, Link> links_;
  WorkerId last_ = 0;
};

}  // namespace batuta::sim
