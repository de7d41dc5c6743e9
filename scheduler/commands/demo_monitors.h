// What bundles promise of their tables and tasks, judged behind the run of a demo.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"

namespace batuta {

class Server;

// Runs the platform's DAG of monitors with what is known now, and prints the newest result of each
// monitor of these domains. "success", also where there is no such DAG (`lake.monitors` is "off"),
// or what became of its run. Not on the control thread.
Result<std::string> judge_monitors(Server& server, const std::string& home,
                                   const std::vector<std::string>& domains);

}  // namespace batuta
