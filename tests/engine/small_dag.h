// DAG "d" of mock tasks.
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/core/dag.h"

namespace batuta {

inline Task task(const std::string& id, std::vector<TaskIndex> upstream = {}) {
  Task t;
  t.id = id;
  t.plugin = "mock";
  t.upstream = std::move(upstream);
  return t;
}

inline std::shared_ptr<const Dag> dag_of(std::vector<Task> tasks) {
  Dag dag;
  dag.id = "d";
  dag.version = "v1";
  dag.is_paused_upon_creation = false;
  dag.tasks = std::move(tasks);
  auto finished = finish_dag(std::move(dag));
  REQUIRE(finished);
  return *finished;
}

}  // namespace batuta
