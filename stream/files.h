// The few POSIX steps of the file log. Messages name the path and the reason. Tasks may write into
// the folders, as other users than the scheduler and the commands: paths begin with what
// make_root() told, no link is followed below it, and only regular files are opened, so that nobody
// is led to another file or waits for a pipe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/fd.h"
#include "common/result.h"

namespace batuta::stream {

// A name that nothing else has, hidden from list_folder(): what is made under it is renamed.
std::string fresh_name();

// errno as an Error: Errc::not_found where nothing is there, Errc::unavailable else.
Error os_error(const char* verb, const std::string& path);

// mkdir -p, durable. What root makes is the folder's owner's, what is made below a folder that a
// group shares (set-group-id) is the group's too: slots may be other users than who created a
// topic.
Status make_folder(const std::string& path);
// The same for a folder that the administrator names: links on the way to it are his, and followed.
// Its path without them.
Result<std::string> make_root(const std::string& path);
// O_RDWR, created when it is missing, durable as an entry of its folder.
Result<UniqueFd> open_or_create(const std::string& path);
Result<UniqueFd> open_to_read(const std::string& path);
Status remove_file(const std::string& path);
Status sync_folder(const std::string& path);
Status write_at(int fd, std::string_view bytes, std::int64_t at, const std::string& path);
// At most `size` bytes, fewer at the end of the file.
Result<std::string> read_at(int fd, std::size_t size, std::int64_t at, const std::string& path);
// Whole and durable, or as before. Two at once need a lock.
Status replace_file(const std::string& path, std::string_view text);
Result<std::string> read_small_file(const std::string& path);
// Names, sorted, without those that begin with a dot.
Result<std::vector<std::string>> list_folder(const std::string& path);

// A lock between processes (flock), held for as long as the object lives; waits for at most 30
// seconds (Errc::unavailable, naming the file).
class FileLock {
 public:
  static Result<FileLock> take(const std::string& path, bool exclusive);

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

}  // namespace batuta::stream
