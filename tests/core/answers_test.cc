// Questions to people: one answer, or the default when the time is over, and what follows from it.
#include "scheduler/core/explain.h"
#include "tests/core/support.h"

namespace batuta::testing {
namespace {

// ask waits for people; next and last follow, last whatever comes.
struct Asking {
  explicit Asking(const std::function<void(Task&)>& change = {}) {
    world.add(DagMaker("dag")
                  .task("ask", {},
                        [&](Task& t) {
                          t.is_resolved = true;
                          t.plugin = "approval";
                          if (change) change(t);
                        })
                  .task("next", {"ask"}, [](Task& t) { t.plugin = "empty"; })
                  .task("last", {"next"},
                        [](Task& t) {
                          t.plugin = "empty";
                          t.trigger_rule = TriggerRule::all_done;
                        })
                  .make());
    run = world.trigger("dag");
  }
  Effects ask(Duration timeout = {}, std::vector<std::string> defaults = {},
              OnReject on_reject = OnReject::skip_next) {
    REQUIRE(world.last.resolutions.size() == 1);
    Resolution what;
    what.kind = Resolution::Kind::wait;
    what.wait.kind = WaitKind::answer;
    what.wait.about = "an answer to \"Deploy?\"";
    if (timeout > Duration{}) what.wait.deadline = world.now.wall + timeout;
    QuestionRow& question = what.question.emplace();
    question.subject = subject;
    question.body = "to *production*";
    question.options = {approve_option, reject_option};
    question.defaults = std::move(defaults);
    question.default_input_json = R"({"note":"none"})";
    question.on_reject = on_reject;
    return world.tell(TaskResolved{run, world.last.resolutions[0].instance, std::move(what)});
  }
  QuestionAnswered answer(const std::string& option) const {
    QuestionAnswered event;
    event.request = 7;
    event.key = world.row(run, "ask").key();
    event.try_number = world.row(run, "ask").try_number;
    event.chosen_options = {option};
    event.params_input_json = R"({"note":"go"})";
    event.user = "ana";
    return event;
  }
  TaskState state(const char* task = "ask") const { return world.state_of(run, task); }
  std::string result() const { return world.ledger.xcoms.at(world.row(run, "ask").key()); }
  const AnswerRow& kept(std::int32_t try_number = 1) const {
    return world.ledger.answers.at({world.row(run, "ask").key(), try_number});
  }
  bool told(AlertOn on, const std::string& text) const {
    for (const AlertEffect& alert : world.alerts) {
      if (alert.on == on && alert.reason.find(text) != std::string::npos) return true;
    }
    return false;
  }

  World world;
  RunSeq run{};
  std::string subject = "Deploy?";
};

void notify(Task& task) {
  for (const AlertOn on : {AlertOn::input_required, AlertOn::timeout}) {
    task.notifiers.push_back({on, std::string(to_string(on))});
  }
}

}  // namespace

TEST_CASE("a question is kept, told and waited for without a slot, also over a restart") {
  Asking a(notify);
  a.ask(1h);
  CHECK(a.state() == TaskState::deferred);
  CHECK(a.told(AlertOn::input_required, "Deploy?"));
  const QuestionRow& kept = a.world.ledger.questions.at({a.world.row(a.run, "ask").key(), 1});
  CHECK(kept.body == "to *production*");
  CHECK(kept.created_at == a.world.now.wall);
  CHECK(kept.deadline == a.world.now.wall + 1h);
  a.world.restart();
  const auto reasons = explain(a.world.state, a.world.row(a.run, "ask").key(), a.world.now);
  REQUIRE(reasons.size() == 1);
  CHECK(reasons[0].reason.find("an answer to \"Deploy?\"") != std::string::npos);
  CHECK(a.world.ask(a.answer(approve_option)).code == Errc::ok);
  CHECK(a.state() == TaskState::success);
}

TEST_CASE("the question is told whole, however long it is") {
  Asking a(notify);
  a.subject = std::string(999, 'x') + "?";
  a.ask(1h);
  CHECK(a.told(AlertOn::input_required, a.subject));
}

TEST_CASE("an answer is kept with who gave it, becomes the result, and what follows goes on") {
  Asking a;
  a.ask();
  const Reply reply = a.world.ask(a.answer(approve_option));
  REQUIRE(reply.answer);
  CHECK(reply.answer->responded_at == a.world.now.wall);
  CHECK(a.state() == TaskState::success);
  CHECK(a.state("next") == TaskState::success);
  CHECK(a.kept().responded_by == "ana");
  CHECK(a.result() ==
        R"({"chosen_options":["Approve"],"params_input":{"note":"go"},"responded_at":")" +
            to_iso(a.world.now.wall) + R"(","responded_by_user":{"id":"ana","name":"ana"}})");
  const EventLogRow& event = a.world.ledger.events.back();
  CHECK(event.event == "answer");
  CHECK(event.owner == "ana");
  CHECK(event.task_id == "ask");
  CHECK(event.extra_json.find(R"("chosen_options":["Approve"])") != std::string::npos);
}

TEST_CASE("a second answer changes nothing and is refused") {
  Asking a;
  a.ask();
  a.world.tell(a.answer(approve_option));
  const Reply second = a.world.ask(a.answer(reject_option));
  CHECK(second.code == Errc::conflict);
  CHECK(a.kept().chosen_options == std::vector<std::string>{approve_option});
  CHECK(a.state("next") == TaskState::success);
  SUBCASE("both in one step") {
    Asking b;
    b.ask();
    b.world.step({b.answer(approve_option), b.answer(reject_option)});
    CHECK(b.kept().chosen_options == std::vector<std::string>{approve_option});
  }
  SUBCASE("of a run that is gone from memory, or never was") {
    QuestionAnswered stranger = a.answer(approve_option);
    stranger.key.run = RunSeq{99};
    CHECK(a.world.ask(stranger).code == Errc::conflict);
  }
}

TEST_CASE("a rejection skips what follows directly, or all of it, or fails for good") {
  Asking a([](Task& t) { t.retry.retries = 2; });
  SUBCASE("directly: the rest goes by its rules") {
    a.ask();
    a.world.tell(a.answer(reject_option));
    CHECK(a.state() == TaskState::success);
    CHECK(a.state("next") == TaskState::skipped);
    CHECK(a.state("last") == TaskState::success);
  }
  SUBCASE("all of it") {
    a.ask({}, {}, OnReject::skip_all);
    a.world.tell(a.answer(reject_option));
    CHECK(a.state("next") == TaskState::skipped);
    CHECK(a.state("last") == TaskState::skipped);
    CHECK(a.world.run_state(a.run) == DagRunState::success);
  }
  SUBCASE("it fails, and nobody is asked again") {
    a.ask({}, {}, OnReject::fail);
    CHECK(a.world.ask(a.answer(reject_option)).code == Errc::ok);
    CHECK(a.state() == TaskState::failed);
    CHECK(a.world.row(a.run, "ask").reason == "rejected by ana");
    CHECK(a.kept().chosen_options == std::vector<std::string>{reject_option});
    CHECK(a.state("next") == TaskState::upstream_failed);
  }
  SUBCASE("an option of that name of an input task is an answer like others") {
    a.ask({}, {}, OnReject::nothing);
    a.world.tell(a.answer(reject_option));
    CHECK(a.state("next") == TaskState::success);
  }
}

TEST_CASE("when the time is over the default is the answer, of nobody") {
  Asking a(notify);
  a.ask(10min, {reject_option});
  a.world.live(10min - 1s);
  CHECK(a.state() == TaskState::deferred);
  a.world.live(1s);
  CHECK(a.state() == TaskState::success);
  CHECK(a.state("next") == TaskState::skipped);
  CHECK(a.kept().responded_by.empty());
  CHECK(a.kept().params_input_json == R"({"note":"none"})");
  CHECK(a.result().ends_with(R"("responded_by_user":null})"));
  CHECK(a.told(AlertOn::timeout, "its default was taken"));
  CHECK(a.world.ledger.events.back().event == "answer_by_default");
  CHECK(a.world.ask(a.answer(approve_option)).code == Errc::conflict);
}

TEST_CASE("an answer that comes with the end of its time is taken, and it alone") {
  Asking a;
  a.ask(10min, {reject_option});
  a.world.pass(10min);
  CHECK(a.world.ask(a.answer(approve_option)).code == Errc::ok);
  CHECK(a.kept().responded_by == "ana");
  CHECK(a.world.ledger.answers.size() == 1);
  CHECK(a.state("next") == TaskState::success);
}

TEST_CASE("without a default the task fails when nobody answers, and its next try asks anew") {
  Asking a([](Task& t) {
    notify(t);
    t.retry.retries = 1;
    t.retry.delay = 1min;
  });
  a.ask(10min);
  const QuestionAnswered first = a.answer(approve_option);
  a.world.live(10min);
  CHECK(a.state() == TaskState::up_for_retry);
  CHECK(a.told(AlertOn::timeout, "nobody answered"));
  a.world.restart();
  a.world.live(1min);
  a.ask(10min);
  CHECK(a.state() == TaskState::deferred);
  CHECK(a.world.ask(first).code == Errc::conflict);
  a.world.restart();
  a.world.live(10min - 1s);
  CHECK(a.state() == TaskState::deferred);  // the whole time again
  CHECK(a.world.ask(a.answer(approve_option)).code == Errc::ok);
  CHECK(a.kept(2).responded_by == "ana");
  CHECK(a.world.ledger.answers.size() == 1);
}

TEST_CASE("what is marked, cleared, or ends with its run waits for no answer any more") {
  Asking a;
  a.ask();
  const QuestionAnswered first = a.answer(approve_option);
  const std::string run_id = a.world.state.run(a.run)->run.dag_run_id;
  SUBCASE("marked") {
    MarkRequested mark;
    mark.dag_id = "dag";
    mark.dag_run_id = run_id;
    mark.task_id = "ask";
    mark.state = TaskState::failed;
    a.world.tell(mark);
    CHECK(a.state() == TaskState::failed);
  }
  SUBCASE("cleared: it asks again") {
    ClearRequested clear;
    clear.dag_id = "dag";
    clear.dag_run_id = run_id;
    clear.only_failed = false;
    clear.dry_run = false;
    a.world.tell(clear);
    a.ask();
    CHECK(a.state() == TaskState::deferred);
    CHECK(a.world.ledger.questions.size() == 2);
  }
  SUBCASE("its run is failed") {
    RunStateRequested end;
    end.dag_id = "dag";
    end.dag_run_id = run_id;
    end.state = DagRunState::failed;
    a.world.tell(end);
    CHECK(a.state() == TaskState::failed);
  }
  CHECK(a.world.ask(first).code == Errc::conflict);
  CHECK(a.world.ledger.answers.empty());
}

}  // namespace batuta::testing
