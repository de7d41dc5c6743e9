// Reads a window of an attempt's log. Paths are made from a UUID and numbers; no text from
// outside ever reaches the file system.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/uuid.h"

namespace batuta::http {

inline constexpr std::size_t max_log_window = 1 << 20;
// A line costs far more than its bytes once it is an object of an answer.
inline constexpr std::size_t max_log_lines = 10'000;

struct LogWindow {
  std::string text;       // whole lines, valid UTF-8
  std::string bytes;      // the same as they stand in the file
  std::int64_t next = 0;  // where the next window starts
  bool at_end = true;     // nothing more is in the file now
};

// <home>/logs/<run uuid>/<name> from byte `offset`, at most `window` bytes and max_log_lines lines;
// `name` is a
// task_log_name(). Opened beneath the logs folder, without following links. Errc::not_found when
// there is no such file (the attempt never wrote, or retention took it). Blocking; any thread.
Result<LogWindow> read_log(const std::string& home, const Uuid& run, const std::string& name,
                           std::int64_t offset, std::size_t window = max_log_window);

// The log's name below its worker's home.
std::string log_path(const Uuid& run, const std::string& name);
// The window of a log of `file_bytes`, at most max_log_lines lines of it, that begins at `offset`
// with `bytes`, which somebody else has read.
LogWindow log_window(std::string bytes, std::int64_t offset, std::int64_t file_bytes);

// One line as agents write it, "<RFC3339> LEVEL text". Other lines have only a text.
struct LogLine {
  std::string timestamp;
  std::string level;  // lower case
  std::string event;
};
LogLine parse_log_line(std::string_view line);

}  // namespace batuta::http
