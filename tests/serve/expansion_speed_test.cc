// How long the expansion of 5,000 instances takes, with a real store and real templates. A
// measurement, not a check: run it with `build/tests/test_serve -ns -tc='a map of*'`.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdio>
#include <ctime>

#include "scheduler/dagfile/dag_codec.h"
#include "scheduler/engine/turn_loop.h"
#include "scheduler/serve/launch_context.h"
#include "scheduler/store/backend.h"
#include "tests/serve/serve_fixture.h"

using namespace batuta;

namespace {

struct Quiet : TurnDriver, Executor {
  void released(PendingTurn&, const SchedulerState&) override {}
  void unavailable(const std::string&, bool) override {}
  void available(Unsent) override {}
  void fatal(const std::string& why) override { FAIL(why); }
  void launch(WorkerId, Launch launch) override { last = launch.key; }
  void cancel(WorkerId, Cancel) override {}
  void recall(WorkerId, Recall) override {}
  void ack(WorkerId, Ack) override {}
  void drop(WorkerId, const std::string&) override {}
  void drop_all(const std::string&) override {}
  void flush() override {}
  AttemptKey last;
};

const char* const text = R"({"dag_id": "wide", "is_paused_upon_creation": false, "tasks": [
  {"task_id": "list", "type": "mock"},
  {"task_id": "each", "type": "mock", "expand": {"print": "{{ ti.xcom_pull('list') }}"},
   "map_index_template": "no {{ item.print }}", "max_map_length": 5000}]})";

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

}  // namespace

TEST_CASE("a map of 5,000 expands: how long its turns take" * doctest::skip()) {
  Folder folder;
  const auto codec = [](const DagVersionText& v) {
    return dag_from_canonical(v.version, v.canonical_json, v.file, v.source_text);
  };
  const auto backend = open_backend("sqlite:" + folder.path("batuta.db"),
                                    {folder.path("secret.key"), codec, Time{}});
  RegistryLaunchContext context(backend->registry(), folder.path("lake"),
                                *SecretKey::read(folder.path("secret.key")));
  Store& store = backend->store();
  Quiet quiet;
  const Now now{Time(std::chrono::seconds(1'760'000'000)), Boot{}};
  const Lead lead = store.lead();
  TurnLoop loop(store.load(), lead, SchedulerOptions{}, store, quiet, context, quiet, now);
  const auto turn = [&](const char* what, std::vector<Event> events) {
    const auto start = std::chrono::steady_clock::now();
    const std::clock_t cpu = std::clock();
    const bool commits = loop.on_events(std::move(events), now);
    const double decided = ms_since(start);
    if (commits) loop.on_commit_result(loop.commit(), now);
    std::printf("%-32s %7.1f ms decided, %7.1f ms committed, %7.1f ms of the processor\n", what,
                decided, ms_since(start) - decided,
                1000.0 * static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC);
  };
  Hello hello;
  hello.agent_id = "agent";
  hello.slots = 4;
  PluginInfo plugin;
  plugin.name = "mock";
  hello.catalogue = {plugin};
  RunRequested trigger;
  trigger.dag_id = "wide";
  trigger.dag_run_id = "r";
  turn("the DAG, a worker", {DagsChanged{{dag_from(text)}, {}}, WorkerJoined{1, hello}});
  turn("a run", {trigger});
  Finished report;
  report.key = quiet.last;
  report.outcome = Outcome::success;
  report.result_json = "[0";
  for (int i = 1; i < 5000; ++i) report.result_json += "," + std::to_string(i);
  report.result_json += "]";
  turn("the list is there; it is read", {AttemptFinished{1, report}});
  turn("5,000 instances", {});
  CHECK(loop.state().live_runs("wide").at(0)->hot.size() == 5001);
  report.key = quiet.last;
  report.result_json = "1";
  turn("one ends, the next is launched", {AttemptFinished{1, report}});
}
