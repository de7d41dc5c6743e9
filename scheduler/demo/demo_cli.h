// `batuta demo quotes` and `batuta demo alerts`: the demo's servers on their own.
#pragma once

namespace CLI {
class App;
}

namespace batuta::demo {

// Adds the noun `demo`. A verb serves until SIGINT or SIGTERM and leaves its exit code in
// `exit_code`, which must outlive the parse.
void add_demo_commands(CLI::App& app, int& exit_code);

}  // namespace batuta::demo
