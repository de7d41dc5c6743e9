// A plugin outside the source tree: its files at the start, and how it is built and installed.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"

namespace batuta::cli {

struct ProjectFile {
  std::string name, text;
};

// The files of a new plugin: source, CMakeLists.txt, a DAG that runs it. `name` is
// <source>_<layer>; `kind` extract, transform or aggregate. Errc::invalid for a name that is no
// plugin's. Pure.
Result<std::vector<ProjectFile>> plugin_project(const std::string& name, const std::string& kind);

struct PluginBuild {
  std::string folder = ".";  // with the CMakeLists.txt
  std::string plugins;       // where the plugins go; empty: beside the executable
  bool install = true;       // false: built and checked, and left in <folder>/build/plugins
};
// Configures and compiles with CMake, whose output is shown, loads what came of it in a process of
// its own, and puts it into the plugin folder (a new one gets the plugins that came with the
// product first). Prints what was installed; the exit code. Throws Failure.
int build_plugins(const PluginBuild& build);

}  // namespace batuta::cli
