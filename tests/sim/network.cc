#include "tests/sim/network.h"

#include <algorithm>

namespace batuta::sim {
namespace {

constexpr std::size_t at(Side side) {
  return static_cast<std::size_t>(side);
}

}  // namespace

Network::Link* Network::find(WorkerId id) {
  const auto it = links_.find(id);
  return it == links_.end() ? nullptr : &it->second;
}

WorkerId Network::open(int agent) {
  links_[++last_].agent = agent;
  return last_;
}

Boot Network::arrival(Link& link, Side to) {
  const Boot when = c_.boot() + c_.random_up_to(Duration(c_.knobs.network_delay_us));
  Boot& last = link.last_arrival[at(to)];
  last = std::max({when, last, link.blocked_until[at(to)]});
  return last;
}

// The oldest of what is under way: a message that met the block and one that was sent during it are
// due at the same instant, and may not change places.
void Network::deliver(WorkerId id, Side to) {
  Link* link = find(id);
  if (!link || !link->open[at(to)]) return;
  if (link->blocked_until[at(to)] > c_.boot()) {
    c_.agenda.at(link->blocked_until[at(to)], [this, id, to] { deliver(id, to); });
    return;
  }
  const std::function<void()> action = std::move(link->due[at(to)].front());
  link->due[at(to)].pop_front();
  action();
}

void Network::plan(WorkerId id, Side to, std::function<void()> action) {
  Link* link = find(id);
  if (!link || !link->open[at(other(to))]) return;
  link->due[at(to)].push_back(std::move(action));
  c_.agenda.at(arrival(*link, to), [this, id, to] { deliver(id, to); });
}

void Network::send(WorkerId id, FromAgent message) {
  plan(id, Side::scheduler,
       [this, id, m = std::move(message)]() mutable { ends_.to_scheduler(id, std::move(m)); });
}

void Network::send(WorkerId id, ToAgent message) {
  plan(id, Side::agent, [this, id, m = std::move(message)]() mutable {
    ends_.to_agent(agent_of(id), id, std::move(m));
  });
}

void Network::plan_close(WorkerId id, Side side) {
  auto action = [this, id, side] {
    Link* link = find(id);
    link->open[at(side)] = false;
    const int agent = link->agent;
    if (!link->open[at(other(side))]) links_.erase(id);
    if (side == Side::scheduler)
      ends_.closed_at_scheduler(id);
    else
      ends_.closed_at_agent(agent, id);
  };
  Link* link = find(id);
  link->due[at(side)].push_back(action);
  c_.agenda.at(arrival(*link, side), [this, id, side] { deliver(id, side); });
}

void Network::close(WorkerId id, Side by) {
  Link* link = find(id);
  if (!link || !link->open[at(by)]) return;
  link->open[at(by)] = false;
  if (link->open[at(other(by))])
    plan_close(id, other(by));
  else
    links_.erase(id);
}

void Network::reset(WorkerId id) {
  Link* link = find(id);
  if (!link) return;
  if (link->open[at(Side::scheduler)]) plan_close(id, Side::scheduler);
  if (link->open[at(Side::agent)]) plan_close(id, Side::agent);
}

void Network::block(WorkerId id, Side side, Boot until) {
  Link* link = find(id);
  if (!link) return;
  link->blocked_until[at(side)] = std::max(link->blocked_until[at(side)], until);
}

bool Network::open_at(WorkerId id, Side side) const {
  const auto it = links_.find(id);
  return it != links_.end() && it->second.open[at(side)];
}

int Network::agent_of(WorkerId id) const {
  const auto it = links_.find(id);
  return it == links_.end() ? -1 : it->second.agent;
}

std::vector<WorkerId> Network::live() const {
  std::vector<WorkerId> ids;
  for (const auto& [id, link] : links_)
    if (link.open[0] && link.open[1]) ids.push_back(id);
  return ids;
}

std::vector<WorkerId> Network::all_at(Side side) const {
  std::vector<WorkerId> ids;
  for (const auto& [id, link] : links_)
    if (link.open[at(side)]) ids.push_back(id);
  return ids;
}

}  // namespace batuta::sim
