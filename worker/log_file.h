// A log file with a size limit that keeps the head and the tail. Never fails its caller: what
// cannot be written (full disk) is dropped, and said once in the process's own log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "worker/log_format.h"
#include "worker/posix.h"

namespace batuta {

class LogFile {
 public:
  struct Limits {
    std::uint64_t head = usual_log_limit / 8 * 7;
    std::uint64_t tail = usual_log_limit / 8;
    // Of a log that has `bytes` in all; at least 1 KiB.
    static Limits of(std::int64_t bytes) {
      const auto eighth = static_cast<std::uint64_t>(bytes > 1024 ? bytes : 1024) / 8;
      return {eighth * 7, eighth};
    }
  };
  explicit LogFile(std::string path) : LogFile(std::move(path), Limits{}) {}
  LogFile(std::string path, Limits limits) : path_(std::move(path)), limits_(limits) {}
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  bool opened() const { return opened_; }
  // Whole lines. The file and its folder are made with the first byte; an existing file is
  // continued.
  void write(std::string_view lines);
  // Joins head and tail, then adds `last_line`. Nothing may be written afterwards.
  void finish(std::string_view last_line);

 private:
  void open();
  void write_head(std::string_view bytes);
  void write_tail(std::string_view bytes);
  void join_tail();
  void gave_up(const std::string& why);

  std::string path_;
  Limits limits_;
  UniqueFd head_;
  UniqueFd tail_;  // a ring on disk, beside the log, so that floods cost no memory
  std::uint64_t head_bytes_ = 0;
  std::uint64_t tail_bytes_ = 0;  // ever written to the ring
  bool opened_ = false;
  bool failed_ = false;
};

}  // namespace batuta
