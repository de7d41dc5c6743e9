#include "scheduler/serve/sql_look.h"

#include <filesystem>

#include "common/run_files.h"
#include "scheduler/serve/connection_secret.h"
#include "worker/slot_call.h"

namespace batuta {
namespace {

// Connecting and the statement have a time-out each (5 minutes at most), within the process; here
// only a process that hangs is ended.
constexpr Duration longest_look = std::chrono::minutes(11);
constexpr std::int64_t look_memory = 512 << 20;

}  // namespace

std::function<Result<std::string>(const std::string&, const Connection&,
                                  const std::function<bool()>&)>
sql_look(const Home& home, const std::string& plugins_folder) {
  return [&home, plugins_folder](const std::string& params_json, const Connection& connection,
                                 const std::function<bool()>& stop) -> Result<std::string> {
    SlotCall call;
    call.plugin = "sql";
    call.params_json = params_json;
    call.secrets = {connection_secret(connection)};
    call.caller = "server";
    call.lake_folder = home.path("lake");
    call.plugins_folder = plugins_folder;
    call.programs_folder = std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
    call.user = home.settings().worker_user;
    call.memory_limit = look_memory;
    call.patience = longest_look;
    if (stop) call.stop = stop;
    const auto finished = finish_in_slot(call);
    if (!finished) return finished.error();
    if (finished->outcome != Outcome::success) {
      const bool final =
          finished->outcome == Outcome::failed_no_retry || finished->outcome == Outcome::refused;
      return {final ? Errc::invalid : Errc::unavailable, finished->reason};
    }
    if (result_file_of(finished->result_json)) {
      return {Errc::invalid, "the result is a value of more than 64 KiB"};
    }
    return finished->result_json;
  };
}

}  // namespace batuta
