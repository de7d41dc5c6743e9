// A command's checkpoints: what it writes to $BATUTA_CHECKPOINT while it runs.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <string>

namespace batuta::plugin {

class Context;

// The file holds what an earlier try left, and is there only then. Whatever the command writes to
// it becomes the task's checkpoint: a text, kept as JSON, 64 KiB at most. Used on the plugin's
// thread.
class CheckpointFile {
 public:
  // Writes the file. RetryableError when the disk does not take it.
  CheckpointFile(Context& context, std::string path);
  // Takes what was written, once it has stood still for a moment, so that nothing half written is
  // kept; to be called again and again while the command runs. Never throws: what is refused is
  // told in the log.
  void look();
  // The same at once, for the command has ended.
  void look_last();

 private:
  struct Mark {
    std::int64_t size = -1, seconds = 0, nanoseconds = 0;
    std::uint64_t inode = 0;
    bool operator==(const Mark&) const = default;
  };
  Mark mark() const;
  void take(const Mark& now);

  Context& context_;
  const std::string path_;
  Mark taken_, seen_;
  std::chrono::steady_clock::time_point next_{};
};

}  // namespace batuta::plugin
