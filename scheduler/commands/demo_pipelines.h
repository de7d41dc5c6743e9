// `batuta demo run PIPELINE…`: bundles of the installation, on what stands in for their sources.
#pragma once

#include "scheduler/cli/command_line.h"

namespace batuta {

// For each pipeline: copies its bundle (<folder of the executable>/pipelines/<name>: dags/,
// contracts/) into <home>/demo, where it is not yet, writes its made-up sources and truth.json to
// <home>/demo/<name>, sets its connection and variables, runs its DAG over all of them, prints the
// gold tables and compares the lake with the manifest. Then it serves, or with `once` ends: 0 when
// every run succeeded and every assertion holds, else 1; 2 for a pipeline that nobody knows. With
// `clean` none of it: demo_clean.h.
int run_pipelines(const cli::ServeOptions& options);

}  // namespace batuta
