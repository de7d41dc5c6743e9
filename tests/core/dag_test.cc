#include "scheduler/core/dag.h"

#include <doctest/doctest.h>

#include <limits>

#include "tests/core/support.h"

namespace batuta {
namespace {

using testing::chain;
using testing::DagMaker;

Dag raw(std::initializer_list<std::pair<const char*, std::vector<TaskIndex>>> tasks) {
  Dag dag;
  dag.id = "d";
  for (const auto& [id, upstream] : tasks) {
    Task task;
    task.id = id;
    task.upstream = upstream;
    dag.tasks.push_back(task);
  }
  return dag;
}

TEST_CASE("downstreams mirror upstreams, without doubles, ascending") {
  const auto dag = finish_dag(raw({{"a", {}}, {"b", {0, 0}}, {"c", {1, 0}}}));
  REQUIRE(dag.ok());
  CHECK((*dag)->tasks[0].downstream == std::vector<TaskIndex>{1, 2});
  CHECK((*dag)->tasks[2].upstream == std::vector<TaskIndex>{0, 1});
}

TEST_CASE("a cycle is refused and its tasks are named in order") {
  const auto dag = finish_dag(raw({{"a", {}}, {"b", {0, 3}}, {"c", {1}}, {"d", {2}}}));
  REQUIRE(!dag.ok());
  const std::string& text = dag.error().message;
  const bool in_order = text.find("b -> c -> d -> b") != std::string::npos ||
                        text.find("c -> d -> b -> c") != std::string::npos ||
                        text.find("d -> b -> c -> d") != std::string::npos;
  CHECK_MESSAGE(in_order, text);
}

TEST_CASE("a task outside the cycle is not named as part of it") {
  const auto dag = finish_dag(raw({{"x", {2}}, {"a", {2}}, {"b", {1}}}));
  REQUIRE(!dag.ok());
  CHECK(dag.error().message.find("x") == std::string::npos);
}

TEST_CASE("double ids, strangers and self-dependence are refused") {
  CHECK(!finish_dag(raw({{"a", {}}, {"a", {}}})).ok());
  CHECK(!finish_dag(raw({{"a", {7}}})).ok());
  CHECK(!finish_dag(raw({{"a", {0}}})).ok());
}

TEST_CASE("weights count every descendant once, and stay within an int32") {
  DagMaker diamond("d");
  diamond.task("top")
      .task("left", {"top"})
      .task("right", {"top"}, [](Task& t) { t.priority_weight = 10; })
      .task("end", {"left", "right"});
  const auto dag = diamond.make();
  CHECK(dag->tasks[0].effective_weight == 13);  // 1 + 1 + 10 + 1
  CHECK(dag->tasks[3].effective_weight == 1);

  DagMaker mixed("m");
  mixed.task("a")
      .task("b", {"a"}, [](Task& t) { t.weight_rule = WeightRule::upstream; })
      .task("c", {"b"}, [](Task& t) { t.weight_rule = WeightRule::absolute; })
      .task("huge", {"c"}, [](Task& t) { t.priority_weight = 2'147'483'647; });
  const auto weights = mixed.make();
  CHECK(weights->tasks[1].effective_weight == 2);
  CHECK(weights->tasks[2].effective_weight == 1);
  CHECK(weights->tasks[0].effective_weight == std::numeric_limits<std::int32_t>::max());
}

TEST_CASE("weights are right across more than one block of 64 tasks") {
  const auto dag = chain("c", 200);
  for (TaskIndex i = 0; i < 200; ++i) {
    CHECK(dag->tasks[i].effective_weight == 200 - static_cast<int>(i));
  }
}

TEST_CASE("20,000 tasks are finished within a second or so; 20,001 are refused") {
  const auto begin = std::chrono::steady_clock::now();
  CHECK(chain("c", 20'000)->tasks.front().effective_weight == 20'000);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(20));
  Dag big;
  big.tasks.resize(max_tasks_per_dag + 1);
  const auto refused = finish_dag(std::move(big));
  REQUIRE(!refused.ok());
  CHECK(refused.error().message.find("20001") != std::string::npos);
}

TEST_CASE("a task is found by id") {
  const auto dag = chain("c", 3);
  CHECK(find_task(*dag, "t2") == 2);
  CHECK(!find_task(*dag, "t3"));
}

}  // namespace
}  // namespace batuta
