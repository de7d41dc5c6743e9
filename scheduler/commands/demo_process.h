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

// Ends the server that an earlier start of this home left: the process of `pid_file`, if `word` is
// one of its arguments; else it is somebody else's, of after a restart. `name` is what a person
// calls the server. Errc::conflict: it does not end.
Status end_left_process(const std::string& pid_file, const std::string& word,
                        const std::string& name, std::span<const int> signals);

// The end of a server's log, as much of it as a message shows; "…" before it where there is more.
std::string end_of_log(const std::string& path);

// A file that its owner alone can read. Errc::unavailable.
Status write_secret(const std::string& path, const std::string& text);

}  // namespace batuta
