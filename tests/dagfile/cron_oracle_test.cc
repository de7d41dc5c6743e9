// Ticks against a naive oracle: random expressions, told to parse_cron as text and to the oracle as
// sets of values, looked at minute by minute (second by second) around changes of the clock, and
// day by day over years.
#include <doctest/doctest.h>

#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "scheduler/core/cron.h"
#include "scheduler/dagfile/zone.h"

namespace batuta {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using Local = std::chrono::local_time<Duration>;
using Date = std::chrono::year_month_day;

// Two minutes there, and nothing in it has a second thread.
#ifdef __SANITIZE_THREAD__
constexpr bool too_slow = true;
#else
constexpr bool too_slow = false;
#endif

int number(std::chrono::day day) {
  return static_cast<int>(static_cast<unsigned>(day));
}
int last_day(Date date) {
  return number((date.year() / date.month() / std::chrono::last).day());
}

struct Expression {
  std::string text;
  std::set<int> seconds{0}, minutes, hours, months;
  bool with_seconds = false;
  bool any_day = true, any_weekday = true;
  std::function<bool(Date)> day = [](Date) { return true; };
  std::function<bool(Date)> weekday = [](Date) { return true; };

  bool date_matches(Date date) const {
    if (!months.contains(static_cast<int>(static_cast<unsigned>(date.month())))) return false;
    if (any_day) return weekday(date);
    if (any_weekday) return day(date);
    return day(date) || weekday(date);
  }
  bool matches(Local at) const {
    const auto whole = std::chrono::floor<days>(at);
    const auto second = std::chrono::floor<std::chrono::seconds>(at - whole).count();
    return hours.contains(static_cast<int>(second / 3600)) &&
           minutes.contains(static_cast<int>(second / 60 % 60)) &&
           seconds.contains(static_cast<int>(second % 60)) && date_matches(Date(whole));
  }
};

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  bool chance(int percent) { return pick(1, 100) <= percent; }

  // A list of values, ranges (that may wrap) and steps.
  std::string values(int low, int high, std::set<int>& out) {
    std::string text;
    for (int left = pick(1, 2); left > 0; --left) {
      if (!text.empty()) text += ",";
      const int from = pick(low, high), all = high - low + 1;
      int to = pick(low, high), step = pick(1, 5);
      switch (pick(0, 4)) {
        case 0:
          text += "*/" + std::to_string(step);
          for (int v = low; v <= high; v += step) out.insert(v);
          break;
        case 1:
          text += std::to_string(from) + "/" + std::to_string(step);
          for (int v = from; v <= high; v += step) out.insert(v);
          break;
        case 2: {
          if (to == from) to = from == high ? low : from + 1;
          const int count = (to - from + all) % all + 1;
          step = std::min(step, count);
          text += std::to_string(from) + "-" + std::to_string(to);
          if (step > 1) text += "/" + std::to_string(step);
          for (int i = 0; i < count; i += step) out.insert(low + (from - low + i) % all);
          break;
        }
        default:
          text += std::to_string(from);
          out.insert(from);
      }
    }
    return text;
  }

  std::string day_words(Expression& made) {
    const int n = pick(1, 30);
    made.any_day = false;
    switch (pick(0, 3)) {
      case 0:
        made.day = [](Date date) { return number(date.day()) == last_day(date); };
        return "L";
      case 1:
        made.day = [n](Date date) { return last_day(date) - number(date.day()) == n % 20; };
        return "L-" + std::to_string(n % 20);
      case 2:
        made.day = [](Date date) { return is_nearest(date, 31); };
        return "LW";
      default:
        made.day = [n](Date date) { return is_nearest(date, n); };
        return std::to_string(n) + "W";
    }
  }

  // Looked for outwards from the day, within its month.
  static bool is_nearest(Date date, int day) {
    day = std::min(day, last_day(date));
    for (const int away : {0, -1, 1, -2, 2}) {
      if (day + away < 1 || day + away > last_day(date)) continue;
      const Date other{date.year(), date.month(),
                       std::chrono::day(static_cast<unsigned>(day + away))};
      const auto weekday = std::chrono::weekday(std::chrono::local_days(other)).c_encoding();
      if (weekday != 0 && weekday != 6) return other == date;
    }
    return false;
  }

  std::string weekday_words(Expression& made) {
    const int weekday = pick(0, 6), nth = pick(1, 5);
    made.any_weekday = false;
    const auto is = [weekday](Date date) {
      return static_cast<int>(std::chrono::weekday(std::chrono::local_days(date)).c_encoding()) ==
             weekday;
    };
    if (chance(40)) {
      made.weekday = [is](Date date) {
        return is(date) && number(date.day()) + 7 > last_day(date);
      };
      return "L" + std::to_string(weekday == 0 ? 7 : weekday);
    }
    made.weekday = [is, nth](Date date) { return is(date) && (number(date.day()) + 6) / 7 == nth; };
    const char* names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    return std::string(names[weekday]) + "#" + std::to_string(nth);
  }

  Expression make(bool words, bool with_seconds) {
    Expression made;
    made.with_seconds = with_seconds;
    const std::string minute = values(0, 59, made.minutes);
    std::string hour = values(0, 23, made.hours);
    if (chance(25)) {
      hour = "*";
      for (int h = 0; h < 24; ++h) made.hours.insert(h);
    }
    std::string day = "*", weekday = "*", month = "*";
    for (int m = 1; m <= 12; ++m) made.months.insert(m);
    if (words && chance(30)) {
      made.months.clear();
      month = values(1, 12, made.months);
    }
    if (words && chance(50)) {
      day = day_words(made);
    } else if (words && chance(50)) {
      weekday = weekday_words(made);
    } else if (chance(50)) {
      std::set<int> set;
      if (chance(50)) {
        day = values(1, 31, set);
        made.any_day = set.size() == 31;
        made.day = [set](Date date) { return set.contains(number(date.day())); };
        set.clear();
      }
      if (chance(60)) {
        weekday = values(0, 6, set);
        made.any_weekday = set.size() == 7 && day.find('*') != std::string::npos;
        if (day != "*" && weekday.find('*') == std::string::npos) made.any_day = false;
        made.weekday = [set](Date date) {
          return set.contains(
              static_cast<int>(std::chrono::weekday(std::chrono::local_days(date)).c_encoding()));
        };
      }
    }
    made.text = minute + " " + hour + " " + day + " " + month + " " + weekday;
    if (with_seconds) {
      made.seconds.clear();
      made.text += " " + values(0, 59, made.seconds);
    }
    return made;
  }

 private:
  std::mt19937 random_;
};

std::set<Time> ticks_of(const Expression& made, const Zone& zone, Time from, Time to) {
  std::set<Time> ticks;
  const Duration grain = made.with_seconds ? Duration(1s) : Duration(1min);
  if (made.hours.size() == 24) {
    for (Time t = from; t < to; t += grain) {
      if (made.matches(Local((t + zone.offset_at(t)).time_since_epoch()))) ticks.insert(t);
    }
    return ticks;
  }
  bool in_gap = false;  // and one of its readings has been met
  const Local end(to.time_since_epoch() + days(2));
  for (Local at(from.time_since_epoch() - days(2)); at < end; at += grain) {
    if (!made.matches(at)) continue;
    const Zone::Instants instants = zone.from_local(at);
    if (instants.count > 0) {
      ticks.insert(instants.at[static_cast<std::size_t>(instants.count - 1)]);
    } else if (!in_gap) {
      ticks.insert(instants.unchanged);
    }
    in_gap = instants.count == 0;
  }
  return ticks;
}

// Inside the window, every question has the oracle's answer.
int check(const Expression& made, const Zone* zone, const std::set<Time>& ticks, Time from, Time to,
          Maker& maker) {
  const auto cron = parse_cron(made.text);
  if (!cron) return 0;  // a step too long, or a pair that Airflow drops one of
  const auto ask = [&](Time t) {
    const auto after = ticks.upper_bound(t);
    if (after != ticks.end() && *after < to) CHECK(next_tick(*cron, zone, t) == *after);
    if (after != ticks.begin() && *std::prev(after) >= from) {
      CHECK(last_tick(*cron, zone, t) == *std::prev(after));
    }
  };
  int asked = 0;
  for (const Time tick : ticks) {
    if (tick < from || tick >= to || !maker.chance(asked > 60 ? 2 : 100)) continue;
    ask(tick - Duration(1));
    ask(tick);
    ++asked;
  }
  for (int i = 0; i < 20; ++i) {
    ask(from +
        std::chrono::seconds(maker.pick(
            0, static_cast<int>(std::chrono::floor<std::chrono::seconds>(to - from).count()))));
  }
  return asked;
}

struct Change {
  const char* zone;
  const char* day;
};

}  // namespace

TEST_CASE("ticks around changes of the clock are the naive oracle's, forward and backward" *
          doctest::skip(too_slow)) {
  constexpr Change changes[] = {
      {"America/New_York", "2024-03-10"},    {"America/New_York", "2024-11-03"},
      {"Europe/Berlin", "2024-03-31"},       {"Europe/Berlin", "2024-10-27"},
      {"Australia/Lord_Howe", "2024-10-06"}, {"Australia/Lord_Howe", "2024-04-07"},
      {"America/Sao_Paulo", "2018-11-04"},   {"America/Sao_Paulo", "2018-02-18"},
      {"Asia/Kathmandu", "2024-05-01"}};
  Maker maker(20260714);
  int asked = 0;
  for (const Change& change : changes) {
    const auto zone = find_zone(change.zone);
    REQUIRE(zone);
    const Time middle = *parse_iso(std::string(change.day) + "T04:00:00Z");
    for (int i = 0; i < 44; ++i) {
      const bool with_seconds = i % 11 == 0;
      const Duration around = with_seconds ? Duration(8h) : Duration(40h);
      const Expression made = maker.make(false, with_seconds);
      CAPTURE(made.text);
      CAPTURE(std::string(change.zone));
      const Time from = middle - around, to = middle + around;
      asked +=
          check(made, zone.get(), ticks_of(made, *zone, from - 30h, to + 30h), from, to, maker);
    }
  }
  CHECK(asked > 5000);
}

TEST_CASE("days by number, from the end, nearest weekday and nth weekday are the naive oracle's") {
  Maker maker(31);
  int asked = 0;
  for (int i = 0; i < 400; ++i) {
    Expression made = maker.make(true, false);
    const std::string days_and_months =
        made.text.substr(made.text.find(' ', made.text.find(' ') + 1));
    made.text = "7 5" + days_and_months;
    CAPTURE(made.text);
    std::set<Time> ticks;
    const Time from = *parse_iso("2023-06-01T00:00:00Z"), to = from + days(1100);
    for (Time day = from; day < to; day += days(1)) {
      const Date date{std::chrono::local_days(std::chrono::floor<days>(day.time_since_epoch()))};
      if (made.date_matches(date)) ticks.insert(day + 5h + 7min);
    }
    asked += check(made, nullptr, ticks, from, to, maker);
  }
  CHECK(asked > 5000);
}

}  // namespace batuta
