// Interpreters, and environments with packages that are made once and used again.
#pragma once

#include <string>
#include <vector>

namespace batuta::plugin {

class Context;

// An absolute path, or a name looked for in `path`. FinalError when there is none.
std::string interpreter(const std::string& name, const std::string& path);

// The interpreter of an environment that has these packages (as pip names them; the order does not
// matter). The first attempt that asks makes it with `python -m venv` and pip, below
// $BATUTA_VENV_FOLDER or else $HOME/.cache/batuta/venv; others wait for it. One that was not
// finished is made anew. FinalError when the packages are not named as they may be or there is no
// place, RetryableError when pip fails.
std::string virtual_environment(Context& context, const std::string& python,
                                std::vector<std::string> packages);

}  // namespace batuta::plugin
