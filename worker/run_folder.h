// The folder that the tasks of a run share on this host ($BATUTA_RUN_DIR).
#pragma once

#include <cstdint>
#include <string>

#include "common/result.h"
#include "worker/slot_user.h"

namespace batuta {

// More entries than this count as over the limit: nobody should wait for them to be counted.
inline constexpr std::int64_t max_run_folder_entries = 100'000;

// Agent, before it starts slots: <home>/runs and <home>/results. With `user`, slots of its group
// may make folders in the former and none may list or remove another's.
Status prepare_run_folders(const std::string& home, const SlotUser* user);

// Slot: makes the folder if it is not there. `shared`: each slot has a user of its own, and the
// folder is their group's.
Status make_run_folder(const std::string& path, bool shared);

// Slot: Errc::too_large, in a sentence, when what is in it has more than `limit` bytes (0: any
// number) or max_run_folder_entries entries. Links are not followed.
Status check_run_folder(const std::string& path, std::int64_t limit);

}  // namespace batuta
