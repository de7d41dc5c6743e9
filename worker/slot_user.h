// The user that slots, and with them plugins and commands, run as (setting worker.user): they can
// then read neither the store nor its key, and write to the lake and their scratch folders only.
#pragma once

#include <sys/types.h>

#include <string>

#include "common/result.h"

namespace batuta {

struct SlotUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;  // for HOME
};

// Errc::invalid, saying why, for an unknown user, for root, and when we are not root ourselves.
Result<SlotUser> find_slot_user(const std::string& name);

// Agent, before it starts slots or a thread: makes the way to the scratch folders passable, gives
// the user what in the lake is another's, and makes sure that the plugins can be read.
Status prepare_home(const SlotUser& user, const std::string& home, const std::string& plugins);

// Slot, before it loads anything: gives the user the scratch folder and the pipe of its log, then
// becomes that user for good, HOME included. Parent-death signal and the like must be set after
// this.
Status become(const SlotUser& user, const std::string& scratch);

}  // namespace batuta
