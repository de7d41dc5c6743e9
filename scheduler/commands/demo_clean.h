// `batuta demo run --clean`: takes away what a demo made, and that alone.
#pragma once

#include <string>

#include "common/result.h"
#include "scheduler/serve/home.h"

namespace batuta {

// Whether there is nothing of an installation in the folder, so that a demo which begins there
// makes all of it. Files of bundles and of demo/dags may be there before. To be asked before
// Home::open.
bool is_new_home(const std::string& folder);

// Notes in the home that a demo made it: clean_demo takes away no other. Errc::unavailable.
Status mark_demo_home(const Home& home);

// Whether mark_demo_home was called for it.
bool made_by_demo(const Home& home);

// Removes the installation in `folder`: store, key, lake, topics, logs, made-up sources, and those
// files of the bundles that are as they were copied. Stay and are named: backups, DAG files of
// one's own, files of bundles that somebody changed, and whatever no demo makes. Prints what went
// and what stayed. The mark goes last, so that one that was interrupted is done again. The exit
// code; 0 too when nothing is there. Refused: a home that no demo made, and one whose scheduler is
// running.
int clean_demo(const std::string& folder);

}  // namespace batuta
