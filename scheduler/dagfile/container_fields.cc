#include "scheduler/dagfile/container_fields.h"
#include "scheduler/dagfile/output_fields.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/suggest.h"
#include "common/text.h"
#include "scheduler/dagfile/builtin_fields.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr std::size_t max_words = 1024;
constexpr std::int64_t least_memory = 6 << 20;  // less, and the engine refuses it

// Words as the kernel starts a program with them. No shell stands between, so a value is a value.
void read_words(FieldReader& fields, const char* name, json& params) {
  const json* words = fields.find(name);
  if (!words) return;
  const bool list = words->is_array() && words->size() <= max_words &&
                    std::none_of(words->begin(), words->end(), [](const json& word) {
                      return word.is_structured() || word.is_null();
                    });
  if (!list && !(is_template(*words) && words->get_ref<const std::string&>().starts_with("{{"))) {
    fields.problem(name, std::string(name) +
                             " is a list of at most 1024 texts or numbers, or a template that "
                             "yields one; for a command line: [\"sh\", \"-c\", \"…\"]");
    return;
  }
  params[name] = *words;
}

void read_image(FieldReader& fields, json& params) {
  const auto image = fields.text("image", 512);
  if (!image) {
    if (!fields.find("image"))
      fields.problem("image", "a container task needs an \"image\", such as \"python:3.12-slim\"");
    return;
  }
  if (image->empty() ||
      (!is_template(json(*image)) && image->find_first_of(" \t\r\n\"'") != std::string::npos)) {
    fields.problem("image", "image must be the name of an image, such as \"python:3.12-slim\"");
  }
  params["image"] = *image;
}

// `shared`: what default_args say stands where the container says nothing.
void read_container_limits(FieldReader& fields, const Task& shared, json& params) {
  if (const json* memory = fields.find("memory")) {
    const auto number = json_int(*memory);
    const auto bytes = number                ? number
                       : memory->is_string() ? parse_byte_size(memory->get<std::string>())
                                             : std::nullopt;
    if (!is_template(*memory) && (!bytes || *bytes < least_memory)) {
      fields.problem("memory", "memory must be a size of at least 6MiB, such as \"512MiB\"");
    }
    params["memory"] = *memory;
  } else if (shared.memory > 0) {
    params["memory"] = shared.memory;
  }
  if (const json* cpus = fields.find("cpus")) {
    const bool fits = cpus->is_number() && *cpus >= 0.01 && *cpus <= 1024;
    if (!fits && !is_template(*cpus))
      fields.problem("cpus", "cpus must be a number from 0.01 to 1024, such as 1.5");
    params["cpus"] = *cpus;
  } else if (shared.cpu_percent > 0) {
    params["cpus"] = shared.cpu_percent / 100.0;
  }
}

}  // namespace

void read_container(FieldReader& fields, Task& task, json& params) {
  static const std::vector<std::string> pulls = {"missing", "always", "never"};
  read_image(fields, params);
  read_words(fields, "command", params);
  read_words(fields, "entrypoint", params);
  read_env(fields, params, true);
  if (const auto folder = fields.text("working_dir", 4096)) {
    if (!folder->starts_with('/') && !folder->starts_with("{{"))
      fields.problem("working_dir", "working_dir must be an absolute path within the container");
    params["working_dir"] = *folder;
  }
  for (const char* name : {"user", "network"}) {
    if (const auto text = fields.text(name, 256)) params[name] = *text;
  }
  read_container_limits(fields, task, params);
  if (const auto pull = fields.text("pull")) {
    if (std::find(pulls.begin(), pulls.end(), *pull) == pulls.end()) {
      fields.problem("pull", "pull must be missing, always or never" + did_you_mean(*pull, pulls));
    }
    params["pull"] = *pull;
  }
  if (const auto registry = fields.id("registry")) {
    params["registry"] = *registry;
    task.connections.push_back(*registry);
  }
  read_outputs(fields, task, params);
  read_table_outputs(fields, params);
}

}  // namespace batuta
