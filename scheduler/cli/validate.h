// `dags validate`: DAG files checked as the scheduler would, without one.
#pragma once

#include <string>
#include <vector>

namespace batuta::cli {

struct Validation {
  std::vector<std::string> paths;  // files, or folders of them
  std::string plugins;             // folder; empty: beside the executable, where there is one
  std::string home{};              // whose settings are looked at, where there is one
};

// Prints a line per DAG on standard output, problems and warnings on standard error. The exit code:
// 1 when any file has a problem (made for pre-commit hooks and CI). Unknown plugins are warnings,
// unknown parameters of known ones problems. Throws Failure for a plugin folder that is not there.
int validate(const Validation& what);

}  // namespace batuta::cli
