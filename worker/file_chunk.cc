#include "worker/file_chunk.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "common/fd.h"
#include "worker/posix.h"

namespace batuta {
namespace {

constexpr std::string_view shown_folder = "logs/";

UniqueFd open_shown(const std::string& home, std::string_view path) {
  const UniqueFd folder{::open((home + "/logs").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!folder) return {};
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const std::string below{path.substr(shown_folder.size())};
  return UniqueFd{
      static_cast<int>(::syscall(SYS_openat2, folder.get(), below.c_str(), &how, sizeof how))};
}

}  // namespace

FileChunk read_file_chunk(const std::string& home, const FetchFile& wanted) {
  FileChunk chunk;
  chunk.request = wanted.request;
  if (!wanted.path.starts_with(shown_folder) || wanted.path.find('\0') != std::string::npos ||
      wanted.offset < 0 || wanted.size < 0) {
    chunk.fault = "only files below logs/ are given";
    return chunk;
  }
  const UniqueFd file = open_shown(home, wanted.path);
  struct stat facts {};
  if (!file || ::fstat(file.get(), &facts) != 0 || !S_ISREG(facts.st_mode)) {
    chunk.fault = "not found";
    return chunk;
  }
  chunk.file_bytes = facts.st_size;
  const std::int64_t left = std::max<std::int64_t>(0, facts.st_size - wanted.offset);
  chunk.bytes.resize(static_cast<std::size_t>(std::min({left, wanted.size, max_chunk_bytes})));
  std::size_t got = 0;
  while (got < chunk.bytes.size()) {
    const ssize_t n = ::pread(file.get(), chunk.bytes.data() + got, chunk.bytes.size() - got,
                              static_cast<off_t>(wanted.offset + static_cast<std::int64_t>(got)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) chunk.fault = errno_text("read " + wanted.path);
    if (n <= 0) break;
    got += static_cast<std::size_t>(n);
  }
  chunk.bytes.resize(got);
  return chunk;
}

}  // namespace batuta
