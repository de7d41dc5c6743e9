// The slot process: runs plugins, one attempt at a time, for the agent that started it.
//
// It is `batuta-worker slot ...`, re-executed by the agent with three descriptors
// (worker/slot_link.h), its output on a pipe, its own process group and a clean environment. It
// dies with its agent. All of a slot's state is lost with it by design: nothing here needs to be
// saved.
#pragma once

namespace batuta {

// The arguments of main, where argv[1] is "slot". Returns the exit code. Two forms:
//   slot --plugins DIR --scratch DIR --name NAME --agent PID [--engine-library FILE]
//        [--max-attempts N] [--memory-limit BYTES] [--lake-memory BYTES] [--lake-threads N]
//        [--user NAME [--uid N]]
//   slot --catalogue --plugins DIR --agent PID NAME...     (describe plugins, see catalogue_scan.h)
int run_slot(int argc, char** argv);

}  // namespace batuta
