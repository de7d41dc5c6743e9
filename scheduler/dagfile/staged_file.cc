#include "scheduler/dagfile/staged_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <utility>

#include "common/uuid.h"

namespace batuta {
namespace {

constexpr int as_it_is = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

Error failed_write(const std::string& path, int error) {
  const std::string why = path + " cannot be written: " + std::strerror(error);
  if (error == EACCES || error == EPERM || error == EROFS)
    return {Errc::forbidden, why + "; the user that the server runs as must be let to", {}};
  return {Errc::unavailable, why, {}};
}

Error failed_open(const std::string& path, int error) {
  if (error == ENOENT) return {Errc::not_found, "there is no file " + path, {}};
  if (error == ELOOP || error == ENOTDIR)
    return {Errc::forbidden,
            path +
                " is reached by a symbolic link: only files that lie in the "
                "DAG folder themselves are written",
            {}};
  return {Errc::unavailable, path + " cannot be opened: " + std::strerror(error), {}};
}

// The folder that the file is in, one step after another so that no link is followed on the way,
// and the file's name in it.
Result<std::pair<UniqueFd, std::string>> open_parent(const std::string& folder,
                                                     const std::string& path) {
  UniqueFd at(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) return failed_open(folder, errno);
  std::size_t from = 0;
  for (;;) {
    const auto to = path.find('/', from);
    const std::string part = path.substr(from, to == path.npos ? to : to - from);
    if (part.empty() || part.front() == '.' || part.find('\0') != part.npos)
      return {Errc::forbidden, path + " is not the name of a file below the DAG folder"};
    if (to == path.npos) return std::pair(std::move(at), part);
    UniqueFd next(::openat(at.get(), part.c_str(), O_RDONLY | O_DIRECTORY | as_it_is));
    if (!next) return failed_open(path, errno);
    at = std::move(next);
    from = to + 1;
  }
}

// The folder's own file, open for reading.
Result<UniqueFd> open_regular(const UniqueFd& folder, const std::string& name, struct stat& info) {
  UniqueFd file(::openat(folder.get(), name.c_str(), O_RDONLY | as_it_is));
  if (!file) return failed_open(name, errno);
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return {Errc::forbidden, name + " is not a regular file"};
  return file;
}

bool write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// Whether the file holds `text` and no byte more.
bool holds(int fd, std::string_view text) {
  std::array<char, std::size_t{64} << 10> chunk{};
  for (;;) {
    const ssize_t n = ::read(fd, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0 && text.empty();
    const std::string_view part(chunk.data(), static_cast<std::size_t>(n));
    if (!text.starts_with(part)) return false;
    text.remove_prefix(part.size());
  }
}

// The new file belongs to whom the old one does: who deploys into the folder must go on doing so.
Status keep_owner(const UniqueFd& file, const struct stat& old, const std::string& path) {
  struct stat made = {};
  if (::fstat(file.get(), &made) != 0) return failed_write(path, errno);
  if (made.st_uid == old.st_uid && made.st_gid == old.st_gid) return success();
  if (::fchown(file.get(), old.st_uid, old.st_gid) == 0) return success();
  if (errno != EPERM) return failed_write(path, errno);
  return {Errc::forbidden, path + " belongs to user " + std::to_string(old.st_uid) + ", group " +
                               std::to_string(old.st_gid) +
                               ", and the server's user may not write a file for them: give it to "
                               "the server's user, or change it where it is deployed from"};
}

std::string hidden_name(const std::string& name) {
  std::uint64_t number = 0;
  random_bytes(&number, sizeof(number));
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(number));
  return "." + name + "." + digits.data() + ".new";
}

}  // namespace

StagedFile::StagedFile(StagedFile&& other) noexcept
    : folder_(std::move(other.folder_)),
      name_(std::move(other.name_)),
      staged_(std::exchange(other.staged_, {})) {}

StagedFile::~StagedFile() {
  if (!staged_.empty()) ::unlinkat(folder_.get(), staged_.c_str(), 0);
}

Result<StagedFile> StagedFile::stage(const std::string& folder, const std::string& path,
                                     std::string_view text) {
  auto parent = open_parent(folder, path);
  if (!parent) return parent.error();
  StagedFile out;
  out.folder_ = std::move(parent->first);
  out.name_ = std::move(parent->second);
  struct stat info = {};
  if (const auto now = open_regular(out.folder_, out.name_, info); !now) return now.error();
  const std::string hidden = hidden_name(out.name_);
  const UniqueFd file(
      ::openat(out.folder_.get(), hidden.c_str(), O_WRONLY | O_CREAT | O_EXCL | as_it_is, 0600));
  if (!file) return failed_write(path, errno);
  out.staged_ = hidden;
  if (auto kept = keep_owner(file, info, path); !kept) return kept.error();
  if (!write_whole(file.get(), text) || ::fchmod(file.get(), info.st_mode & 0777) != 0 ||
      ::fsync(file.get()) != 0)
    return failed_write(path, errno);
  return out;
}

Status StagedFile::replace(std::string_view before) {
  struct stat info = {};
  const auto now = open_regular(folder_, name_, info);
  if (!now) return now.error();
  if (!holds(now->get(), before))
    return {Errc::conflict, name_ + " was changed meanwhile by somebody else"};
  if (::renameat(folder_.get(), staged_.c_str(), folder_.get(), name_.c_str()) != 0)
    return failed_write(name_, errno);
  staged_.clear();
  if (::fsync(folder_.get()) != 0) return failed_write(name_, errno);
  return success();
}

}  // namespace batuta
