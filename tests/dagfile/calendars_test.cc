// "exclude" and "roll" of a DAG: calendars from files, and the ticks that they leave.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "common/safe_json.h"
#include "scheduler/core/backfill.h"
#include "scheduler/core/closed_days.h"
#include "scheduler/dagfile/bag_state.h"
#include "scheduler/dagfile/calendar_file.h"
#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/dagfile/zone.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using TickTexts = std::vector<std::string>;

std::string calendar_dag(const std::string& fields) {
  return R"({"dag_id":"d",)" + fields + R"(,"tasks":[{"task_id":"a","type":"empty"}]})";
}

// The DAG folder `dags` of a bundle, with calendars beside it.
DagFileResult parse_beside(const TempFolder& bundle, const std::string& fields) {
  return parse_dag_file(calendar_dag(fields), "d.json", (bundle.path() / "dags").string(), {});
}

std::string why_refused(const DagFileResult& result) {
  std::string out;
  for (const auto& problem : result.problems) out += problem.text() + "\n";
  return out;
}

TickTexts calendar_ticks(const Dag& dag, const char* after, int count) {
  TickTexts out;
  OptTime at = parse_iso(after);
  for (int i = 0; i < count && at; ++i) {
    at = next_tick(dag.schedule, *at);
    if (at) out.push_back(to_iso(*at));
  }
  return out;
}

Dag dag_beside(const TempFolder& bundle, const std::string& fields) {
  const auto result = parse_beside(bundle, fields);
  REQUIRE_MESSAGE(result.dag, why_refused(result));
  return *result.dag;
}

constexpr const char* b3_calendar = R"({
  "description": "Days without trading",
  "weekdays": ["sat", "sun"],
  "days": [
    {"from": "2026-02-16", "to": "2026-02-17", "name": "Carnaval"},
    "2026-04-03",
    {"date": "04-21", "name": "Tiradentes"},
    {"date": "11-20", "name": "Consciência Negra", "since": 2024},
    {"from": "12-24", "to": "01-01", "name": "the end of the year"}
  ]
})";

}  // namespace

TEST_CASE("a calendar beside the DAG folder closes its days, once and each year") {
  TempFolder bundle;
  bundle.write("calendars/b3.json", b3_calendar);
  const std::string fields = R"("schedule": "0 9 * * *", "exclude": "calendar:b3")";
  const Dag dag = dag_beside(bundle, fields);
  CHECK(calendar_ticks(dag, "2026-02-13T12:00:00Z", 2) ==
        TickTexts{"2026-02-18T09:00:00Z", "2026-02-19T09:00:00Z"});
  CHECK(calendar_ticks(dag, "2026-04-02T12:00:00Z", 1) == TickTexts{"2026-04-06T09:00:00Z"});
  CHECK(calendar_ticks(dag, "2027-04-20T12:00:00Z", 1) == TickTexts{"2027-04-22T09:00:00Z"});
  // Over New Year, 2 January 2027 is a Saturday.
  CHECK(calendar_ticks(dag, "2026-12-23T12:00:00Z", 1) == TickTexts{"2027-01-04T09:00:00Z"});
  CHECK(calendar_ticks(dag, "2023-11-19T12:00:00Z", 1) == TickTexts{"2023-11-20T09:00:00Z"});
  CHECK(calendar_ticks(dag, "2024-11-19T12:00:00Z", 1) == TickTexts{"2024-11-21T09:00:00Z"});
  CHECK(last_tick(dag.schedule, *parse_iso("2027-01-04T08:59:59Z")) ==
        parse_iso("2026-12-23T09:00:00Z"));
  CHECK(describe_schedule(dag) == "At the ticks of 0 9 * * *, not on days of calendar:b3");
  // What the store keeps is the whole version: the folder is not asked again.
  const auto kept = dag_from_canonical(dag.version, dag.canonical_json);
  REQUIRE(kept);
  CHECK(same_ticks(kept->schedule, dag.schedule));
  CHECK(kept->schedule.closed_text == "calendar:b3");
}

TEST_CASE("roll moves a tick to the next or the last open day, and two that meet are one") {
  TempFolder bundle;
  bundle.write("calendars/b3.json", b3_calendar);
  // The last day of each month; 31 January 2026 is a Saturday, 28 February as well.
  const auto monthly = [&](const std::string& roll) {
    return dag_beside(bundle, R"("schedule": "0 18 L * *", "timezone": "America/Sao_Paulo",
        "exclude": ["calendar:b3"], "roll": ")" +
                                  roll + "\"");
  };
  CHECK(calendar_ticks(monthly("previous"), "2026-01-01T00:00:00Z", 2) ==
        TickTexts{"2026-01-30T21:00:00Z", "2026-02-27T21:00:00Z"});
  const Dag next = monthly("next");
  CHECK(calendar_ticks(next, "2026-01-01T00:00:00Z", 3) ==
        TickTexts{"2026-01-02T21:00:00Z", "2026-02-02T21:00:00Z", "2026-03-02T21:00:00Z"});
  CHECK(last_tick(next.schedule, *parse_iso("2026-03-02T20:59:59Z")) ==
        parse_iso("2026-02-02T21:00:00Z"));
  CHECK(describe_schedule(next) ==
        "At the ticks of 0 18 L * *, those on days of calendar:b3 on the next open day");
  const Dag daily =
      dag_beside(bundle, R"("schedule": "0 9 * * *", "exclude": "calendar:b3", "roll": "next")");
  CHECK(calendar_ticks(daily, "2026-02-13T12:00:00Z", 2) ==
        TickTexts{"2026-02-18T09:00:00Z", "2026-02-19T09:00:00Z"});
  const Dag dates = dag_beside(bundle, R"("schedule": {"dates": ["2026-02-14T10:00:00Z",
      "2026-02-16T08:00:00Z", "2026-02-18T09:00:00Z"]}, "exclude": "calendar:b3", "roll": "next")");
  CHECK(calendar_ticks(dates, "2026-01-01T00:00:00Z", 4) ==
        TickTexts{"2026-02-18T08:00:00Z", "2026-02-18T09:00:00Z", "2026-02-18T10:00:00Z"});
}

TEST_CASE("days over New Year hold 29 February where they reach so far, and end where they say") {
  const TempFolder bundle;
  const auto after = [&](const char* to, const char* from) {
    return calendar_ticks(dag_beside(bundle, R"("schedule": "@daily", "exclude": {"days": [{"from":
        "12-20", "since": 2026, "to": ")" + std::string(to) +
                                                 "\"}]}"),
                          from, 1);
  };
  CHECK(after("03-05", "2027-12-19T12:00:00Z") == TickTexts{"2028-03-06T00:00:00Z"});
  CHECK(after("02-29", "2027-12-19T12:00:00Z") == TickTexts{"2028-03-01T00:00:00Z"});
  CHECK(after("02-29", "2026-12-19T12:00:00Z") == TickTexts{"2027-03-01T00:00:00Z"});
  CHECK(after("02-29", "2026-01-14T12:00:00Z") == TickTexts{"2026-01-15T00:00:00Z"});
}

TEST_CASE("catch-up has the tick of a first date that rolls back before it") {
  const TempFolder bundle;
  const Dag dag = dag_beside(bundle, R"("schedule": {"dates": ["2026-02-14T10:00:00Z",
      "2026-02-18T10:00:00Z"]}, "exclude": "weekend", "roll": "previous", "catchup": true)");
  const auto first = upcoming_run(dag, std::nullopt, *parse_iso("2026-03-01T00:00:00Z"));
  REQUIRE(first);
  CHECK(to_iso(first->logical_date) == "2026-02-13T10:00:00Z");
}

TEST_CASE("an event's name that is too long is cut between letters, one that is no UTF-8 refused") {
  TempFolder bundle;
  const auto write = [&](const std::string& name) {
    bundle.write("calendars/x.ics",
                 "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260310\nSUMMARY:" + name +
                     "\nEND:VEVENT\nEND:VCALENDAR\n");
    return parse_beside(bundle, R"("schedule": "@daily", "exclude": "calendar:x")");
  };
  std::string accents;
  for (int i = 0; i < 130; ++i) accents += "\xC3\xA7";
  for (const std::string before : {"", "a"}) {
    const auto read = write(before + accents);
    REQUIRE_MESSAGE(read.dag, why_refused(read));
    CHECK(dag_from_canonical(read.dag->version, read.dag->canonical_json));
    CHECK(read.dag->canonical_json.find("\xC3\xA7…\"") != std::string::npos);
  }
  // Lines may be parted within a letter.
  CHECK(write("Consci\xC3\n \xAAncia").dag);
  const auto latin = write("Consci\xEAncia");
  CHECK_FALSE(latin.dag);
  CHECK(why_refused(latin).find("line 4: SUMMARY: byte 7 is no text in utf-8: save") !=
        std::string::npos);
}

TEST_CASE("an iCalendar file is a calendar: whole days, once or each year, and nothing guessed") {
  TempFolder bundle;
  bundle.write("calendars/feriados.ics",
               "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTIMEZONE\r\nTZID:X\r\nBEGIN:STANDARD\r\n"
               "DTSTART:19700101T000000\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\n"
               "END:STANDARD\r\nEND:VTIMEZONE\r\n"
               "BEGIN:VEVENT\r\nUID:1\r\nSUMMARY:Carnaval\\, segunda\r\n e terça\r\n"
               "DTSTART;VALUE=DATE:20260216\r\nDTEND;VALUE=DATE:20260218\r\n"
               "BEGIN:VALARM\r\nTRIGGER:-PT15M\r\nDURATION:PT5M\r\nEND:VALARM\r\nEND:VEVENT\r\n"
               "BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:20201225\r\n"
               "RRULE:FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=25\r\nEND:VEVENT\r\n"
               "BEGIN:VEVENT\r\nUID:3\r\nDTSTART;VALUE=DATE:20240907\r\nDURATION:P1D\r\n"
               "RRULE:FREQ=YEARLY;COUNT=3\r\nEND:VEVENT\r\n"
               "BEGIN:VEVENT\r\nUID:4\r\nSTATUS:CANCELLED\r\nDTSTART;VALUE=DATE:20260310\r\n"
               "END:VEVENT\r\nEND:VCALENDAR\r\n");
  const Dag dag = dag_beside(bundle, R"("schedule": "@daily", "exclude": "calendar:feriados")");
  CHECK(calendar_ticks(dag, "2026-02-15T12:00:00Z", 1) == TickTexts{"2026-02-18T00:00:00Z"});
  CHECK(calendar_ticks(dag, "2019-12-24T12:00:00Z", 1) == TickTexts{"2019-12-25T00:00:00Z"});
  CHECK(calendar_ticks(dag, "2031-12-24T12:00:00Z", 1) == TickTexts{"2031-12-26T00:00:00Z"});
  CHECK(calendar_ticks(dag, "2026-09-06T12:00:00Z", 1) == TickTexts{"2026-09-08T00:00:00Z"});
  CHECK(calendar_ticks(dag, "2027-09-06T12:00:00Z", 1) == TickTexts{"2027-09-07T00:00:00Z"});
  CHECK(calendar_ticks(dag, "2026-03-09T12:00:00Z", 1) == TickTexts{"2026-03-10T00:00:00Z"});
  const auto kept = parse_untrusted(dag.canonical_json);
  REQUIRE(kept);
  CHECK((*kept)["exclude"]["days"][0]["name"] == "Carnaval, segundae terça");
  const std::vector<std::pair<std::string, std::string>> refused = {
      {"DTSTART:20260310T090000Z", "line 3: DTSTART must be a whole day"},
      {"DTSTART;VALUE=DATE:20260310\nRRULE:FREQ=YEARLY;BYDAY=2MO",
       "RRULE with BYDAY=2MO is not read"},
      {"DTSTART;VALUE=DATE:20260310\nRRULE:FREQ=WEEKLY", "RRULE with FREQ=WEEKLY is not read"},
      {"DTSTART;VALUE=DATE:20260310\nEXDATE;VALUE=DATE:20270310", "EXDATE is not read"},
      {"DTSTART;VALUE=DATE:20260310\nDTEND;VALUE=DATE:20260310", "DTEND is the day after the last"},
      {"SUMMARY:nothing", "an event without DTSTART is no day"}};
  for (const auto& one : refused) {
    const std::string &event = one.first, &why = one.second;
    CAPTURE(event);
    bundle.write("calendars/bad.ics",
                 "BEGIN:VCALENDAR\nBEGIN:VEVENT\n" + event + "\nEND:VEVENT\nEND:VCALENDAR\n");
    const auto told =
        why_refused(parse_beside(bundle, R"("schedule":"@daily","exclude":"calendar:bad")"));
    CHECK_MESSAGE(told.find("/exclude: calendars/bad.ics") != told.npos, told);
    CHECK_MESSAGE(told.find(why) != told.npos, told);
  }
}

TEST_CASE("what is no calendar is refused with what to write, and an unknown one with near names") {
  TempFolder bundle;
  bundle.write("calendars/b3.json", b3_calendar);
  bundle.write("calendars/twice.json", b3_calendar);
  bundle.write("calendars/twice.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n");
  bundle.write("calendars/empty.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n");
  bundle.write("calendars/text.ics", "hello");
  bundle.write("calendars/bad.json", R"({"days": ["2026-02-30", {"date": "12-25", "form": 1}]})");
  const std::vector<std::pair<std::string, std::string>> refused = {
      {R"("schedule":"@daily","exclude":"calendar:b4")",
       R"(/exclude: there is no calendar "b4"; did you mean "b3"?: it is the file calendars/b4)"},
      {R"("schedule":"@daily","exclude":["weekend","b3"])", "/exclude/1: \"b3\" excludes nothing"},
      {R"("schedule":"@daily","exclude":"calendar:../../etc/passwd")", "names no calendar"},
      {R"("schedule":"@daily","exclude":"calendar:twice")", "keep one of them"},
      {R"("schedule":"@daily","exclude":"calendar:empty")", "there is no event (VEVENT) in it"},
      {R"("schedule":"@daily","exclude":"calendar:text")", "begins with BEGIN:VCALENDAR"},
      {R"("schedule":"@daily","exclude":"calendar:bad")",
       "/exclude: calendars/bad.json /days/0: \"2026-02-30\" is no day"},
      {R"("schedule":"@daily","exclude":"calendar:bad")", "unknown field \"form\""},
      {R"("schedule":"@daily","exclude":{"calendar":"b3"})", "that of a file is named"},
      {R"("schedule":"@daily","exclude":{"days":[{"from":"2026-03-10"}]})", "\"from\" and \"to\""},
      {R"("schedule":"@daily","exclude":{"days":[{"date":"2026-03-10","since":2020}]})",
       "years of a date that comes each year"},
      {R"("schedule":"@daily","exclude":{"weekdays":["lunes"]})", "is no day of the week"},
      {R"("schedule":"@daily","exclude":{"weekdays":["sun","mon","tue","wed","thu","fri","sat"]})",
       "too few days are left"},
      {R"("schedule":"0 0 25 12 *","exclude":{"days":["12-25"]})",
       "no tick of the schedule is left"},
      {R"("schedule":"@daily","exclude":{"days":[{"date":"12-25","since":2030,"until":2020}]})",
       "would be closed in no year"},
      {R"("schedule":{"dates":["soon"]},"exclude":"weekend")", "is not a time with its zone"},
      {R"("schedule":"@daily","exclude":"weekend","roll":"back")", "roll must be"},
      {R"("schedule":"@daily","roll":"next")", "what \"exclude\" names"},
      {R"("schedule":"@once","exclude":"weekend")", "exclude needs a \"schedule\""},
      {R"("schedule":null,"exclude":"weekend")", "exclude needs a \"schedule\""},
      {R"("schedule":"@continuous","max_active_runs":1,"exclude":"weekend","roll":"next")",
       "leave roll out"}};
  for (const auto& one : refused) {
    const std::string &fields = one.first, &why = one.second;
    CAPTURE(fields);
    const auto result = parse_beside(bundle, fields);
    CHECK_FALSE(result.dag);
    const auto told = why_refused(result);
    CHECK_MESSAGE(told.find(why) != told.npos, told);
  }
  dag_beside(bundle, R"("schedule":"0 0 25 12 *","exclude":{"days":["12-25"]},"roll":"previous")");
}

TEST_CASE("a saved calendar makes a new version of the DAGs that name it, a broken one none") {
  TempFolder bundle;
  bundle.write("dags/d.json", calendar_dag(R"("schedule": "@daily", "exclude": "calendar:b3")"));
  bundle.write("dags/other.json", small_dag("other"));
  BagState bag((bundle.path() / "dags").string());
  const auto scan = [&] { return bag.scan(read_clock().wall + std::chrono::seconds(10)); };
  CHECK(scan().snapshot->import_errors.size() == 1);
  bundle.write("calendars/b3.json", b3_calendar);
  const auto found = scan();
  REQUIRE(found.changed.size() == 1);
  const std::string version = found.changed[0]->version;
  CHECK(std::find(found.outside.begin(), found.outside.end(),
                  (bundle.path() / "calendars").string()) != found.outside.end());
  bundle.write("calendars/b3.json", R"({"days": ["2026-03-10"]})");
  const auto edited = scan();
  REQUIRE(edited.changed.size() == 1);
  CHECK(edited.changed[0]->id == "d");
  CHECK(edited.changed[0]->version != version);
  CHECK_FALSE(same_ticks(edited.changed[0]->schedule, found.changed[0]->schedule));
  bundle.write("calendars/b3.json", R"({"days": [)");
  const auto broken = scan();
  CHECK(broken.changed.empty());
  CHECK(broken.snapshot->dags.contains("d"));
  CHECK(broken.snapshot->import_errors.size() == 1);
  fs::remove(bundle.path() / "calendars/b3.json");
  CHECK(scan().gone.empty());
}

// ---- the ticks that are left, against a naive list ----------------------------------------------

namespace {

struct ScheduleDraw {
  std::mt19937 random;
  int number(int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(random);
  }
  Timetable timetable() {
    static const char* const crons[] = {"0 9 * * *",    "30 2 * * *",          "*/30 * * * *",
                                        "0 18 L * *",   "15 0,12 * * mon-fri", "0 0 1,15 * *",
                                        "59 23 * * sat"};
    static const char* const zones[] = {"UTC", "America/Sao_Paulo", "Europe/Berlin",
                                        "Australia/Lord_Howe"};
    Timetable out;
    const char* const zone = zones[number(0, 3)];
    if (!is_utc(zone)) out.zone = find_zone(zone);
    switch (number(0, 3)) {
      case 0:
        out.kind = Timetable::Kind::interval;
        out.every = std::chrono::minutes(number(50, 3000));
        out.anchor = *parse_iso("2026-01-01T00:07:00Z");
        break;
      case 1:
        out.kind = Timetable::Kind::dates;
        for (int day = 0; day < 400; day += number(1, 4)) {
          out.dates.push_back(*parse_iso("2026-01-01T01:00:00Z") + days(day) +
                              std::chrono::minutes(number(0, 1380)));
        }
        break;
      default:
        out.kind = Timetable::Kind::cron;
        out.cron = *parse_cron(crons[number(0, 6)]);
        if (number(0, 1) == 1) out.more_crons.push_back(*parse_cron(crons[number(0, 6)]));
    }
    return out;
  }
  ClosedDays closed() {
    ClosedDays out;
    if (number(0, 2) > 0) out.weekdays = number(0, 1) == 0 ? 0x41 : 0x20;
    const auto first = std::chrono::local_days(std::chrono::year(2026) / 1 / 1);
    for (int i = number(0, 25); i > 0; --i) {
      const auto from = first + days(number(0, 420));
      out.ranges.push_back({from, from + days(number(0, 6))});
    }
    for (int i = number(0, 3); i > 0; --i) {
      ClosedYearly one;
      one.month = static_cast<std::uint8_t>(number(1, 12));
      one.day = static_cast<std::uint8_t>(number(1, 28));
      out.yearly.push_back(one);
    }
    out.roll = static_cast<ClosedDays::Roll>(number(0, 2));
    put_in_order(out);
    return out;
  }
};

std::chrono::local_time<Duration> local_reading(const Timetable& timetable, Time t) {
  const auto offset = timetable.zone ? timetable.zone->offset_at(t) : std::chrono::seconds(0);
  return std::chrono::local_time<Duration>(t.time_since_epoch() + offset);
}

// Each plain tick by itself: kept, dropped, or moved day by day.
std::set<Time> naive_ticks(const Timetable& plain, const ClosedDays& closed, Time from, Time to) {
  std::set<Time> out;
  for (OptTime tick = next_tick(plain, from); tick && *tick < to; tick = next_tick(plain, *tick)) {
    const auto reading = local_reading(plain, *tick);
    const auto day = std::chrono::floor<days>(reading);
    auto open = day;
    while (is_closed(closed, open) && closed.roll != ClosedDays::Roll::none) {
      open += closed.roll == ClosedDays::Roll::next ? days(1) : days(-1);
    }
    if (is_closed(closed, open)) continue;
    if (open == day) {
      out.insert(*tick);
      continue;
    }
    const auto moved = reading + (open - day);
    if (!plain.zone) {
      out.insert(Time(moved.time_since_epoch()));
      continue;
    }
    const auto at = plain.zone->from_local(moved);
    out.insert(at.count == 0 ? at.unchanged : at.at[static_cast<std::size_t>(at.count) - 1]);
  }
  return out;
}

}  // namespace

TEST_CASE("the ticks of an excluded schedule are the plain one's less the closed days, or moved") {
  const Time first = *parse_iso("2026-02-15T00:00:00Z"), last = *parse_iso("2026-05-15T00:00:00Z");
  for (unsigned seed = 0; seed < 150; ++seed) {
    CAPTURE(seed);
    ScheduleDraw draw{std::mt19937(seed)};
    const Timetable plain = draw.timetable();
    const ClosedDays closed = draw.closed();
    Timetable timetable = plain;
    timetable.closed = std::make_shared<ClosedDays>(closed);
    // What is moved into the window comes from days around it.
    const auto all = naive_ticks(plain, closed, first - days(40), last + days(40));
    std::vector<Time> expected;
    for (const Time t : all) {
      if (t > first && t <= last) expected.push_back(t);
    }
    std::vector<Time> forward, backward;
    for (OptTime t = next_tick(timetable, first); t && *t <= last; t = next_tick(timetable, *t)) {
      forward.push_back(*t);
      if (forward.size() > expected.size()) break;
    }
    for (OptTime t = last_tick(timetable, last); t && *t > first;
         t = last_tick(timetable, *t - least_time)) {
      backward.insert(backward.begin(), *t);
      if (backward.size() > expected.size()) break;
    }
    CHECK(forward == expected);
    CHECK(backward == expected);
  }
}

TEST_CASE("a backfill, catch-up and the preview speak of the same ticks") {
  TempFolder bundle;
  bundle.write("calendars/b3.json", b3_calendar);
  const Dag dag = dag_beside(bundle, R"("schedule": "0 9 * * *", "exclude": "calendar:b3",
      "start_date": "2026-02-12T00:00:00Z", "catchup": true)");
  BackfillRow backfill;
  backfill.from_date = *parse_iso("2026-02-12T00:00:00Z");
  backfill.to_date = *parse_iso("2026-02-20T00:00:00Z");
  const Time now = *parse_iso("2026-03-01T00:00:00Z");
  REQUIRE(check_backfill(dag, backfill, now));
  CHECK(backfill.ticks == 4);  // 12, 13, 18 and 19 February
  OptTime handled = backfill.from_date - least_time;
  for (auto tick = next_backfill_tick(dag, backfill); tick;
       tick = backfill_tick_after(dag, backfill, tick->logical_date)) {
    const auto upcoming = upcoming_run(dag, handled, now);
    REQUIRE(upcoming);
    CHECK(upcoming->logical_date == tick->logical_date);
    handled = tick->logical_date;
  }
}

}  // namespace batuta
