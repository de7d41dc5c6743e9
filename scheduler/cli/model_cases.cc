#include "scheduler/cli/model_cases.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/plugin_scan.h"
#include "scheduler/cli/slot_run.h"

namespace batuta::cli {
namespace {

using nlohmann::json;

constexpr std::size_t batch_of_cases = 100;

// The answers to the first of `cases`: as many as one answer can hold, but one at least.
json run_some_cases(Session& session, const std::string& plugins, const json& cases,
                    const std::filesystem::path& lake) {
  SlotRun run;
  const LakeSettings settings = value_of(session.processes->lake_settings(session.home));
  run.plugin = "model_test";
  run.params_json = json_text({{"cases", cases}});
  run.lake_folder = lake.string();
  run.secrets = settings.secrets;
  run.lake_memory = settings.memory_bytes;
  run.lake_threads = settings.threads;
  run.plugins_folder =
      plugins.empty() ? default_plugins_folder() : std::filesystem::absolute(plugins).string();
  const auto done = run_in_slot(run);
  if (!done)
    throw Failure(done.error().message, done.error().message == interrupted ? interrupted_code : 1);
  const auto told = parse_untrusted(*done);
  const bool fine = told && told->is_object() && told->contains("cases");
  if (!fine || !(*told)["cases"].is_array() || (*told)["cases"].empty())
    throw Failure("the slot gave no answer", 1);
  return (*told)["cases"];
}

}  // namespace

json run_cases(Session& session, const std::string& plugins, const json& cases,
               const std::filesystem::path& lake) {
  json all = json::array();
  while (all.size() < cases.size()) {
    json some = json::array();
    for (std::size_t i = all.size(); i < cases.size() && some.size() < batch_of_cases; ++i)
      some.push_back(cases[i]);
    for (json& told : run_some_cases(session, plugins, some, lake)) all.push_back(std::move(told));
  }
  return all;
}

}  // namespace batuta::cli
