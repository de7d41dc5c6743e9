#include "scheduler/serve/clock_trust.h"

#include <doctest/doctest.h>

namespace batuta::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

const Time friday = *parse_iso("2026-11-27T18:00:00Z");
constexpr Duration decade = hours(24 * 3650);

// A machine whose clock is `wrong`, and a server of it that looks each minute.
struct Machine {
  Time real;
  Duration wrong{};
  Boot boot{hours(5)};

  Now now() const { return {real + wrong, boot}; }
  void wait(Duration time) {
    real += time;
    boot = boot + time;
  }
  bool agrees_after(ClockTrust& clock, Duration time) {
    bool agrees = false;
    for (const Boot end = boot + time; boot < end;) {
      wait(minutes(1));
      agrees = clock.look(now()).ok();
    }
    return agrees;
  }
};

TEST_CASE("a server that was off for a night, or is of a new home, believes its clock") {
  Machine machine{friday + hours(14)};
  ClockTrust after_a_night({friday, {}, {}}, machine.now());
  CHECK(after_a_night.look(machine.now()).ok());
  CHECK(after_a_night.seen() == ClockSeen{friday + hours(14), {}, {}});
  CHECK(machine.agrees_after(after_a_night, hours(50)));
  ClockTrust of_a_new_home({}, machine.now());
  CHECK(of_a_new_home.look(machine.now()).ok());
}

TEST_CASE("a clock that was years ahead when the server began is believed once it is set right") {
  Machine machine{friday + hours(1), decade};
  ClockTrust clock({friday, {}, {}}, machine.now());
  const Status doubt = clock.look(machine.now());
  REQUIRE_FALSE(doubt.ok());
  CHECK(doubt.error().code == Errc::conflict);
  CHECK(doubt.error().message.find("2036-11-24T19:00:00Z, far from 2026-11-27T18:00:00Z") !=
        std::string::npos);
  CHECK(doubt.error().message.find("another 24 hours") != std::string::npos);
  CHECK_FALSE(machine.agrees_after(clock, hours(3)));
  machine.wrong = {};
  CHECK(machine.agrees_after(clock, minutes(1)));
  CHECK(clock.seen().agreed == machine.real);
  CHECK_FALSE(clock.seen().doubted);
}

TEST_CASE("a server that was off for long believes its clock after a day of running by it") {
  Machine machine{friday + hours(24 * 30)};
  ClockTrust clock({friday, {}, {}}, machine.now());
  CHECK_FALSE(machine.agrees_after(clock, hours(24)));
  CHECK(machine.agrees_after(clock, minutes(1)));
  CHECK(clock.seen() == ClockSeen{machine.real, {}, {}});
  machine.wrong = hours(2);  // from then on as strict as ever
  CHECK_FALSE(machine.agrees_after(clock, minutes(1)));
}

TEST_CASE("a doubted clock that is set anew is watched anew") {
  Machine machine{friday, decade};
  ClockTrust clock({friday, {}, {}}, machine.now());
  CHECK_FALSE(machine.agrees_after(clock, hours(23)));
  machine.wrong = decade / 2;
  CHECK_FALSE(machine.agrees_after(clock, hours(23)));
  CHECK(machine.agrees_after(clock, hours(2)));
}

TEST_CASE("a doubt goes on over a restart, and over days on which servers run for hours") {
  Machine machine{friday + hours(64)};
  ClockSeen seen{friday, {}, {}};
  int days = 0;
  for (bool agrees = false; !agrees; ++days) {
    REQUIRE(days < 5);
    ClockTrust clock(seen, machine.now());
    agrees = machine.agrees_after(clock, hours(9));
    seen = clock.seen();
    machine.real += hours(15);
    machine.boot = Boot{};
  }
  CHECK(days == 3);
  ClockTrust next(seen, machine.now());
  CHECK(next.look(machine.now()).ok());

  Machine wrong{friday, decade};
  ClockTrust first({friday, {}, {}}, wrong.now());
  CHECK_FALSE(wrong.agrees_after(first, hours(20)));
  wrong.wrong = decade / 2;  // another wrong one begins at nothing
  ClockTrust second(first.seen(), wrong.now());
  CHECK_FALSE(wrong.agrees_after(second, hours(20)));
}

TEST_CASE("a clock that is behind is no harm, and is set on without a doubt") {
  Machine machine{friday + hours(1), -decade};
  ClockTrust clock({friday, {}, {}}, machine.now());
  CHECK(machine.agrees_after(clock, minutes(5)));
  CHECK(clock.seen().agreed == friday);
  machine.wrong = {};
  CHECK(machine.agrees_after(clock, minutes(1)));
  CHECK(clock.seen().agreed == machine.real);
}

TEST_CASE("a clock that is set on under a server is in doubt from an hour on, at whatever pace") {
  Machine machine{friday};
  ClockTrust clock({friday, {}, {}}, machine.now());
  CHECK(machine.agrees_after(clock, minutes(1)));
  machine.wrong = minutes(40);
  CHECK(machine.agrees_after(clock, minutes(1)));
  machine.wrong = minutes(80);
  CHECK_FALSE(machine.agrees_after(clock, minutes(1)));
  machine.wrong = -hours(3);
  CHECK(machine.agrees_after(clock, minutes(1)));
  machine.wrong = {};
  CHECK(machine.agrees_after(clock, minutes(1)));
}

}  // namespace
}  // namespace batuta::test
