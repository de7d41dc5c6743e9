// The user that slots, and with them plugins and commands, run as (setting worker.user): they can
// then read neither the store nor its key, and write to the lake and their scratch folders only.
//
// A task may ask for another user (its field run_as) of those that worker.run_as_users lists, and
// no other: its slot is that user's, with the groups of a login and that of worker.user, which the
// lake belongs to.
//
// With worker.user_range each slot has a user id of its own from the range (no account is needed),
// so that one task can neither read another's environment nor end it. They share the group of
// worker.user, which the lake belongs to.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/fd.h"
#include "common/result.h"

namespace batuta {

struct SlotUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;          // for HOME
  bool shares_lake = false;  // one of several: what it makes in the lake is the group's
  // Of a task's own user (run_as): the group of worker.user beside those of a login, for the lake
  // is given to it. 0: `gid` is that group.
  gid_t lake_group = 0;
  bool as_by_login = false;  // USER, LOGNAME and SHELL are its own, too
  std::string shell{};
};

// What become() sets beside HOME for a user as by a login.
inline constexpr const char* login_variables[] = {"USER", "LOGNAME", "SHELL"};

// User ids, both ends included; {0, 0} is none.
struct UserRange {
  uid_t first = 0;
  uid_t last = 0;
  explicit operator bool() const { return last != 0; }
  std::size_t size() const { return last == 0 ? 0 : std::size_t{last} - first + 1; }
};
// "64000-64031"; nullopt for anything else, for an empty range and for ids below 1000.
std::optional<UserRange> parse_user_range(std::string_view text);

// An id of the range that no slot of this host has now, held until the lock is let go. `folder`
// keeps the locks. Errc::unavailable when all are taken.
struct HeldUser {
  uid_t uid = 0;
  UniqueFd lock;
};
Result<HeldUser> hold_user(const UserRange& range, const std::string& folder);

// Errc::invalid, saying why, for an unknown user, for root, and when we are not root ourselves.
// `setting`: what named it.
Result<SlotUser> find_slot_user(const std::string& name, const char* setting = "worker.user");

// One of worker.run_as_users, where `slots` is worker.user. Errc::invalid as above.
Result<SlotUser> find_run_as(const std::string& name, const SlotUser& slots);

// Agent, after prepare_home(): Errc::invalid when one of these users, found by find_run_as(),
// cannot read the plugins, the lake or its streams.
Status check_run_as(const SlotUser& user, const std::string& home, const std::string& plugins);

// Agent, before it starts slots or a thread: makes the way to the scratch folders passable, gives
// the user what in the lake is another's (or its group, when several share it), and makes sure that
// the plugins can be read.
Status prepare_home(const SlotUser& user, const std::string& home, const std::string& plugins);

// Slot, before it loads anything: gives the user the scratch folder and the pipe of its log, then
// becomes that user for good, HOME included. Parent-death signal and the
// like must be set after this.
Status become(const SlotUser& user, const std::string& scratch);

}  // namespace batuta
