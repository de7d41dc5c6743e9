#include "tests/sim/graph.h"

#include <array>
#include <cstddef>

namespace batuta::sim {
namespace {

using enum TaskState;

struct Edge {
  TaskState from;
  TaskState to;
};

constexpr std::size_t states = 13;
using Matrix = std::array<std::array<bool, states>, states>;
constexpr std::size_t at(TaskState s) {
  return static_cast<std::size_t>(s);
}

constexpr Edge machine_edges[] = {
    {none, scheduled},
    {none, upstream_failed},
    {none, skipped},
    {none, failed},
    {scheduled, queued},
    {scheduled, success},
    {scheduled, skipped},
    {scheduled, deferred},
    {scheduled, failed},
    {scheduled, up_for_retry},
    {deferred, success},
    {deferred, failed},
    {deferred, skipped},
    {deferred, up_for_retry},
    {queued, deferred},
    {running, deferred},
    {deferred, scheduled},
    {queued, scheduled},
    {queued, running},
    {queued, publishing},
    {queued, success},
    {queued, failed},
    {queued, up_for_retry},
    {queued, skipped},
    {running, publishing},
    {running, success},
    {running, failed},
    {running, up_for_retry},
    {running, scheduled},
    {running, skipped},
    {publishing, success},
    {publishing, failed},
    {publishing, up_for_retry},
    {publishing, scheduled},
    {up_for_retry, scheduled},
    {queued, up_for_reschedule},
    {running, up_for_reschedule},
    {publishing, up_for_reschedule},
    {up_for_reschedule, scheduled},
};
constexpr TaskState waiting[] = {none, scheduled, up_for_retry, deferred, up_for_reschedule};
constexpr TaskState attempted[] = {queued, running};
constexpr TaskState ended[] = {success, failed, upstream_failed, skipped, removed};
constexpr TaskState by_hand[] = {success, failed, skipped};

void add_run_ended(Matrix& m) {
  m[at(none)][at(skipped)] = true;
  for (TaskState s : {scheduled, up_for_retry, deferred, up_for_reschedule})
    for (TaskState to : by_hand) m[at(s)][at(to)] = true;
  for (TaskState s : attempted)
    for (TaskState to : by_hand) m[at(s)][at(to)] = true;
  m[at(publishing)][at(failed)] = true;
}

void add_user(Matrix& m, bool now) {
  for (TaskState s : attempted) {
    m[at(s)][at(none)] = true;
    for (TaskState to : by_hand) m[at(s)][at(to)] = true;
  }
  // After a clear a mapped task may have fewer items, or more again.
  for (TaskState s : ended) m[at(s)][at(removed)] = true;
  m[at(none)][at(removed)] = true;
  m[at(removed)][at(none)] = true;
  if (!now) return;
  for (TaskState s : waiting) {
    m[at(s)][at(none)] = true;
    for (TaskState to : by_hand) m[at(s)][at(to)] = true;
  }
  for (TaskState s : ended) {
    m[at(s)][at(none)] = true;
    for (TaskState to : by_hand) m[at(s)][at(to)] = true;
  }
}

Matrix closure(int hands) {
  Matrix m{};
  for (std::size_t i = 0; i < states; ++i) m[i][i] = true;
  for (const Edge& e : machine_edges) m[at(e.from)][at(e.to)] = true;
  if (hands & 1) add_run_ended(m);
  if (hands & 2) add_user(m, true);
  if (hands & 4) add_user(m, false);
  for (std::size_t k = 0; k < states; ++k)
    for (std::size_t i = 0; i < states; ++i)
      for (std::size_t j = 0; j < states; ++j)
        if (m[i][k] && m[k][j]) m[i][j] = true;
  return m;
}

}  // namespace

bool turn_may_move(TaskState from, TaskState to, const Hands& hands) {
  static const std::array<Matrix, 8> closures = [] {
    std::array<Matrix, 8> all;
    for (int i = 0; i < 8; ++i) all[static_cast<std::size_t>(i)] = closure(i);
    return all;
  }();
  const int index = (hands.run_ended ? 1 : 0) | (hands.user ? 2 : 0) | (hands.user_before ? 4 : 0);
  return closures[static_cast<std::size_t>(index)][at(from)][at(to)];
}

}  // namespace batuta::sim
