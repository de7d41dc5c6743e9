#include "stores/file_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "common/uuid.h"
#include "stores/sign.h"

namespace batuta::stores {
namespace {

namespace fs = std::filesystem;

// Others add files, too: after so many of our own they are counted again.
constexpr int count_every = 64;

Error disk_error(const std::string& what, const std::string& path, int error = errno) {
  return {Errc::unavailable,
          "lake.cache: cannot " + what + " " + path + ": " + std::strerror(error),
          {}};
}

// What root makes in a folder of another user is that user's, who reads and evicts it.
void give_to_owner_of(const std::string& folder, const std::string& path) {
  struct stat told {};
  if (::geteuid() != 0 || ::stat(folder.c_str(), &told) != 0 || told.st_uid == 0) return;
  if (::lchown(path.c_str(), told.st_uid, told.st_gid) != 0) return;  // then it is evicted by root
}

Status make_cache_folder(const std::string& path) {
  struct stat told {};
  if (::stat(path.c_str(), &told) == 0 && S_ISDIR(told.st_mode)) return success();
  const std::string parent = path.substr(0, path.find_last_of('/'));
  if (!parent.empty())
    if (auto made = make_cache_folder(parent); !made) return made;
  if (::mkdir(path.c_str(), 0755) != 0) {
    if (errno == EEXIST) return success();
    return disk_error("make the folder", path);
  }
  give_to_owner_of(parent, path);
  return success();
}

// An open lock file that is held, and still has its name.
UniqueFd hold(const std::string& path, int flags) {
  UniqueFd lock{::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0644)};
  struct stat told {};
  if (!lock || ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) return {};
  if (::fstat(lock.get(), &told) != 0 || told.st_nlink == 0) return {};
  return lock;
}

std::string fresh_name() {
  Uuid id;
  random_bytes(id.bytes.data(), id.bytes.size());
  return to_string(id);
}

std::string mebibytes(std::int64_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

Status write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return disk_error("write", path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return success();
}

struct KeptFile {
  std::string path;
  std::int64_t size = 0;
  std::int64_t used_ns = 0;
  bool in_use = false;
};

std::vector<KeptFile> kept_files(const std::string& folder) {
  std::vector<KeptFile> out;
  std::error_code failed;
  for (auto it = fs::directory_iterator(folder, failed); !failed && it != fs::directory_iterator();
       it.increment(failed)) {
    struct stat told {};
    const std::string path = it->path().string();
    if (::lstat(path.c_str(), &told) != 0 || !S_ISREG(told.st_mode)) continue;
    out.push_back({path, told.st_size,
                   std::int64_t{told.st_mtim.tv_sec} * 1'000'000'000 + told.st_mtim.tv_nsec,
                   told.st_nlink > 1});
  }
  std::sort(out.begin(), out.end(),
            [](const KeptFile& a, const KeptFile& b) { return a.used_ns < b.used_ns; });
  return out;
}

}  // namespace

FileCache::FileCache(std::string folder, std::string name, std::int64_t most_bytes)
    : folder_(std::move(folder)), name_(std::move(name)), most_bytes_(most_bytes) {}

Result<std::unique_ptr<FileCache>> FileCache::open(const std::string& folder, std::string name,
                                                   std::int64_t most_bytes) {
  if (!folder.starts_with('/'))
    return {Errc::invalid,
            "the cache of a lake must be an absolute folder, not \"" + folder + "\""};
  std::unique_ptr<FileCache> cache(new FileCache(folder, std::move(name), most_bytes));
  for (const char* part : {"/files", "/use"})
    if (auto made = make_cache_folder(folder + part); !made) return made.error();
  cache->sweep();
  if (auto claimed = cache->claim(); !claimed) return claimed.error();
  return cache;
}

FileCache::~FileCache() {
  std::error_code ignored;
  if (own_.empty()) return;
  fs::remove_all(own_, ignored);
  ::unlink((own_ + ".lock").c_str());
}

Status FileCache::claim() {
  // Between its making and its lock a sweep may take it for a dead one's.
  for (int tries = 0; tries < 8; ++tries) {
    const std::string own = folder_ + "/use/" + fresh_name();
    lock_ = hold(own + ".lock", O_CREAT | O_EXCL);
    if (!lock_) continue;
    own_ = own;
    give_to_owner_of(folder_ + "/use", own + ".lock");
    for (const char* part : {"/files", "/staging"})
      if (auto made = make_cache_folder(own + part); !made) return made;
    return success();
  }
  return disk_error("claim a folder in", folder_ + "/use");
}

void FileCache::sweep() const {
  std::error_code failed;
  std::vector<std::string> locks;
  for (auto it = fs::directory_iterator(folder_ + "/use", failed);
       !failed && it != fs::directory_iterator(); it.increment(failed)) {
    const std::string path = it->path().string();
    if (path.ends_with(".lock")) locks.push_back(path);
  }
  for (const std::string& path : locks) {
    const UniqueFd lock = hold(path, 0);
    if (!lock) continue;
    fs::remove_all(path.substr(0, path.size() - std::strlen(".lock")), failed);
    if (!failed) ::unlink(path.c_str());
  }
}

std::string FileCache::kept_path(const std::string& key, std::int64_t size) const {
  return folder_ + "/files/" + sha256_hex(name_ + "\n" + key + "\n" + std::to_string(size));
}

bool FileCache::has(const std::string& key, std::int64_t size) const {
  struct stat told {};
  return ::stat(kept_path(key, size).c_str(), &told) == 0 && told.st_size == size;
}

Result<std::string> FileCache::get(const lakelog::Storage& store, const std::string& key,
                                   std::int64_t size) {
  if (!lakelog::valid_key(key)) return {Errc::invalid, "\"" + key + "\" is no key of a lake"};
  std::lock_guard guard(mutex_);
  const std::string path = own_ + "/files/" + key;
  struct stat told {};
  const bool held = ::stat(path.c_str(), &told) == 0;
  if (held && told.st_size == size) return path;
  if (held) ::unlink(path.c_str());
  if (auto made = make_cache_folder(path.substr(0, path.find_last_of('/'))); !made)
    return made.error();
  if (size < 0) {
    const auto now = store.stat(key);
    if (!now) return now.error();
    if (auto room = make_room(now->size); !room) return room.error();
    if (auto fetched = fetch(store, key, now->size, path); !fetched) return fetched.error();
    held_bytes_ += now->size;
    return path;
  }
  const std::string kept = kept_path(key, size);
  if (::link(kept.c_str(), path.c_str()) == 0) {
    if (::stat(path.c_str(), &told) == 0 && told.st_size == size) {
      ::utimensat(AT_FDCWD, path.c_str(), nullptr, 0);  // used just now
      held_bytes_ += size;
      return path;
    }
    ::unlink(path.c_str());
    ::unlink(kept.c_str());
  }
  if (auto room = make_room(size); !room) return room.error();
  if (auto fetched = fetch(store, key, size, path); !fetched) return fetched.error();
  // Another process may have been faster: then this one is our own until we let go.
  if (::link(path.c_str(), kept.c_str()) == 0) {
    kept_bytes_ += size;
    ++added_;
  }
  held_bytes_ += size;
  return path;
}

// Under its name stands the whole object or nothing, whenever this is killed; and what a power cut
// leaves is whole too, for a later start reads it.
Status FileCache::fetch(const lakelog::Storage& store, const std::string& key, std::int64_t size,
                        const std::string& path) const {
  const std::string part = own_ + "/part";
  UniqueFd out{::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644)};
  if (!out) return disk_error("write", part);
  std::uint64_t at = 0;
  const auto wanted = static_cast<std::uint64_t>(size);
  while (at < wanted) {
    const auto piece = store.read(key, {at, std::min(cache_piece_bytes, wanted - at)});
    if (!piece) return piece.error();
    if (piece->empty()) break;
    if (auto written = write_all(out.get(), *piece, part); !written) return written;
    at += piece->size();
  }
  // One that ends there ends the look, too: a longer one is as wrong as a shorter one.
  const auto more = store.stat(key);
  if (!more) return more.error();
  if (at != wanted || more->size != size)
    return {Errc::malformed, key + " has " + std::to_string(more->size) +
                                 " bytes in the store; the table's log says " +
                                 std::to_string(size)};
  if (::fsync(out.get()) != 0) return disk_error("write", part);
  give_to_owner_of(folder_ + "/files", part);
  if (::rename(part.c_str(), path.c_str()) != 0) return disk_error("name", path);
  return success();
}

Status FileCache::make_room(std::int64_t size) {
  if (held_bytes_ + size > most_bytes_) {
    return {Errc::too_large, "lake.cache is " + mebibytes(most_bytes_) +
                                 ", and what is read at once takes " +
                                 mebibytes(held_bytes_ + size) + ": let it be larger"};
  }
  if (added_ >= 0 && added_ < count_every && kept_bytes_ + size <= most_bytes_) return success();
  added_ = 0;
  kept_bytes_ = 0;
  const auto files = kept_files(folder_ + "/files");
  for (const KeptFile& file : files) kept_bytes_ += file.size;
  for (const KeptFile& file : files) {
    if (kept_bytes_ + size <= most_bytes_) break;
    if (file.in_use || ::unlink(file.path.c_str()) != 0) continue;
    kept_bytes_ -= file.size;
  }
  if (kept_bytes_ + size <= most_bytes_) return success();
  return {Errc::unavailable, "lake.cache is " + mebibytes(most_bytes_) + ", and what is read of " +
                                 "it now leaves no " + mebibytes(size) +
                                 ": it is tried again; let it be larger"};
}

}  // namespace batuta::stores
