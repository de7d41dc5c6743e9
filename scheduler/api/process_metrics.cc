#include "scheduler/api/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace batuta::http {
namespace {

// The fields of /proc/self/stat behind the command's name, which may hold blanks.
std::string fields_of_stat() {
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  const auto end = line.rfind(')');
  return end == std::string::npos ? "" : line.substr(end + 1);
}

double boot_time() {
  std::ifstream in("/proc/stat");
  for (std::string word; in >> word;) {
    double seconds = 0;
    if (word == "btime" && in >> seconds) return seconds;
  }
  return 0;
}

std::uint64_t count_open_files() {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return 0;
  std::uint64_t count = 0;
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count > 3 ? count - 3 : 0;  // ".", ".." and the folder itself
}

}  // namespace

ProcessMetrics read_process_metrics(const std::string& home) {
  static const double boot = boot_time();
  ProcessMetrics m;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::istringstream stat(fields_of_stat());
  std::string field;
  for (int number = 3; stat >> field; ++number) {  // numbered as proc(5) does
    if (number == 14 || number == 15) m.cpu_seconds += std::strtod(field.c_str(), nullptr) / ticks;
    if (number == 22) m.start_time = boot + std::strtod(field.c_str(), nullptr) / ticks;
    if (number == 24) {
      m.resident_bytes = std::strtoull(field.c_str(), nullptr, 10) *
                         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    }
  }
  m.open_files = count_open_files();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) m.max_files = limit.rlim_cur;
  struct statvfs disk {};
  if (::statvfs(home.c_str(), &disk) == 0) {
    m.disk_free_bytes = disk.f_bavail * disk.f_frsize;
    m.disk_bytes = disk.f_blocks * disk.f_frsize;
  }
  return m;
}

}  // namespace batuta::http
