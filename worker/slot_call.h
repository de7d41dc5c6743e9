// One plugin call in a slot of its own, without agent: how people's questions to the lake are
// answered, by the command line and by the server.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/message.h"
#include "common/result.h"
#include "common/time.h"

namespace batuta {

struct SlotCall {
  std::string plugin;  // catalogue name
  std::string params_json;
  std::vector<Secret> secrets{};  // connections that it may ask for
  std::string caller;             // the DAG id that the plugin sees; its run id is empty
  std::string lake_folder;        // absolute
  std::string lake_branch{};      // a branch's ref (lakelog/branch.h); empty: the lake itself
  std::string plugins_folder;
  std::string programs_folder;    // of batuta-worker and libduckdb.so
  std::string user;               // the slot runs as (worker.user); empty: as its caller
  std::int64_t lake_memory = 0;   // bytes of the SQL engine; 0 = the engine's own
  std::int64_t lake_threads = 0;  // of the SQL engine; 0 = the engine's own
  std::int64_t memory_limit = 0;  // bytes of the process (RLIMIT_DATA); 0 = none
  Duration patience = std::chrono::minutes(10);
  // Asked several times a second; true ends the call.
  std::function<bool()> stop = [] { return false; };
  // Told as often, from 0 to 100, once the plugin tells how far it is. On the caller's thread.
  std::function<void(int percent)> progress = [](int) {};
};

// The message of the error when `stop` said so.
inline constexpr const char* call_stopped = "interrupted";

// The plugin's result JSON. Errors carry the plugin's own reason: Errc::invalid when the plugin
// ended without success. The slot, its scratch folder and its lock are gone on return. Blocking;
// any thread, which must outlive the call.
Result<std::string> call_in_slot(const SlotCall& call);

// The same as the plugin ended, whatever came of it. A value over 64 KiB is not in it.
Result<Finished> finish_in_slot(const SlotCall& call);

}  // namespace batuta
