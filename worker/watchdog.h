// The slot's own guard against a dead or frozen agent: a thread that ends the slot, its group and
// everything below it as soon as the agent exits, or has not ticked for a lease.
#pragma once

#include <sys/types.h>

namespace batuta {

struct SlotPage;

// Starts the thread, once, early in the slot's main; `agent` must be the parent. Survives plugins
// that close its descriptors, block signals or hang the main thread. Exits at once when the agent
// is already gone.
void start_watchdog(pid_t agent, SlotPage* page);

}  // namespace batuta
