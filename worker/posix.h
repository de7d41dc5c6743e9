// Small owners and helpers over POSIX calls, for agent and slot.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/fd.h"
#include "common/result.h"
#include "common/time.h"

struct rusage;

namespace batuta {

// "open /x: Permission denied", from the current errno.
std::string errno_text(std::string_view what);

// Microseconds since boot, suspend included: the clock of leases and time-outs.
std::int64_t boot_us();
Time wall_now();
// Processor time, the program's own and the kernel's for it, microseconds.
std::int64_t processor_us(const rusage& used);

// Creates `path` and missing parents with mode 0700; fine if it exists.
Status make_folder(const std::string& path);
// A folder as make_folder leaves it: mode 0700, nothing inside, not a link.
bool is_pristine_folder(const std::string& path);
// Removes a folder and all below it, never following a symbolic link. Best effort.
void remove_tree(const std::string& path);

// A file that exists to be locked, mode 0600, close-on-exec, exclusive flock held. Errc::conflict
// when somebody else holds it.
Result<UniqueFd> lock_file(const std::string& path);
// True when nobody holds the lock, or the file is gone.
bool lock_is_free(const std::string& path);

}  // namespace batuta
