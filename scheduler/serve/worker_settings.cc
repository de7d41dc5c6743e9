#include "scheduler/serve/worker_settings.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "common/ids.h"
#include "common/safe_json.h"
#include "worker/slot_user.h"

namespace batuta {
namespace {

using WorkerKind = Setting::Kind;
constexpr std::int64_t worker_mib = 1 << 20;

bool fits_user(std::string& name) {
  return !name.empty();
}

bool fits_image(std::string& text) {
  return !text.empty() && text.size() <= 512;
}

// As the kernel takes the address of a socket.
bool fits_socket(std::string& path) {
  return path.size() < 108 && (path.empty() || path.front() == '/');
}

bool fits_user_range(std::string& text) {
  return parse_user_range(text).has_value();
}

bool fits_run_as(std::string& name) {
  return valid_user_name(name);
}

// Names and values as a program's environment can hold them.
bool fits_env(std::string& text) {
  const auto given = parse_untrusted(text);
  if (!given || !given->is_object()) return false;
  for (const auto& [name, value] : given->items()) {
    if (name.empty() || name.starts_with("BATUTA_") || name.find('=') != std::string::npos ||
        name.find('\0') != std::string::npos || !value.is_string() ||
        value.get_ref<const std::string&>().find('\0') != std::string::npos) {
      return false;
    }
  }
  text = json_text(*given);
  return text.size() <= (32 << 10);
}

bool fits_word(std::string& word) {
  return !word.empty() && word.size() <= 4096 && word.find('\0') == std::string::npos;
}

// Its names; a value may be a secret.
std::string starred_env(const std::string& env) {
  auto shown = parse_untrusted(env);
  if (!shown || !shown->is_object()) return "{}";
  for (auto& value : *shown) value = "***";
  return json_text(*shown);
}

const char* const of_containers =
    "a list of images that may be run, such as [\"registry.example.org/etl/*\", \"python:3.12\"]";

}  // namespace

std::vector<Setting> with_worker_settings(std::vector<Setting> table) {
  const std::vector<Setting> rows{
      {.name = "worker.user",
       .sentence = "The user that slots, and with them plugins and commands, run as. Only for a "
                   "server that root runs.",
       .kind = WorkerKind::text,
       .member = &Settings::worker_user,
       .expects = "the name of a user",
       .example = R"("batuta-worker")",
       .fits = fits_user},
      {.name = "worker.user_range",
       .sentence = "User ids of which each slot has one of its own; with worker.user.",
       .kind = WorkerKind::text,
       .member = &Settings::worker_user_range,
       .expects = "two user ids from 1000 with a dash between, such as \"64000-64031\"",
       .example = R"("64000-64031")",
       .fits = fits_user_range},
      {.name = "worker.run_as_users",
       .sentence = "Users that tasks may ask to run as (run_as); with worker.user.",
       .kind = WorkerKind::list,
       .member = &Settings::worker_run_as_users,
       .expects = "a list of names of users, neither root nor numbers",
       .example = R"(["reports"])",
       .fits = fits_run_as},
      {.name = "worker.warm_python",
       .sentence = "Whether Python tasks that do not say so are forked from an interpreter that "
                   "stays in the slot.",
       .kind = WorkerKind::flag,
       .member = &Settings::worker_warm_python},
      {.name = "worker.memory_limit",
       .sentence = "How much memory of its own a slot may have, and each process that a task "
                   "starts.",
       .kind = WorkerKind::bytes,
       .member = &Settings::worker_memory_limit,
       .least = 64 * worker_mib,  // less, and no plugin can be loaded
       .zero_is_none = true},
      {.name = "worker.attempt_memory",
       .sentence = "How much memory an attempt may have together with all that it starts; where "
                   "the worker has a control group of its own.",
       .kind = WorkerKind::bytes,
       .member = &Settings::worker_attempt_memory,
       .least = 64 * worker_mib,
       .zero_is_none = true},
      {.name = "worker.attempt_cpu",
       .sentence = "How much processor time an attempt may have together with all that it starts, "
                   "in percent of one processor; 0 for no bound.",
       .kind = WorkerKind::integer,
       .member = &Settings::worker_attempt_cpu,
       .most = 100'000,
       .unit = "percent of a processor",
       .example = "150"},
      {.name = "worker.attempt_memory_max",
       .sentence = "The most memory that a task may ask for itself (its field memory); 0: no more "
                   "than worker.attempt_memory, where that is set.",
       .kind = WorkerKind::bytes,
       .member = &Settings::worker_attempt_memory_max,
       .least = 64 * worker_mib,
       .zero_is_none = true},
      {.name = "worker.attempt_cpu_max",
       .sentence = "The most processor time that a task may ask for itself (its field cpu), in "
                   "percent of one processor; 0: no more than worker.attempt_cpu, where that is "
                   "set.",
       .kind = WorkerKind::integer,
       .member = &Settings::worker_attempt_cpu_max,
       .most = 100'000,
       .unit = "percent of a processor",
       .example = "400"},
      {.name = "worker.run_dir_limit",
       .sentence = "How much the folder may hold that the tasks of a run share.",
       .kind = WorkerKind::bytes,
       .member = &Settings::worker_run_dir_limit,
       .least = worker_mib,
       .zero_is_none = true},
      {.name = "worker.log_limit",
       .sentence = "How much of one try's log is kept: of a longer one its beginning, and its end "
                   "as an eighth of that.",
       .kind = WorkerKind::bytes,
       .member = &Settings::worker_log_limit,
       .least = worker_mib},
      {.name = "worker.env",
       .sentence = "What commands and Python tasks find in their environment.",
       .kind = WorkerKind::object,
       .member = &Settings::worker_env,
       .expects = "an object of texts by name, such as {\"PATH\": "
                  "\"/opt/tools/bin:/usr/bin:/bin\", \"TZ\": \"Europe/Rome\"}, none of them "
                  "BATUTA_…, at most 32 KiB",
       .example = R"({"TZ": "Europe/Rome"})",
       .fits = fits_env,
       .shown = starred_env},
      {.name = "worker.container_socket",
       .sentence = "The socket of the engine that runs containers.",
       .kind = WorkerKind::text,
       .member = &Settings::worker_container_socket,
       .expects = "the absolute path of a container engine's socket, such as "
                  "\"/run/docker.sock\"",
       .example = R"("/run/docker.sock")",
       .fits = fits_socket},
      {.name = "worker.container_images",
       .sentence = "Images that may be run; without it every image.",
       .kind = WorkerKind::list,
       .member = &Settings::worker_container_images,
       .expects = of_containers,
       .example = R"(["python:3.12*"])",
       .fits = fits_image,
       .empty_fits = false},  // it would allow every image: whoever wrote one meant none
      {.name = "worker.spark_submit",
       .sentence = "The program that spark tasks start, and words before theirs.",
       .kind = WorkerKind::list,
       .member = &Settings::worker_spark_submit,
       .expects = "a list of words, such as [\"/opt/spark/bin/spark-submit\"]",
       .example = R"(["/opt/spark/bin/spark-submit"])",
       .fits = fits_word},
  };
  const auto behind = std::find_if(table.begin(), table.end(), [](const Setting& setting) {
    return std::string_view(setting.name) == "contracts";
  });
  table.insert(behind, rows.begin(), rows.end());
  return table;
}

}  // namespace batuta
