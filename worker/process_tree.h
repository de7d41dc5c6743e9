// Finding and ending everything that a process started, daemons that left its group included. Works
// because slots and agents are subreapers: an orphan below them becomes their child.
#pragma once

#include <sys/types.h>

#include <span>
#include <vector>

namespace batuta {

// The process runs, would if a processor were free, or waits for a disk: it is slow, and does not
// hang. Reads /proc.
bool wants_processor(pid_t pid);

// The process has begun to end or has ended, so that no signal changes any more how. True, too,
// when there is none. Reads /proc.
bool is_ending(pid_t pid);

// All processes below `root`, in no order; `root` itself is not listed. Reads /proc.
std::vector<pid_t> descendants_of(pid_t root);

// Sends SIGKILL to everything below the calling process, except the processes in `spared` and all
// below them. Returns how many were killed.
int kill_descendants(std::span<const pid_t> spared = {});

// A child of the calling process that outlives attempts, such as an interpreter which the next one
// is forked from; or no more. Main thread, as the two below.
void keep_child(pid_t pid, bool keep);

// True when the calling process has at least one child, dead or alive, that is not kept. One system
// call where none is kept, else a short file of /proc.
bool has_children();

// Kills and reaps until no descendant is left but what is kept and below that, for at most a
// second. Returns how many were alive. For a process that owns all its children (a slot).
int end_descendants();

// Kills whatever inherited an open descriptor of the file at `path`, as far as /proc shows it: a
// superseded attempt's slot and daemons, found by the slot lock. Spares the agent that made the
// lock.
void kill_holders(const char* path);

}  // namespace batuta
