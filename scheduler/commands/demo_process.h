// What the servers share that a demo starts for itself.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>

#include "common/result.h"

namespace batuta {

// The file's bytes; empty where it cannot be read.
std::string text_of_file(const std::string& path);

// 40 letters and digits that nobody can guess.
std::string secret_text();

// Nobody holds it any more: it is free unless somebody takes it within the next second. 0: none.
int free_port();

// Asks by one signal after the other, with 20 s for each; whether it has ended. A child is reaped.
bool end_demo_process(pid_t pid, bool child, std::span<const int> signals);

// A file that its owner alone can read. Errc::unavailable.
Status write_secret(const std::string& path, const std::string& text);

}  // namespace batuta
