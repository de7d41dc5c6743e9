// The module that a Python task imports, as text; python/batuta.py, embedded when built.
#pragma once

#include <string_view>

namespace batuta::plugin {

std::string_view python_module();

}  // namespace batuta::plugin
