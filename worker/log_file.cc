#include "worker/log_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "common/log.h"

namespace batuta {
namespace {

bool put(int fd, std::string_view bytes, std::int64_t at = -1) {
  while (!bytes.empty()) {
    const ssize_t done = at < 0 ? ::write(fd, bytes.data(), bytes.size())
                                : ::pwrite(fd, bytes.data(), bytes.size(), at);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(done));
    if (at >= 0) at += done;
  }
  return true;
}

}  // namespace

LogFile::~LogFile() {
  if (tail_) ::unlink((path_ + ".tail").c_str());
}

void LogFile::gave_up(const std::string& why) {
  failed_ = true;
  log::warn("task log " + path_ + " is incomplete: " + why);
}

void LogFile::open() {
  opened_ = true;
  const Status folder = make_folder(path_.substr(0, path_.find_last_of('/')));
  if (!folder) return gave_up(folder.error().message);
  head_.reset(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!head_) return gave_up(errno_text("open"));
  struct stat info {};
  if (::fstat(head_.get(), &info) == 0) head_bytes_ = static_cast<std::uint64_t>(info.st_size);
}

void LogFile::write(std::string_view lines) {
  if (lines.empty()) return;
  if (!opened_) open();
  if (failed_) return;
  if (!tail_ && head_bytes_ < limits_.head) {
    const std::uint64_t room = limits_.head - head_bytes_;
    std::string_view fits = lines.substr(0, room);
    if (fits.size() < lines.size()) fits = fits.substr(0, fits.find_last_of('\n') + 1);
    write_head(fits);
    lines.remove_prefix(fits.size());
  }
  if (!lines.empty()) write_tail(lines);
}

void LogFile::write_head(std::string_view bytes) {
  if (!put(head_.get(), bytes)) return gave_up(errno_text("write"));
  head_bytes_ += bytes.size();
}

void LogFile::write_tail(std::string_view bytes) {
  if (!tail_) {
    tail_.reset(::open((path_ + ".tail").c_str(),
                       O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!tail_) return gave_up(errno_text("open"));
  }
  while (!bytes.empty()) {
    const std::uint64_t at = tail_bytes_ % limits_.tail;
    const auto piece = bytes.substr(0, limits_.tail - at);
    if (!put(tail_.get(), piece, static_cast<std::int64_t>(at)))
      return gave_up(errno_text("write"));
    tail_bytes_ += piece.size();
    bytes.remove_prefix(piece.size());
  }
}

// Copies the ring behind the head, oldest byte first, from its first whole line.
void LogFile::join_tail() {
  const std::uint64_t kept = std::min(tail_bytes_, limits_.tail);
  std::uint64_t at = tail_bytes_ - kept;
  bool whole_line = kept == tail_bytes_;
  std::uint64_t left_out = at;
  std::vector<char> chunk(256 << 10);
  bool marked = false;
  while (at < tail_bytes_ && !failed_) {
    const std::uint64_t place = at % limits_.tail;
    const std::size_t want =
        std::min<std::uint64_t>({chunk.size(), tail_bytes_ - at, limits_.tail - place});
    const ssize_t got = ::pread(tail_.get(), chunk.data(), want, static_cast<off_t>(place));
    if (got <= 0) return gave_up(errno_text("read"));
    at += static_cast<std::uint64_t>(got);
    std::string_view bytes{chunk.data(), static_cast<std::size_t>(got)};
    if (!whole_line) {
      const std::size_t end = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
      whole_line = bytes[end - 1] == '\n';
      left_out += end;
      bytes.remove_prefix(end);
    }
    if (whole_line && !marked && left_out > 0) {
      marked = true;
      write_head(to_iso(wall_now()) + " WARN Log limit reached: " + std::to_string(left_out) +
                 " bytes left out\n");
    }
    write_head(bytes);
  }
}

void LogFile::finish(std::string_view last_line) {
  if (!opened_) open();
  if (failed_) return;
  if (tail_) join_tail();
  if (!failed_) write_head(last_line);
}

}  // namespace batuta
