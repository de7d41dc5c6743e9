// The process's own log (not the tasks'). The only door to spdlog.
#pragma once

#include <string>
#include <string_view>

namespace batuta::log {

enum class Level { debug, info, warn, error };

// Once, in main, before threads start. Writes to stderr; with `file` non-empty also there
// (rotated at 10 MiB, 5 files, mode 0600).
void start(std::string_view process_name, Level level, const std::string& file = {});

// Of the lines: text, or a JSON object each with "time", "level", "process", "pid", "message".
// BATUTA_LOG_FORMAT=json asks for the latter; start() reads it, so that child processes do alike.
enum class Format { text, json };
Format format_from_environment();

// Any thread. Goes on in a new file when the one at that path is not the one written to (it was
// moved or removed). Done by itself within a second of the next line; SIGHUP asks for it at once.
void reopen();

// Any thread. One line: control characters are replaced, so no value can forge a second line.
void write(Level level, std::string_view text);

inline void debug(std::string_view text) {
  write(Level::debug, text);
}
inline void info(std::string_view text) {
  write(Level::info, text);
}
inline void warn(std::string_view text) {
  write(Level::warn, text);
}
inline void error(std::string_view text) {
  write(Level::error, text);
}

}  // namespace batuta::log
