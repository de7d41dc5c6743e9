// A task of a DAG file while the file is read: its neighbours are names still.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "scheduler/core/dag.h"

namespace batuta {

struct TaskDraft {
  Task task;
  std::string pointer;                  // of the task in the file
  std::vector<std::string> depends_on;  // tasks and task groups
  std::vector<std::string> setups;      // of a teardown: tasks, upstream too
  std::map<std::string, std::string> edge_labels;
  std::vector<AssetSpec> outlets;
  std::vector<AliasSpec> outlet_aliases;
  std::vector<AssetSpec> inlets;
};

}  // namespace batuta
