// `batuta demo quotes|alerts|serve|simulate`: the demo's servers and files on their own.
#pragma once

#include <string>

#include "scheduler/http/exchange.h"

namespace CLI {
class App;
}

namespace batuta::demo {

// Adds the noun `demo`. `home` is the installation where none is named. A verb serves until SIGINT
// or SIGTERM and leaves its exit code in `exit_code`, which must outlive the parse.
void add_demo_commands(CLI::App& app, const std::string& home, int& exit_code);

// `demo simulate` and `demo serve`, below that noun. Internal to this room.
void add_simulation_commands(CLI::App& demo, const std::string& home, int& exit_code);

// Serves on a port of loopback (0: a free one) until SIGINT or SIGTERM; prints the URL with `path`
// first. The exit code.
int serve_until_signal(int port, const char* path, http::Handler handler);

}  // namespace batuta::demo
