#include "common/result.h"
#include "scheduler/core/timetable.h"
#include "tests/fuzz/fuzz.h"

namespace batuta::fuzz {

void cron(std::string_view bytes) {
  const auto parsed = parse_cron(bytes);
  if (!parsed) return;
  Timetable timetable;
  timetable.kind = Timetable::Kind::cron;
  timetable.cron = *parsed;
  Time t = *parse_iso("2024-02-28T12:34:56Z");
  for (int i = 0; i < 4; ++i) {
    const OptTime next = next_tick(timetable, t);
    BATUTA_CHECK(next.has_value(), "an expression that is taken has a next tick");
    BATUTA_CHECK(*next > t, "and it comes later");
    BATUTA_CHECK(last_tick(timetable, *next) == next, "a tick is its own last tick");
    BATUTA_CHECK(last_scheduled(timetable, *next)->interval.end == *next,
                 "its interval ends there");
    t = *next;
  }
}

}  // namespace batuta::fuzz
