// The lake's engine as it was built, for tests that open sessions by themselves.
#pragma once

#include <string>

#include "plugins/lake/session.h"
#include "tests/plugins/fake_host.h"

namespace batuta::lake {

// One thread, the default memory; `scratch`: a folder for what the engine spills.
inline SessionOptions engine_in(const std::string& scratch) {
  SessionOptions options;
  options.library = build_dir() + "/libduckdb.so";
  options.scratch = scratch;
  return options;
}

}  // namespace batuta::lake
