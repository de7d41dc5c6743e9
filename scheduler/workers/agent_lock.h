// Is an agent of this host dead? Its process tree holds a flock on <home>/run/<lock>; the kernel
// frees it with the last process, so a free lock is proof and needs no time-out.
#pragma once

#include <string>

namespace batuta {

// The lock file's name under <home>/run for an agent id (a UUID).
std::string agent_lock_name(const std::string& agent_id);

// True when the lock could be taken (and was released again). A missing file counts as dead: an
// agent makes it before it says Hello. Any thread; no blocking.
bool agent_is_dead(const std::string& run_folder, const std::string& lock_name);

}  // namespace batuta
