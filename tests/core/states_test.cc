#include "scheduler/core/states.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

namespace batuta {
namespace {

constexpr TaskState all_states[] = {TaskState::none,
                                    TaskState::scheduled,
                                    TaskState::queued,
                                    TaskState::running,
                                    TaskState::publishing,
                                    TaskState::success,
                                    TaskState::failed,
                                    TaskState::up_for_retry,
                                    TaskState::upstream_failed,
                                    TaskState::skipped,
                                    TaskState::removed,
                                    TaskState::deferred,
                                    TaskState::up_for_reschedule};
constexpr int cause_count = static_cast<int>(Cause::delay_over) + 1;

TEST_CASE("every state's name reads back as itself") {
  for (const TaskState s : all_states) CHECK(parse_task_state(to_string(s)) == s);
  for (const DagRunState s :
       {DagRunState::queued, DagRunState::running, DagRunState::success, DagRunState::failed}) {
    CHECK(parse_run_state(to_string(s)) == s);
  }
  CHECK(!parse_task_state("Success"));
  CHECK(!parse_run_state(""));
}

TEST_CASE("the API shows publishing as running and none as nothing") {
  CHECK(api_name(TaskState::publishing) == "running");
  CHECK(api_name(TaskState::none).empty());
  CHECK(api_name(TaskState::up_for_retry) == "up_for_retry");
}

TEST_CASE("an ended task moves only when a user clears or marks it") {
  for (const TaskState from : all_states) {
    if (!is_terminal(from)) continue;
    for (int cause = 0; cause < cause_count; ++cause) {
      for (const TaskState to : all_states) {
        if (!transition_allowed(from, static_cast<Cause>(cause), to)) continue;
        CHECK((static_cast<Cause>(cause) == Cause::cleared ||
               static_cast<Cause>(cause) == Cause::marked));
      }
    }
  }
}

TEST_CASE("the only way into queued is a launch, the only way into running a start") {
  for (const TaskState from : all_states) {
    for (int cause = 0; cause < cause_count; ++cause) {
      if (transition_allowed(from, static_cast<Cause>(cause), TaskState::queued)) {
        CHECK((from == TaskState::scheduled && static_cast<Cause>(cause) == Cause::launched));
      }
      if (transition_allowed(from, static_cast<Cause>(cause), TaskState::running)) {
        CHECK((from == TaskState::queued && static_cast<Cause>(cause) == Cause::started));
      }
    }
  }
}

TEST_CASE("publishing cannot be cleared, marked or skipped") {
  for (const TaskState to : all_states) {
    for (const Cause cause : {Cause::cleared, Cause::marked, Cause::skipped, Cause::recalled}) {
      CHECK(!transition_allowed(TaskState::publishing, cause, to));
    }
  }
}

TEST_CASE("every state that is not an end can be left") {
  for (const TaskState from : all_states) {
    bool leads_on = false;
    for (int cause = 0; cause < cause_count; ++cause) {
      for (const TaskState to : all_states) {
        leads_on =
            leads_on || (to != from && transition_allowed(from, static_cast<Cause>(cause), to));
      }
    }
    CHECK(leads_on);
  }
}

}  // namespace
}  // namespace batuta
