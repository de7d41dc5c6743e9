#include "scheduler/cli/task_name.h"

#include <CLI/CLI.hpp>

#include "common/number_range.h"

namespace batuta::cli {

TaskName task_name(const std::string& text) {
  const auto open = text.find('[');
  if (open == std::string::npos || text.back() != ']') return {text};
  const std::string digits = text.substr(open + 1, text.size() - open - 2);
  const bool number = open > 0 && !digits.empty() && digits.size() <= 5 &&
                      digits.find_first_not_of("0123456789") == std::string::npos;
  if (!number) {
    throw CLI::ValidationError(text, "write task, or task[3] for one instance of a mapped task");
  }
  return {text.substr(0, open), std::stoi(digits)};
}

void name_instance(CLI::App& verb, std::string& task_id, int& map_index) {
  verb.add_option("task_id", task_id, "task[3]: one instance of a mapped task")->required();
  verb.add_option("--map-index", map_index, "which instance of a mapped task, as task[3] says it")
      ->check(whole_number(0, 99'999));
  verb.parse_complete_callback([&task_id, &map_index] {
    const TaskName named = task_name(task_id);
    if (!named.map_index) return;
    if (map_index >= 0 && map_index != *named.map_index) {
      throw CLI::ValidationError(
          "--map-index", std::to_string(map_index) + " is another instance than " + task_id);
    }
    task_id = named.task_id;
    map_index = *named.map_index;
  });
}

}  // namespace batuta::cli
