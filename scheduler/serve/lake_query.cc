#include "scheduler/serve/lake_query.h"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "worker/slot_call.h"
#include "worker/slot_user.h"

namespace batuta {
namespace {

// What the process of a query may have beside the engine's memory: itself and the answer, and a
// stack for each thread. The engine counts not all that it takes.
constexpr std::int64_t beside_engine = 256 << 20;
constexpr std::int64_t beside_thread = 16 << 20;
constexpr std::chrono::seconds start_and_end{30};  // of the process, beside the query
constexpr int export_patience = 10;                // times lake.sql_timeout
constexpr std::chrono::hours order_patience{6};    // as the command line has it by itself

// To who writes the file; its names are read by us, who may all.
Status give_folder(const std::string& folder, const std::string& user) {
  const auto found = find_slot_user(user);
  if (!found) return found.error();
  if (::chown(folder.c_str(), found->uid, found->gid) == 0) return success();
  return {Errc::unavailable, "cannot give " + folder + " to the user " + user};
}

}  // namespace

LakeQuery lake_query(const Home& home, const std::string& plugins_folder, const LakePlace& lake,
                     const std::string& plugin) {
  return [&home, &lake, plugins_folder, plugin](
             const std::string& params_json, const std::function<bool()>& stop,
             const std::function<void(int percent)>& progress) -> Result<std::string> {
    auto params = parse_untrusted(params_json);
    if (!params || !params->is_object()) return {Errc::internal, "a question that is no object"};
    const Settings& settings = home.settings();
    // A file is made for a program, which waits; an answer for a person, who does not.
    const bool of_people = plugin == "lake_sql";
    const bool exports = of_people && params->value("operation", "") == "export";
    const bool is_order = plugin == "lake_erase" || plugin == "lake_maintenance";
    const Duration timeout = is_order
                                 ? Duration(order_patience)
                                 : home.live()->lake_sql_timeout * (exports ? export_patience : 1);
    const bool gives_file = of_people && params->contains("result_folder");
    if (gives_file && !settings.worker_user.empty()) {
      const Status given = give_folder(params->value("result_folder", ""), settings.worker_user);
      if (!given) return given.error();
    }
    if (of_people)
      (*params)["timeout"] = std::to_string(timeout / std::chrono::milliseconds(1)) + "ms";
    SlotCall call;
    if (const auto branch = params->find("lake_branch"); branch != params->end()) {
      call.lake_branch = branch->get<std::string>();
      params->erase(branch);
    }
    call.plugin = plugin;
    call.params_json = json_text(*params);
    call.caller = "server";
    call.lake_folder = home.path("lake");
    call.secrets = lake.secrets();
    call.plugins_folder = plugins_folder;
    call.programs_folder = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
    call.user = settings.worker_user;
    call.lake_memory = settings.lake_memory;
    call.lake_threads = settings.lake_threads;
    call.memory_limit =
        settings.lake_memory + beside_engine + settings.lake_threads * beside_thread;
    call.patience = timeout + start_and_end;
    call.stop = stop;
    if (progress) call.progress = progress;
    return call_in_slot(call);
  };
}

}  // namespace batuta
