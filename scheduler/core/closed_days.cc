#include "scheduler/core/closed_days.h"

#include <algorithm>
#include <optional>

namespace batuta {
namespace {

using std::chrono::days;

constexpr Duration smallest(1);  // between two instants
constexpr int most_stretches = 4096;
// Days beyond have no calendar, and instants near the ends of Time no neighbours.
constexpr Time earliest = std::chrono::sys_days(std::chrono::year(1) / 1 / 1);
constexpr Time latest = std::chrono::sys_days(std::chrono::year(9990) / 1 / 1);

using Reading = std::chrono::local_time<Duration>;
using OptDay = std::optional<ZoneDay>;

Duration zone_offset(const Zone* zone, Time t) {
  return zone == nullptr ? Duration(0) : Duration(zone->offset_at(t));
}

Reading reading_of(const Zone* zone, Time t) {
  return Reading(t.time_since_epoch() + zone_offset(zone, t));
}

ZoneDay day_of(const Zone* zone, Time t) {
  return std::chrono::floor<days>(reading_of(zone, t));
}

// A reading that comes twice stands for its second time, as with cron; one that the clock leaves
// out for when it would have been.
Time instant_of_reading(const Zone* zone, Reading reading) {
  if (zone == nullptr) return Time(reading.time_since_epoch());
  const Zone::Instants found = zone->from_local(reading);
  return found.count == 0 ? found.unchanged : found.at[static_cast<std::size_t>(found.count) - 1];
}

Time start_of_day(const Zone* zone, ZoneDay day) {
  if (zone == nullptr) return Time(Duration(day.time_since_epoch()));
  const Zone::Instants found = zone->from_local(Reading(day));
  return found.count == 0 ? found.unchanged : found.at[0];
}

// By how much the clock is changed on a day: so far readings and instants may be out of order.
Duration change_on(const Zone* zone, ZoneDay day) {
  if (zone == nullptr) return Duration(0);
  const Time noon = Time(Duration(day.time_since_epoch())) + std::chrono::hours(12);
  const Duration before = zone_offset(zone, noon - std::chrono::hours(36));
  const Duration after = zone_offset(zone, noon + std::chrono::hours(36));
  return before < after ? after - before : before - after;
}

// The first open day from `day` on, in steps of one.
OptDay open_from(const ClosedDays& closed, ZoneDay day, days step) {
  for (int looked = 0; looked <= most_closed_in_a_row; ++looked, day += step) {
    if (!is_closed(closed, day)) return day;
  }
  return std::nullopt;
}

bool within(Time t) {
  return t > earliest && t < latest;
}

// ---- ticks of closed days are none -------------------------------------------------------------

OptTime next_kept(const ClosedDays& closed, const Zone* zone, const PlainTicks& ticks, Time t) {
  for (int looked = 0; looked < most_stretches; ++looked) {
    const OptTime tick = ticks.next(t);
    if (!tick || !within(*tick)) return std::nullopt;
    const ZoneDay day = day_of(zone, *tick);
    const OptDay open = open_from(closed, day, days(1));
    if (open == day) return tick;
    if (!open) return std::nullopt;
    t = std::max(*tick, start_of_day(zone, *open) - smallest);
  }
  return std::nullopt;
}

OptTime last_kept(const ClosedDays& closed, const Zone* zone, const PlainTicks& ticks, Time t) {
  for (int looked = 0; looked < most_stretches; ++looked) {
    const OptTime tick = ticks.last(t);
    if (!tick || !within(*tick)) return std::nullopt;
    const ZoneDay day = day_of(zone, *tick);
    const OptDay open = open_from(closed, day, days(-1));
    if (open == day) return tick;
    if (!open) return std::nullopt;
    t = std::min(*tick, start_of_day(zone, *open + days(1))) - smallest;
  }
  return std::nullopt;
}

// ---- ticks of closed days fall on open ones ----------------------------------------------------

// An open day has its own ticks and those of the closed days next to it, before or behind.
class RolledTicks {
 public:
  RolledTicks(const ClosedDays& closed, const Zone* zone, const PlainTicks& ticks)
      : closed_(closed), zone_(zone), ticks_(ticks) {}

  OptTime next(Time t) const {
    OptDay day = open_from(closed_, day_of(zone_, t), days(1));
    for (int looked = 0; day && looked < most_stretches; ++looked) {
      OptTime best;
      each_source(*day, [&](ZoneDay source) {
        const OptTime found = first_of(source, *day, t);
        if (found && (!best || *found < *best)) best = found;
      });
      if (best) return best;
      const ZoneDay behind =
          forward() ? *day + days(1) : open_from(closed_, *day + days(1), days(1)).value_or(*day);
      if (behind == *day) return std::nullopt;
      const OptTime tick = ticks_.next(start_of_day(zone_, behind) - smallest);
      if (!tick || !within(*tick)) return std::nullopt;
      day = target(*tick, *day, days(1));
    }
    return std::nullopt;
  }

  OptTime last(Time t) const {
    OptDay day = open_from(closed_, day_of(zone_, t), days(-1));
    for (int looked = 0; day && looked < most_stretches; ++looked) {
      OptTime best;
      ZoneDay first = *day;
      each_source(*day, [&](ZoneDay source) {
        first = std::min(first, source);
        const OptTime found = last_of(source, *day, t);
        if (found && (!best || *found > *best)) best = found;
      });
      if (best) return best;
      const OptTime tick = ticks_.last(start_of_day(zone_, first) - smallest);
      if (!tick || !within(*tick)) return std::nullopt;
      day = target(*tick, *day, days(-1));
    }
    return std::nullopt;
  }

 private:
  bool forward() const { return closed_.roll == ClosedDays::Roll::next; }

  // The open day that has this tick, beyond `from` as the search goes.
  OptDay target(Time tick, ZoneDay from, days step) const {
    const ZoneDay day = day_of(zone_, tick);
    const OptDay open = open_from(closed_, day, forward() ? days(1) : days(-1));
    if (open && (step > days(0) ? *open > from : *open < from)) return open;
    // Too many closed days around it, so that it is none: the search goes on beside them.
    return open_from(closed_, from + step, step);
  }

  template <class Take>
  void each_source(ZoneDay day, Take take) const {
    take(day);
    const days step = forward() ? days(-1) : days(1);
    ZoneDay source = day + step;
    for (int n = 1; n <= most_closed_in_a_row && is_closed(closed_, source); ++n, source += step) {
      take(source);
    }
  }

  Time moved(Time tick, ZoneDay source, ZoneDay day) const {
    if (source == day) return tick;
    return instant_of_reading(zone_, reading_of(zone_, tick) + (day - source));
  }

  // Where on `source` the ticks are that lie around `t` on `day`.
  Time around(Time t, ZoneDay source, ZoneDay day) const {
    return source == day ? t : instant_of_reading(zone_, reading_of(zone_, t) + (source - day));
  }

  Duration slack(ZoneDay source, ZoneDay day) const {
    return change_on(zone_, source) + change_on(zone_, day);
  }

  OptTime first_of(ZoneDay source, ZoneDay day, Time t) const {
    Time from = start_of_day(zone_, source) - smallest;
    if (day_of(zone_, t) == day) {
      from = std::max(from, around(t, source, day) - slack(source, day) - smallest);
    }
    OptTime best;
    const Duration more = slack(source, day);
    OptTime until;  // readings and instants may be out of order by so much
    for (OptTime tick = ticks_.next(from); tick; tick = ticks_.next(*tick)) {
      if (!within(*tick) || day_of(zone_, *tick) > source || (until && *tick > *until)) break;
      if (day_of(zone_, *tick) < source) continue;
      const Time at = moved(*tick, source, day);
      if (at <= t) continue;
      if (!best || at < *best) best = at;
      if (!until) until = *tick + more;
      if (more == Duration(0)) break;
    }
    return best;
  }

  OptTime last_of(ZoneDay source, ZoneDay day, Time t) const {
    Time from = start_of_day(zone_, source + days(1)) - smallest;
    if (day_of(zone_, t) == day) {
      from = std::min(from, around(t, source, day) + slack(source, day));
    }
    OptTime best;
    const Duration more = slack(source, day);
    OptTime until;
    for (OptTime tick = ticks_.last(from); tick; tick = ticks_.last(*tick - smallest)) {
      if (!within(*tick) || day_of(zone_, *tick) < source || (until && *tick < *until)) break;
      if (day_of(zone_, *tick) > source) continue;
      const Time at = moved(*tick, source, day);
      if (at > t) continue;
      if (!best || at > *best) best = at;
      if (!until) until = *tick - more;
      if (more == Duration(0)) break;
    }
    return best;
  }

  const ClosedDays& closed_;
  const Zone* zone_;
  const PlainTicks& ticks_;
};

}  // namespace

void put_in_order(ClosedDays& closed) {
  std::vector<ClosedRange>& ranges = closed.ranges;
  std::sort(ranges.begin(), ranges.end());
  std::vector<ClosedRange> apart;
  for (const ClosedRange& range : ranges) {
    if (!apart.empty() && range.first <= apart.back().last + days(1)) {
      apart.back().last = std::max(apart.back().last, range.last);
    } else {
      apart.push_back(range);
    }
  }
  ranges = std::move(apart);
  std::vector<ClosedYearly>& yearly = closed.yearly;
  std::sort(yearly.begin(), yearly.end());
  yearly.erase(std::unique(yearly.begin(), yearly.end()), yearly.end());
}

bool is_closed(const ClosedDays& closed, ZoneDay day) {
  if ((closed.weekdays >> std::chrono::weekday(day).c_encoding() & 1U) != 0) return true;
  const auto behind = std::upper_bound(
      closed.ranges.begin(), closed.ranges.end(), day,
      [](ZoneDay sought, const ClosedRange& range) { return sought < range.first; });
  if (behind != closed.ranges.begin() && day <= std::prev(behind)->last) return true;
  if (closed.yearly.empty()) return false;
  const std::chrono::year_month_day date(day);
  const int year = static_cast<int>(date.year());
  const auto place = [](const ClosedYearly& one) { return one.month * 100 + one.day; };
  const int sought = static_cast<int>(static_cast<unsigned>(date.month()) * 100 +
                                      static_cast<unsigned>(date.day()));
  auto one = std::partition_point(closed.yearly.begin(), closed.yearly.end(),
                                  [&](const ClosedYearly& each) { return place(each) < sought; });
  for (; one != closed.yearly.end() && place(*one) == sought; ++one) {
    if (year >= one->since && year <= one->until) return true;
  }
  return false;
}

OptTime next_open_tick(const ClosedDays& closed, const Zone* zone, const PlainTicks& ticks,
                       Time t) {
  if (closed.roll == ClosedDays::Roll::none) return next_kept(closed, zone, ticks, t);
  if (!within(t)) {
    if (t >= latest) return std::nullopt;
    t = earliest + smallest;
  }
  return RolledTicks(closed, zone, ticks).next(t);
}

OptTime last_open_tick(const ClosedDays& closed, const Zone* zone, const PlainTicks& ticks,
                       Time t) {
  if (closed.roll == ClosedDays::Roll::none) return last_kept(closed, zone, ticks, t);
  if (!within(t)) {
    if (t <= earliest) return std::nullopt;
    t = latest - smallest;
  }
  return RolledTicks(closed, zone, ticks).last(t);
}

OptTime first_open_time(const ClosedDays& closed, const Zone* zone, Time t) {
  if (!within(t)) return std::nullopt;
  const ZoneDay day = day_of(zone, t);
  const OptDay open = open_from(closed, day, days(1));
  if (!open) return std::nullopt;
  return open == day ? t : std::max(t, start_of_day(zone, *open));
}

}  // namespace batuta
