// git as a child process: bounded in time, output and size of files, asking nobody, running no
// hooks.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "common/time.h"

namespace batuta {

struct GitCall {
  std::vector<std::string> words;        // after "git"
  std::vector<std::string> environment;  // "NAME=value", beside our own
  Duration limit = std::chrono::seconds(60);
};

// What it printed. Errc::unavailable with its own words when it fails, is not installed, takes too
// long (it is killed, with all it started) or says more than 16 MiB. One that is killed from
// outside (SIGKILL, SIGTERM) says nothing about what it was asked: it is run again, three times at
// most; so a call must be one that may be made twice. Blocking; any thread.
Result<std::string> run_git(const GitCall& call);

}  // namespace batuta
