#include "scheduler/dagfile/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "common/fd.h"

namespace batuta {
namespace {

constexpr std::size_t max_entries = 10'000;
constexpr int max_depth = 16;

bool plain_path(const std::string& path) {
  return !path.empty() && path.front() != '/' && path.find('\0') == std::string::npos;
}

// Resolves in the kernel, so that no link can be swapped between check and open. Kernels without
// openat2 refuse every link instead.
UniqueFd open_below(int folder, const std::string& path, int flags) {
  struct open_how how = {};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | O_NONBLOCK);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how));
  if (fd >= 0 || errno != ENOSYS) return UniqueFd(static_cast<int>(fd));
  if (path.find("..") != std::string::npos) {
    errno = EXDEV;
    return UniqueFd(-1);
  }
  return UniqueFd(::openat(folder, path.c_str(), flags | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
}

UniqueFd open_folder(const std::string& folder) {
  return UniqueFd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

FileStamp stamp_of(const struct stat& info) {
  return {info.st_dev, info.st_ino, info.st_size,
          info.st_mtim.tv_sec * 1'000'000'000 + info.st_mtim.tv_nsec};
}

std::string refusal(int error) {
  if (error == EXDEV || error == ELOOP) return "is a symbolic link that leaves the DAG folder";
  return std::string("cannot be opened: ") + std::strerror(error);
}

FoundFile look_at(int root, std::string path) {
  FoundFile found;
  const UniqueFd file = open_below(root, path, O_RDONLY);
  struct stat info = {};
  if (!file) {
    found.refused = refusal(errno);
  } else if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    found.refused = "is not a regular file";
  } else {
    found.stamp = stamp_of(info);
  }
  found.path = std::move(path);
  return found;
}

bool is_dag_file(std::string_view name) {
  return name.ends_with(".json") && name != "dag.schema.json";
}

void list(int root, const std::string& below, int depth, Listing& out) {
  out.folders.push_back(below);
  UniqueFd folder = open_below(root, below.empty() ? "." : below, O_RDONLY | O_DIRECTORY);
  if (!folder) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(
      ::fdopendir(::fcntl(folder.get(), F_DUPFD_CLOEXEC, 0)), ::closedir);
  if (!entries) return;
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string name = entry->d_name;
    if (name.front() == '.') continue;
    if (out.files.size() + out.folders.size() >= max_entries) {
      out.truncated = true;
      return;
    }
    struct stat info = {};
    if (::fstatat(folder.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    auto path = below.empty() ? name : below + "/" + name;
    if (S_ISDIR(info.st_mode)) {
      if (depth < max_depth) list(root, path, depth + 1, out);
    } else if (is_dag_file(name)) {
      out.files.push_back(look_at(root, std::move(path)));
    }
  }
}

std::optional<std::string> read_all(int fd, std::size_t limit) {
  std::string text;
  char chunk[64 << 10];
  for (;;) {
    const ssize_t n = ::read(fd, chunk, sizeof(chunk));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return std::nullopt;
    if (n == 0) return text;
    text.append(chunk, static_cast<std::size_t>(n));
    if (text.size() > limit) return text;
  }
}

}  // namespace

Listing list_dag_folder(const std::string& folder) {
  Listing out;
  const UniqueFd root = open_folder(folder);
  if (!root) {
    out.missing = true;
    return out;
  }
  list(root.get(), "", 0, out);
  std::sort(out.files.begin(), out.files.end(),
            [](const FoundFile& a, const FoundFile& b) { return a.path < b.path; });
  return out;
}

Result<std::string> read_below(const std::string& folder, const std::string& path,
                               std::size_t limit) {
  if (!plain_path(path)) return {Errc::forbidden, "the path must lie below the DAG folder"};
  const UniqueFd root = open_folder(folder);
  const UniqueFd file = root ? open_below(root.get(), path, O_RDONLY) : UniqueFd(-1);
  if (!file) {
    const bool outside = errno == EXDEV || errno == ELOOP;
    return {errno == ENOENT ? Errc::not_found
            : outside       ? Errc::forbidden
                            : Errc::unavailable,
            errno == ENOENT ? "no such file" : refusal(errno)};
  }
  struct stat info = {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return {Errc::forbidden, "is not a regular file"};
  }
  auto text = read_all(file.get(), limit);
  if (!text) return {Errc::unavailable, std::string("cannot be read: ") + std::strerror(errno)};
  if (text->size() > limit) {
    return {Errc::too_large, "is larger than " + std::to_string(limit >> 10) + " KiB"};
  }
  return std::move(*text);
}

std::string folder_beside(const std::string& dag_folder, const std::string& name) {
  std::filesystem::path folder(dag_folder);
  if (!folder.has_filename()) folder = folder.parent_path();  // "dags/"
  return (folder.parent_path() / name).string();
}

Status check_links_of_bundle(const std::string& folder) {
  const UniqueFd root = open_folder(folder);
  if (!root) return success();  // told where its DAGs are looked for
  for (const char* name : {"dags", "contracts", "models", "monitors", "calendars"}) {
    if (open_below(root.get(), name, O_RDONLY) || errno == ENOENT) continue;
    if (errno == EXDEV || errno == ELOOP) {
      return {Errc::forbidden, std::string(name) +
                                   " is a symbolic link that leaves the bundle; put the files "
                                   "themselves into it"};
    }
    return {Errc::forbidden, std::string(name) + " " + refusal(errno)};
  }
  return success();
}

namespace {
// Of "models/…" and "calendars/…" the folder's name; empty: of another path.
std::string folder_named(const std::string& path) {
  for (const std::string name : {"models", "calendars"}) {
    if (path.starts_with(name + "/")) return name;
  }
  return {};
}
}  // namespace

std::string named_beside(const std::string& dag_folder, const std::string& path) {
  const std::string name = folder_named(path);
  return name.empty() ? "" : folder_beside(dag_folder, name) + path.substr(name.size());
}

Result<std::string> read_named(const std::string& dag_folder, const std::string& path,
                               std::size_t limit) {
  auto text = read_below(dag_folder, path, limit);
  const std::string name = folder_named(path);
  if (text || text.error().code != Errc::not_found || name.empty()) return text;
  return read_below(folder_beside(dag_folder, name), path.substr(name.size() + 1), limit);
}

}  // namespace batuta
