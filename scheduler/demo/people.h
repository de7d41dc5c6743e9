// People who sign up for something, made from a seed: events of the topic users. Everything is a
// function of (seed, what, number), in integers only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/time.h"
#include "scheduler/demo/simulation.h"

namespace batuta::demo {

// Rates are parts per million of the events.
struct PeopleOptions {
  std::uint64_t seed = 42;
  int people = 200;
  std::chrono::sys_days first_day{std::chrono::year(2026) / 3 / 2};
  int days = 5;                          // in each of them a part of the people signs up
  std::uint32_t duplicate_ppm = 20'000;  // sent twice, byte for byte
  std::uint32_t late_ppm = 20'000;       // two hours late
  std::uint32_t bad_ppm = 10'000;        // one more event that no table can hold
};

enum class PersonDefect { none, missing_user, address_without_at, impossible_birth_date, odd_type };

struct PersonEvent {
  std::string event_id;
  int user = 0;
  const char* type = "";  // signup, update, seen, in the order of time
  Time at{};
  int place = 0;       // index of the cities of brokerage.h
  int birth_year = 0;  // of the birth date
  PersonDefect defect = PersonDefect::none;
  bool repeated = false;
  Time sent_at{};
  std::string json;
};

class People {
 public:
  // People at least 1, days 1 to 260.
  explicit People(PeopleOptions options);
  const PeopleOptions& options() const { return options_; }
  std::chrono::sys_days date(int day) const { return options_.first_day + std::chrono::days(day); }
  // What is sent on that day, in an order of its own.
  std::vector<PersonEvent> events(int day) const;

 private:
  std::uint64_t draw(std::uint64_t what, std::initializer_list<std::uint64_t> numbers) const;
  int signs_up_on(int user) const;  // a day; behind the last one: not yet
  PersonEvent event_of(int user, int day, const char* type) const;
  std::string text_of(const PersonEvent& event) const;

  PeopleOptions options_;
};

// The truth manifest, as simulation.h has it.
std::string people_truth(const People& people);

std::unique_ptr<Simulation> make_people(const PeopleOptions& options);

}  // namespace batuta::demo
