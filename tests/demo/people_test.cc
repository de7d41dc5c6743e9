#include "scheduler/demo/people.h"

#include <doctest/doctest.h>

#include <map>
#include <set>

namespace batuta::demo {
namespace {

std::vector<PersonEvent> all_events(int days) {
  PeopleOptions options;
  options.people = 60;
  options.days = days;
  options.duplicate_ppm = options.late_ppm = options.bad_ppm = 50'000;
  const People people(options);
  std::vector<PersonEvent> all;
  for (int day = 0; day < days; ++day)
    for (PersonEvent& event : people.events(day)) all.push_back(std::move(event));
  return all;
}

}  // namespace

TEST_CASE("people: more days add events and change none of those before") {
  const auto few = all_events(4), more = all_events(14);
  REQUIRE(few.size() > 20);
  REQUIRE(more.size() > few.size());
  for (std::size_t i = 0; i < few.size(); ++i) CHECK(few[i].json == more[i].json);
}

TEST_CASE("people: nobody is seen before they sign up, and who has moved stays there") {
  std::map<int, std::vector<PersonEvent>> by_user;
  std::set<PersonDefect> defects;
  int repeated = 0, late = 0;
  for (PersonEvent& event : all_events(14)) {
    defects.insert(event.defect);
    repeated += event.repeated;
    late += event.sent_at > event.at;
    if (event.defect == PersonDefect::none && !event.repeated)
      by_user[event.user].push_back(std::move(event));
  }
  CHECK(defects.size() == 5);
  CHECK(repeated > 5);
  CHECK(late > 5);
  CHECK(by_user.size() == 60);
  int moved = 0;
  std::set<std::string> ids;
  for (auto& [user, events] : by_user) {
    std::sort(events.begin(), events.end(),
              [](const PersonEvent& a, const PersonEvent& b) { return a.at < b.at; });
    CHECK(std::string(events.front().type) == "signup");
    for (std::size_t i = 0; i < events.size(); ++i) {
      CHECK(ids.insert(events[i].event_id).second);
      if (i == 0 || events[i].place == events[i - 1].place) continue;
      ++moved;
      CHECK(std::string(events[i].type) == "update");
    }
  }
  CHECK(moved > 5);
}

}  // namespace batuta::demo
