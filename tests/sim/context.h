// What every actor of one world shares: chance, time, trace, counts. One world, one thread.
#pragma once

#include "common/time.h"
#include "tests/sim/agenda.h"
#include "tests/sim/knobs.h"
#include "tests/sim/rng.h"
#include "tests/sim/situations.h"
#include "tests/sim/trace.h"

namespace batuta::sim {

// Totals over seeds; plain data, shared between processes.
struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t attempts = 0;  // starts in slots
  std::uint64_t kills = 0;     // processes killed: scheduler, agents, slots
  std::uint64_t steps = 0;
  std::uint64_t publications = 0;
  std::uint64_t simulated_us = 0;
  SituationCounts situations;
};

struct Context {
  Context(std::uint64_t seed, bool verbose, Totals& totals_)
      : rng(seed), knobs(draw_knobs(rng)), trace(verbose), totals(totals_) {}

  Rng rng;
  Knobs knobs;
  Agenda agenda;
  Trace trace;
  Totals& totals;
  Duration wall_offset{};  // wall clock minus true time: moved by clock steps
  bool faults = true;      // false once the busy period is over

  // Boot time zero is this wall-clock instant.
  static constexpr Time epoch() { return Time{std::chrono::seconds(1'760'000'000)}; }
  Boot boot() const { return agenda.now(); }
  Time wall() const { return epoch() + agenda.now().since + wall_offset; }
  Now now() const { return {wall(), boot()}; }

  void met(Situation s) { totals.situations.met(s); }
  void note(std::string_view what, std::int64_t a = 0, std::int64_t b = 0, std::int64_t c = 0) {
    trace.note(boot(), what, a, b, c);
  }
  void note(std::string_view what, const AttemptKey& key) { trace.note(boot(), what, key); }
  Duration random_up_to(Duration most) { return Duration(rng.between(0, most.count())); }
};

}  // namespace batuta::sim
