// Changes -> rows. Runs inside the caller's transaction; control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/store/end_order.h"
#include "scheduler/store/run_tally.h"
#include "scheduler/store/sqlite.h"
#include "scheduler/store/store.h"

namespace batuta {

// The DAG of a version that is being written or was stored before; never null.
using DagLookup = std::function<std::shared_ptr<const Dag>(const std::string& version)>;

// Writes everything in the order of Changes. Every expectation (a task's old state, a run that must
// exist) is CHECKed against the number of rows touched.
void write_changes(Database& db, const Changes& changes, const std::vector<RenderedRow>& rendered,
                   const DagLookup& dag_of, RunTallies& tallies, EndOrder& ends);

void write_event(Database& db, const EventLogRow& row);

// A run's row and everything below it.
void delete_run(Database& db, RunSeq run);

// The parts: write_runs.cc, write_results.cc and write_deletions.cc.
void write_deletions(Database& db, const Changes& changes);
void write_definitions(Database& db, const Changes& changes);
void write_runs(Database& db, const Changes& changes, EndOrder& ends);
void write_tasks(Database& db, const Changes& changes, const DagLookup& dag_of);
void write_results(Database& db, const Changes& changes, const std::vector<RenderedRow>& rendered);
void write_lake(Database& db, const Changes& changes);
void write_outbox(Database& db, const Changes& changes);

}  // namespace batuta
