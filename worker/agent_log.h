// One attempt's log in the agent: raw bytes of the slot's pipe in, finished lines
// (worker/log_format.h) in the file, secrets masked on the way.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/message.h"
#include "common/pattern.h"
#include "common/url.h"
#include "worker/log_file.h"
#include "worker/mask.h"

namespace batuta {

class AttemptLog {
 public:
  // `secrets`: values that must not be shown. `watch`: Launch::watch; what is no expression is
  // found nowhere.
  AttemptLog(std::string path, const std::vector<std::string>& secrets,
             const std::vector<std::string>& watch = {}, LogFile::Limits limits = {});

  // A line of the agent's own, between two of the attempt's: no pattern is looked for in it.
  void note(std::string_view text);
  // Bytes as they come, level marks included (worker/slot_link.h), switch marks taken out.
  void feed(std::string_view raw);
  // The last line. An attempt that said nothing and ended well leaves no file.
  void finish(const Finished& finished);
  // Each process of the attempt is told that there is no memory when it wants more than so many
  // bytes (RLIMIT_DATA): from now on lines are looked at for what programs then say. 0: no bound.
  void bound_by_process(std::int64_t bytes) { process_memory_ = bytes; }
  // Of an attempt that failed under that bound: that memory ran out, as far as can be known (a line
  // says so, or a process had nearly all of it), to be added to its reason; else empty.
  std::string short_of_memory(const Finished& finished) const;
  // Whether a line so far, as it stands in the file, holds one of the patterns.
  bool found() const { return found_; }
  // A text that goes elsewhere than the log, such as the reason of a failure.
  std::string masked(std::string_view text) const {
    return without_user_info(mask_.empty() ? std::string{text} : mask_.whole(text));
  }

 private:
  void take(std::string_view shown, std::string& out);
  void end_line(std::string& out);
  void look(std::string_view line);
  void warn_of_short_values(std::string& out);

  LogFile file_;
  Mask mask_;
  std::vector<Pattern> watch_;
  bool found_ = false;
  std::int64_t process_memory_ = 0;
  bool said_no_memory_ = false;
  std::string line_;  // the unfinished line
  char level_ = 'I';
  bool after_mark_ = false;  // the mark byte came last: its letter is still to come
  bool warned_ = false;
  bool begun_ = false;  // the unfinished line is marked or has bytes
};

}  // namespace batuta
