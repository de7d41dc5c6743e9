#include <doctest/doctest.h>

#include "scheduler/core/timetable.h"
#include "tests/core/support.h"

namespace batuta {
namespace {

using testing::at;
using namespace std::chrono_literals;

// New York's rules of 2026: forward on 8 March at 07:00Z, back on 1 November at 06:00Z.
class NewYork2026 : public Zone {
 public:
  std::chrono::seconds offset_at(Time t) const override {
    return t >= forward_ && t < back_ ? -4h : -5h;
  }
  Instants from_local(std::chrono::local_time<Duration> local) const override {
    Instants found;
    found.unchanged = Time(local.time_since_epoch()) + 5h;
    for (const std::chrono::hours offset : {-4h, -5h}) {
      const Time t = Time(local.time_since_epoch()) - offset;
      if (offset_at(t) == offset) found.at[static_cast<std::size_t>(found.count++)] = t;
    }
    return found;
  }

 private:
  const Time forward_ = at("2026-03-08T07:00:00Z");
  const Time back_ = at("2026-11-01T06:00:00Z");
};

Timetable cron(const char* text, bool new_york = false) {
  Timetable timetable;
  timetable.kind = Timetable::Kind::cron;
  const auto parsed = parse_cron(text);
  REQUIRE_MESSAGE(parsed.ok(), text);
  timetable.cron = *parsed;
  if (new_york) timetable.zone = std::make_shared<NewYork2026>();
  return timetable;
}

std::string next(const char* text, const char* from, bool new_york = false) {
  const OptTime tick = next_tick(cron(text, new_york), at(from));
  return tick ? to_iso(*tick) : "never";
}
std::string last(const char* text, const char* from, bool new_york = false) {
  const OptTime tick = last_tick(cron(text, new_york), at(from));
  return tick ? to_iso(*tick) : "never";
}

TEST_CASE("presets are what Airflow says they are") {
  CHECK(next("@hourly", "2026-03-10T12:00:00Z") == "2026-03-10T13:00:00Z");
  CHECK(next("@daily", "2026-03-10T12:00:00Z") == "2026-03-11T00:00:00Z");
  CHECK(next("@midnight", "2026-03-10T12:00:00Z") == "2026-03-11T00:00:00Z");
  CHECK(next("@weekly", "2026-03-10T12:00:00Z") == "2026-03-15T00:00:00Z");
  CHECK(next("@monthly", "2026-03-10T12:00:00Z") == "2026-04-01T00:00:00Z");
  CHECK(next("@quarterly", "2026-03-10T12:00:00Z") == "2026-04-01T00:00:00Z");
  CHECK(next("@yearly", "2026-03-10T12:00:00Z") == "2027-01-01T00:00:00Z");
  CHECK(next("@annually", "2026-03-10T12:00:00Z") == "2027-01-01T00:00:00Z");
}

TEST_CASE("lists, ranges, steps and names") {
  CHECK(next("*/15 * * * *", "2026-03-10T12:01:00Z") == "2026-03-10T12:15:00Z");
  CHECK(next("5/20 * * * *", "2026-03-10T12:06:00Z") == "2026-03-10T12:25:00Z");
  CHECK(next("0 9-17/4 * * *", "2026-03-10T14:00:00Z") == "2026-03-10T17:00:00Z");
  CHECK(next("0 0 1 JAN,jul *", "2026-03-10T14:00:00Z") == "2026-07-01T00:00:00Z");
  CHECK(next("30 6 * * MON-FRI", "2026-03-13T07:00:00Z") == "2026-03-16T06:30:00Z");
  CHECK(next("0 0 ? * SUN", "2026-03-10T00:00:00Z") == "2026-03-15T00:00:00Z");
  CHECK(next("  0   0\t* * *  ", "2026-03-10T00:00:00Z") == "2026-03-11T00:00:00Z");
}

TEST_CASE("7 is Sunday too, and a range may end on it") {
  CHECK(next("0 0 * * 7", "2026-03-10T00:00:00Z") == "2026-03-15T00:00:00Z");
  CHECK(next("0 0 * * 6-7", "2026-03-10T00:00:00Z") == "2026-03-14T00:00:00Z");
  CHECK(next("0 0 * * FRI-SUN", "2026-03-14T00:00:00Z") == "2026-03-15T00:00:00Z");
}

TEST_CASE("day of month and day of week, both given, mean either") {
  CHECK(next("0 0 13 * FRI", "2026-03-10T00:00:00Z") == "2026-03-13T00:00:00Z");
  CHECK(next("0 0 13 * FRI", "2026-03-13T00:00:00Z") == "2026-03-20T00:00:00Z");
  CHECK(next("0 0 15 * FRI", "2026-03-13T00:00:00Z") == "2026-03-15T00:00:00Z");
}

TEST_CASE("a `*` restricts nothing; all values beside a restriction do, as in Airflow") {
  for (const char* day : {"*", "*,1"}) {
    const std::string text = std::string("0 0 ") + day + " * FRI";
    CHECK(next(text.c_str(), "2026-03-14T00:00:00Z") == "2026-03-20T00:00:00Z");
  }
  for (const char* day : {"1-31", "*/1", "1-15,10-31"}) {  // these days, or Fridays
    const std::string text = std::string("0 0 ") + day + " * FRI";
    CHECK(next(text.c_str(), "2026-03-14T00:00:00Z") == "2026-03-15T00:00:00Z");
  }
  CHECK(next("0 0 13 * *,1", "2026-03-14T00:00:00Z") == "2026-04-13T00:00:00Z");
  CHECK(next("0 0 13 * MON-SUN", "2026-03-14T00:00:00Z") == "2026-03-15T00:00:00Z");
  CHECK(next("0 0 */2 * 0-6", "2026-03-13T12:00:00Z") == "2026-03-15T00:00:00Z");
  CHECK(next("0 0 */2 * FRI", "2026-03-14T00:00:00Z") == "2026-03-15T00:00:00Z");
}

TEST_CASE("ranges go over the end, by name and by number") {
  CHECK(next("0 0 * * sat-mon", "2026-03-10T00:00:00Z") == "2026-03-14T00:00:00Z");
  CHECK(next("0 0 * * sat-mon", "2026-03-15T00:00:00Z") == "2026-03-16T00:00:00Z");
  CHECK(next("0 0 * * sat-mon", "2026-03-16T00:00:00Z") == "2026-03-21T00:00:00Z");
  CHECK(next("0 0 * * 5-1", "2026-03-10T00:00:00Z") == "2026-03-13T00:00:00Z");
  CHECK(next("0 22-3 * * *", "2026-03-10T03:00:00Z") == "2026-03-10T22:00:00Z");
  CHECK(next("50-10/10 * * * *", "2026-03-10T03:00:00Z") == "2026-03-10T03:10:00Z");
  CHECK(next("0 0 1 nov-feb *", "2026-03-10T03:00:00Z") == "2026-11-01T00:00:00Z");
}

TEST_CASE("a sixth field is seconds") {
  CHECK(next("0 9 * * * 30", "2026-03-10T09:00:00Z") == "2026-03-10T09:00:30Z");
  CHECK(next("* * * * * */20", "2026-03-10T09:00:40Z") == "2026-03-10T09:01:00Z");
  CHECK(last("0 9 * * * 15,45", "2026-03-10T09:00:44Z") == "2026-03-10T09:00:15Z");
  CHECK(last("* * * * * *", "2026-03-10T09:00:44.5Z") == "2026-03-10T09:00:44Z");
}

TEST_CASE("the last day, the nearest weekday, the nth and the last weekday of a month") {
  CHECK(next("0 0 L * *", "2026-02-01T00:00:00Z") == "2026-02-28T00:00:00Z");
  CHECK(next("0 0 L-3 * *", "2026-02-01T00:00:00Z") == "2026-02-25T00:00:00Z");
  CHECK(next("0 0 10,L * *", "2026-02-10T00:00:00Z") == "2026-02-28T00:00:00Z");
  CHECK(next("0 0 15W * *", "2026-03-01T00:00:00Z") == "2026-03-16T00:00:00Z");  // of a Sunday
  CHECK(next("0 0 1W 8 *", "2026-07-01T00:00:00Z") == "2026-08-03T00:00:00Z");   // not in July
  CHECK(next("0 0 LW * *", "2026-05-01T00:00:00Z") == "2026-05-29T00:00:00Z");
  CHECK(next("0 0 * * mon#1", "2026-03-10T00:00:00Z") == "2026-04-06T00:00:00Z");
  CHECK(next("0 0 * * L5", "2026-03-10T00:00:00Z") == "2026-03-27T00:00:00Z");
  CHECK(next("0 0 * 2 mon#5", "2026-03-10T00:00:00Z") == "2044-02-29T00:00:00Z");
}

TEST_CASE("what cannot mean what it says is refused, with what to write instead") {
  const auto told = [](const char* text) {
    const auto parsed = parse_cron(text);
    return parsed.ok() ? "taken" : parsed.error().message;
  };
  const auto says = [&](const char* text, const char* part) {
    CHECK_MESSAGE(told(text).find(part) != std::string::npos, told(text));
  };
  says("*/90 * * * *", R"({"every": "90m"})");
  says("0 */25 * * *", R"({"every": "25h"})");
  says("* * * * * */70", R"({"every": "70s"})");
  says("0 0 */40 * *", "at the first of them only");
  says("CRON_TZ=UTC 0 0 * * *", R"("timezone")");
  says("TZ=UTC 0 0 * * *", R"("timezone")");
  says("0 0 1 1 * 0 2027", "start_date and end_date");
  says("0 0 9 * * MON-FRI", "Quartz");
  says("0 0 12 * * ?", "Quartz");
  says("@every 30m", R"({"every": "30m"})");
  says("@reboot", "@once");
  says("0 0 * * mon-mon", "write 'mon'");
  says("5-5 * * * *", "write '5'");
  says("0 0 * * 5L", "`L5`");
  says("0 0 * * mon#6", "`mon#5`");
  says("0 0 13 * fri#2", "list of expressions");
  says("0 0 15W * mon", "list of expressions");
  says("0 0 10-15W * *", "not a range");
}

TEST_CASE("a tick is strictly after, the last one at or before") {
  CHECK(next("0 * * * *", "2026-03-10T12:59:59.999999Z") == "2026-03-10T13:00:00Z");
  CHECK(last("0 * * * *", "2026-03-10T13:00:00Z") == "2026-03-10T13:00:00Z");
  CHECK(last("0 * * * *", "2026-03-10T12:59:59.999999Z") == "2026-03-10T12:00:00Z");
  CHECK(last("0 5 * * *", "2026-03-10T04:59:00Z") == "2026-03-09T05:00:00Z");
}

TEST_CASE("the 29th of February is found over eight years") {
  CHECK(next("0 0 29 2 *", "2026-03-10T00:00:00Z") == "2028-02-29T00:00:00Z");
  CHECK(next("0 0 29 2 *", "2096-02-29T00:00:00Z") == "2104-02-29T00:00:00Z");
  CHECK(last("0 0 29 2 *", "2104-02-28T00:00:00Z") == "2096-02-29T00:00:00Z");
  CHECK(next("* * 29 2 *", "2096-02-29T23:59:00Z") == "2104-02-29T00:00:00Z");
  CHECK(last("* * 29 2 *", "2104-02-28T00:00:00Z") == "2096-02-29T23:59:00Z");
}

TEST_CASE("what can never be, or cannot be read, is refused by field") {
  const auto where = [](const char* text) {
    const auto parsed = parse_cron(text);
    REQUIRE(!parsed.ok());
    return parsed.error().where;
  };
  CHECK(where("0 0 30 2 *") == "day of month");
  CHECK(where("0 0 31 4,6,9,11 *") == "day of month");
  CHECK(where("60 * * * *") == "minute");
  CHECK(where("* 24 * * *") == "hour");
  CHECK(where("* * 0 * *") == "day of month");
  CHECK(where("* * * 13 *") == "month");
  CHECK(where("* * * * 8") == "day of week");
  CHECK(where("*/0 * * * *") == "minute");
  CHECK(where("5-5 * * * *") == "minute");
  CHECK(where("1,, * * * *") == "minute");
  CHECK(where("-1 * * * *") == "minute");
  CHECK(where("99999999999 * * * *") == "minute");
  CHECK(!parse_cron("* * * *").ok());
  CHECK(!parse_cron("* * * * * * *").ok());
  CHECK(!parse_cron("").ok());
  CHECK(!parse_cron("@never").ok());
  CHECK(!parse_cron(std::string(300, '*')).ok());
  CHECK(parse_cron("0 0 30 2 MON").ok());  // Mondays of February
}

TEST_CASE("readings in the spring gap run once, as long after it as the first lies in it") {
  CHECK(next("30 2 * * *", "2026-03-07T08:00:00Z", true) == "2026-03-08T07:30:00Z");
  CHECK(next("30 2 * * *", "2026-03-08T07:30:00Z", true) == "2026-03-09T06:30:00Z");
  CHECK(next("0,30 2 * * *", "2026-03-08T06:59:00Z", true) == "2026-03-08T07:00:00Z");
  CHECK(next("0,30 2 * * *", "2026-03-08T07:00:00Z", true) == "2026-03-09T06:00:00Z");
  CHECK(last("0,30 2 * * *", "2026-03-09T05:00:00Z", true) == "2026-03-08T07:00:00Z");
  CHECK(last("0,30 2 8 3 *", "2026-03-08T06:59:00Z", true) == "2025-03-08T07:30:00Z");
  CHECK(last("30 2 * * *", "2026-03-08T12:00:00Z", true) == "2026-03-08T07:30:00Z");
}

TEST_CASE("a reading in the gap and the one it is moved to are one tick") {
  std::vector<std::string> ticks;
  const Timetable timetable = cron("10,40 1,2,3 * * SUN", true);
  for (OptTime t = next_tick(timetable, at("2026-03-08T00:00:00Z"));
       t && *t < at("2026-03-09T00:00:00Z"); t = next_tick(timetable, *t)) {
    ticks.push_back(to_iso(*t));
    CHECK(last_tick(timetable, *t) == t);
  }
  CHECK(ticks == std::vector<std::string>{"2026-03-08T06:10:00Z", "2026-03-08T06:40:00Z",
                                          "2026-03-08T07:10:00Z", "2026-03-08T07:40:00Z"});
}

TEST_CASE("a reading that comes twice runs the second time") {
  CHECK(next("30 1 * * *", "2026-10-31T12:00:00Z", true) == "2026-11-01T06:30:00Z");
  CHECK(next("30 1 * * *", "2026-11-01T05:30:00Z", true) == "2026-11-01T06:30:00Z");
  CHECK(next("30 1 * * *", "2026-11-01T06:30:00Z", true) == "2026-11-02T06:30:00Z");
  CHECK(last("45 1 * * *", "2026-11-01T06:10:00Z", true) == "2026-10-31T05:45:00Z");
  CHECK(last("45 1 * * *", "2026-11-01T06:50:00Z", true) == "2026-11-01T06:45:00Z");
}

TEST_CASE("an expression of every hour runs in the doubled hour twice, in the lost one never") {
  const Timetable timetable = cron("30 * * * *", true);
  int ticks = 0;
  for (OptTime t = next_tick(timetable, at("2026-11-01T04:00:00Z"));
       t && *t < at("2026-11-02T05:00:00Z"); t = next_tick(timetable, *t)) {
    ++ticks;
  }
  CHECK(ticks == 25);
  CHECK(next("30 * * * *", "2026-03-08T06:30:00Z", true) == "2026-03-08T07:30:00Z");
}

TEST_CASE("every hour of one local day is found to its edges across a clock change") {
  // 8 March has 23 hours in New York: 05:00Z to 04:00Z of the 9th.
  CHECK(next("0 * 8 3 *", "2026-03-01T00:00:00Z", true) == "2026-03-08T05:00:00Z");
  CHECK(last("0 * 8 3 *", "2026-04-01T00:00:00Z", true) == "2026-03-09T03:00:00Z");
  CHECK(next("0 * 2 11 *", "2026-10-15T00:00:00Z", true) == "2026-11-02T05:00:00Z");
}

TEST_CASE("walking ticks forward and backward meets the same ticks") {
  for (const char* text :
       {"*/7 3,4 * * *", "0 0 1,15 * TUE", "13 * * * 1-5", "59 23 31 12 *", "*/7 1-3 * * *"}) {
    for (const bool zone : {false, true}) {
      const Timetable timetable = cron(text, zone);
      Time t = at("2026-02-27T10:11:12Z");
      for (int i = 0; i < 200; ++i) {
        const Time tick = next_tick(timetable, t).value();
        CHECK(tick > t);
        CHECK(last_tick(timetable, tick).value() == tick);
        CHECK(last_tick(timetable, tick - Duration(1)).value() <= t);
        t = tick;
      }
    }
  }
}

TEST_CASE("the slowest expression takes bounded time") {
  const Timetable timetable = cron("* * 29 2 *", true);
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) next_tick(timetable, at("2026-03-01T00:00:00Z"));
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
}

TEST_CASE("a scheduled run covers the time since the tick before") {
  const DataInterval interval =
      next_scheduled(cron("0 6 * * *"), at("2026-03-10T05:00:00Z"))->interval;
  CHECK(to_iso(interval.start) == "2026-03-09T06:00:00Z");
  CHECK(to_iso(interval.end) == "2026-03-10T06:00:00Z");
}

TEST_CASE("a manual run covers the last complete interval, or nothing without a schedule") {
  const DataInterval hour = interval_of_manual(cron("@hourly"), at("2026-03-10T12:34:56Z"));
  CHECK(to_iso(hour.start) == "2026-03-10T11:00:00Z");
  CHECK(to_iso(hour.end) == "2026-03-10T12:00:00Z");
  const DataInterval none = interval_of_manual({}, at("2026-03-10T12:34:56Z"));
  CHECK(none.start == none.end);
  CHECK(to_iso(none.end) == "2026-03-10T12:34:56Z");
}

}  // namespace
}  // namespace batuta
