// How people name one instance of a mapped task: task[3].
#pragma once

#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace batuta::cli {

struct TaskName {
  std::string task_id;
  std::optional<int> map_index{};
};

// "task" or "task[3]"; CLI::ValidationError for anything else with brackets.
TaskName task_name(const std::string& text);

// The argument task_id, which may say which instance, and --map-index, which says it too. Both may
// be given when they say the same. `map_index` stays as it is when none is.
void name_instance(CLI::App& verb, std::string& task_id, int& map_index);

}  // namespace batuta::cli
