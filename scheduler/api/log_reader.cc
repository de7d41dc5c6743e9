#include "scheduler/api/log_reader.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/fd.h"
#include "common/time.h"
#include "scheduler/http/utf8.h"

namespace batuta::http {
namespace {

int open_beneath(int folder, const std::string& path) {
  struct open_how how {};
  how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
}

std::string read_at(int fd, std::int64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const auto n = ::pread(fd, bytes.data() + got, size - got,
                           static_cast<off_t>(offset + static_cast<std::int64_t>(got)));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  bytes.resize(got);
  return bytes;
}

// Cuts after the last whole line; a line longer than the window is cut where a character ends.
void cut_to_lines(std::string& bytes) {
  if (const auto end = bytes.rfind('\n'); end != std::string::npos) {
    bytes.resize(end + 1);
    return;
  }
  for (int i = 0; i < 3 && !bytes.empty(); ++i) {
    if ((static_cast<unsigned char>(bytes.back()) & 0xC0) != 0x80) break;
    bytes.pop_back();
  }
  if (!bytes.empty() && static_cast<unsigned char>(bytes.back()) >= 0xC0) bytes.pop_back();
}

// True: there were more.
bool cut_to_most_lines(std::string& bytes) {
  std::size_t end = 0;
  for (std::size_t lines = 0; lines < max_log_lines; ++lines) {
    end = bytes.find('\n', end);
    if (end == std::string::npos) return false;
    ++end;
  }
  if (end == bytes.size()) return false;
  bytes.resize(end);
  return true;
}

}  // namespace

Result<LogWindow> read_log(const std::string& home, const Uuid& run, const std::string& name,
                           std::int64_t offset, std::size_t window) {
  const Error missing{Errc::not_found, "there is no log", {}};
  const UniqueFd folder(::open((home + "/logs").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return missing;
  const UniqueFd file(open_beneath(folder.get(), to_string(run) + "/" + name));
  struct stat facts {};
  if (!file || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) return missing;

  const std::int64_t start = std::min<std::int64_t>(offset, facts.st_size);
  const auto left = static_cast<std::uint64_t>(facts.st_size - start);
  return log_window(read_at(file.get(), start, std::min<std::uint64_t>(left, window)), start,
                    facts.st_size);
}

std::string log_path(const Uuid& run, const std::string& name) {
  return "logs/" + to_string(run) + "/" + name;
}

LogWindow log_window(std::string bytes, std::int64_t offset, std::int64_t file_bytes) {
  LogWindow out;
  out.next = std::min(offset, file_bytes);
  out.at_end = out.next + static_cast<std::int64_t>(bytes.size()) >= file_bytes;
  if (!out.at_end) cut_to_lines(bytes);
  if (cut_to_most_lines(bytes)) out.at_end = false;
  out.next += static_cast<std::int64_t>(bytes.size());
  out.text = repair_utf8(bytes);
  out.bytes = std::move(bytes);
  return out;
}

LogLine parse_log_line(std::string_view line) {
  constexpr std::array<std::string_view, 5> levels = {"DEBUG", "INFO", "WARNING", "ERROR",
                                                      "CRITICAL"};
  LogLine out;
  const auto first = line.find(' ');
  const auto second = first == line.npos ? line.npos : line.find(' ', first + 1);
  if (second != line.npos && parse_iso(line.substr(0, first))) {
    auto level = line.substr(first + 1, second - first - 1);
    if (level == "WARN") level = "WARNING";
    for (const auto known : levels) {
      if (level != known) continue;
      out.timestamp = line.substr(0, first);
      for (const char c : known) out.level += static_cast<char>(c + 32);
      out.event = line.substr(second + 1);
      return out;
    }
  }
  out.event = line;
  return out;
}

}  // namespace batuta::http
