#include "scheduler/core/timetable.h"

#include <algorithm>

#include "scheduler/core/closed_days.h"

namespace batuta {
namespace {

constexpr Time forever = Time::max();

// Of the crons' answers the earliest (or latest).
template <class Ask, class Better>
OptTime best_of(const Timetable& timetable, Ask ask, Better better) {
  OptTime best = ask(timetable.cron);
  for (const Cron& cron : timetable.more_crons) {
    const OptTime found = ask(cron);
    if (found && (!best || better(*found, *best))) best = found;
  }
  return best;
}

// The tick of an interval at or before `t`.
Time interval_floor(const Timetable& timetable, Time t) {
  const Duration::rep every = timetable.every.count();
  const Duration::rep since = (t - timetable.anchor).count();
  Duration::rep periods = since / every;
  if (since % every < 0) --periods;
  return timetable.anchor + periods * timetable.every;
}

OptTime next_plain_tick(const Timetable& timetable, Time t) {
  switch (timetable.kind) {
    case Timetable::Kind::none:
    case Timetable::Kind::once:
    case Timetable::Kind::continuous:
      return std::nullopt;
    case Timetable::Kind::cron:
      return best_of(
          timetable, [&](const Cron& cron) { return next_tick(cron, timetable.zone.get(), t); },
          std::less<>());
    case Timetable::Kind::interval:
      if (t > forever - 2 * timetable.every) return std::nullopt;
      return interval_floor(timetable, t) + timetable.every;
    case Timetable::Kind::dates: {
      const auto found = std::upper_bound(timetable.dates.begin(), timetable.dates.end(), t);
      return found == timetable.dates.end() ? std::nullopt : OptTime(*found);
    }
  }
  return std::nullopt;
}

OptTime last_plain_tick(const Timetable& timetable, Time t) {
  switch (timetable.kind) {
    case Timetable::Kind::none:
    case Timetable::Kind::once:
    case Timetable::Kind::continuous:
      return std::nullopt;
    case Timetable::Kind::cron:
      return best_of(
          timetable, [&](const Cron& cron) { return last_tick(cron, timetable.zone.get(), t); },
          std::greater<>());
    case Timetable::Kind::interval:
      return interval_floor(timetable, t);
    case Timetable::Kind::dates: {
      const auto after = std::upper_bound(timetable.dates.begin(), timetable.dates.end(), t);
      return after == timetable.dates.begin() ? std::nullopt : OptTime(*std::prev(after));
    }
  }
  return std::nullopt;
}

PlainTicks plain_ticks(const Timetable& timetable) {
  return {[&](Time t) { return next_plain_tick(timetable, t); },
          [&](Time t) { return last_plain_tick(timetable, t); }};
}

bool same_closed_days(const Timetable& a, const Timetable& b) {
  if (a.closed == b.closed) return true;
  return a.closed && b.closed && *a.closed == *b.closed;
}

ScheduledTick run_at(const Timetable& timetable, Time tick) {
  if (timetable.style == Timetable::Style::trigger) return {tick, tick, {tick, tick}};
  return {tick, tick, {last_tick(timetable, tick - least_time).value_or(tick), tick}};
}

std::string describe_ticks(const Timetable& timetable, const std::string& text) {
  switch (timetable.kind) {
    case Timetable::Kind::none:
      return "Never, external triggers only";
    case Timetable::Kind::once:
      return "Once, as soon as possible";
    case Timetable::Kind::continuous:
      return "As frequently as possible, but only one run at a time.";
    case Timetable::Kind::cron:
      return timetable.more_crons.empty() ? "At the ticks of " + text
                                          : "At the ticks of any of " + text;
    case Timetable::Kind::interval:
    case Timetable::Kind::dates:
      return text;
  }
  return text;
}

}  // namespace

bool has_ticks(const Timetable& timetable) {
  return is_periodic(timetable) || timetable.kind == Timetable::Kind::dates;
}

bool is_periodic(const Timetable& timetable) {
  return timetable.kind == Timetable::Kind::cron || timetable.kind == Timetable::Kind::interval;
}

bool same_ticks(const Timetable& a, const Timetable& b) {
  return a.kind == b.kind && a.style == b.style && a.cron == b.cron &&
         a.more_crons == b.more_crons && a.every == b.every && a.anchor == b.anchor &&
         a.dates == b.dates && same_closed_days(a, b);
}

OptTime first_open_time(const Timetable& timetable, Time t) {
  if (!timetable.closed) return t;
  return first_open_time(*timetable.closed, timetable.zone.get(), t);
}

OptTime next_tick(const Timetable& timetable, Time t) {
  if (!timetable.closed) return next_plain_tick(timetable, t);
  return next_open_tick(*timetable.closed, timetable.zone.get(), plain_ticks(timetable), t);
}

OptTime last_tick(const Timetable& timetable, Time t) {
  if (!timetable.closed) return last_plain_tick(timetable, t);
  return last_open_tick(*timetable.closed, timetable.zone.get(), plain_ticks(timetable), t);
}

std::optional<ScheduledTick> next_scheduled(const Timetable& timetable, Time t) {
  const OptTime first = next_tick(timetable, t);
  if (!first) return std::nullopt;
  if (timetable.style != Timetable::Style::data_interval) return run_at(timetable, *first);
  const OptTime end = next_tick(timetable, *first);
  if (!end) return std::nullopt;
  return ScheduledTick{*end, *first, {*first, *end}};
}

std::optional<ScheduledTick> last_scheduled(const Timetable& timetable, Time t) {
  const OptTime last = last_tick(timetable, t);
  if (!last) return std::nullopt;
  if (timetable.style != Timetable::Style::data_interval) return run_at(timetable, *last);
  const OptTime start = last_tick(timetable, *last - least_time);
  if (!start) return std::nullopt;
  return ScheduledTick{*last, *start, {*start, *last}};
}

DataInterval interval_of_manual(const Timetable& timetable, Time run_after) {
  const DataInterval nothing{run_after, run_after};
  if (timetable.style == Timetable::Style::trigger) return nothing;
  if (timetable.style == Timetable::Style::data_interval &&
      timetable.kind == Timetable::Kind::interval) {
    return {run_after - timetable.every, run_after};
  }
  const auto last = last_scheduled(timetable, run_after);
  return last ? last->interval : nothing;
}

std::string describe(const Timetable& timetable, const std::string& text) {
  const std::string ticks = describe_ticks(timetable, text);
  if (!timetable.closed) return ticks;
  switch (timetable.closed->roll) {
    case ClosedDays::Roll::none:
      return ticks + ", not on days of " + timetable.closed_text;
    case ClosedDays::Roll::next:
      return ticks + ", those on days of " + timetable.closed_text + " on the next open day";
    case ClosedDays::Roll::previous:
      return ticks + ", those on days of " + timetable.closed_text + " on the last open day before";
  }
  return ticks;
}

}  // namespace batuta
