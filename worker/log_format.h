// The format of a task log, for the agent that writes it and for whoever reads it.
//
//   <home>/logs/<run uuid>/<task_log_name() of common/ids.h>    mode 0600, folders 0700
//
// UTF-8 as far as the plugin wrote UTF-8; one entry per line:
//
//   2026-11-20T23:30:00.123456Z INFO text
//
// Time (RFC 3339, UTC; fraction absent when zero), one space, level (DEBUG INFO WARN ERROR), one
// space, text to the end of the line. Plain output of a plugin, stdout and stderr alike, is INFO:
// both share one pipe, so that their order is kept. A line over `max_line` is broken into several.
// Secrets of the attempt's connections are replaced by ***. The agent's own lines are:
//
//   ... WARN Log limit reached: <n> bytes left out        of what is longer than worker.log_limit
//   its beginning is kept, and its end as an eighth of that
//   ... INFO Attempt ended: success, exit code 0, peak memory 12.3 MiB
//   ... INFO Attempt ended: tables handed in, exit code 0, peak memory 12.3 MiB
//   ... ERROR Attempt ended: crashed (signal 9 (killed)), signal 9, peak memory 0.0 MiB
//
// The file appears with the attempt's first byte; an attempt that says nothing and ends well has
// none. An "Attempt ended" line is the last one: a reader that follows a log stops there. What
// became of the try when the scheduler decided otherwise (a refused publication, a report that came
// too late) is not known here: the API adds a line for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "common/attempt_log_words.h"
#include "common/ids.h"

namespace batuta {

inline constexpr std::size_t max_line = 16 << 10;
inline constexpr std::int64_t usual_log_limit = 256 << 20;  // bytes of one try's log

// `run_uuid` must have passed parse_uuid: it becomes a path.
inline std::string task_log_path(const std::string& home, const std::string& run_uuid,
                                 const AttemptKey& key, std::int32_t try_number) {
  return home + "/logs/" + run_uuid + "/" + task_log_name(key.task, key.map_index, try_number);
}

}  // namespace batuta
