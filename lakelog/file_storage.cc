#include "lakelog/file_storage.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "common/failpoint.h"
#include "common/uuid.h"
#include "lakelog/posix_file.h"

namespace batuta::lakelog {
namespace fs = std::filesystem;
namespace {

// A temporary file this old belongs to a process that died between write and unlink.
constexpr std::int64_t stale_temporary_s = 3600;
constexpr std::string_view temporary_prefix = ".batuta-";
constexpr std::size_t max_known_folders = 100'000;

std::string parent_of(const std::string& key) {
  const auto slash = key.find_last_of('/');
  return slash == std::string::npos ? "" : key.substr(0, slash);
}

Error failure(const char* verb, const std::string& path, int reason) {
  const bool absent = reason == ENOENT || reason == ENOTDIR;
  return {absent ? Errc::not_found : Errc::unavailable,
          std::string("cannot ") + verb + " " + path + ": " + std::strerror(reason),
          {}};
}

Error no_key(const std::string& key) {
  return {Errc::invalid, "not a key of the lake: " + key, {}};
}

// Writing into a folder that is gone is a matter of trying again, not of a missing object.
Error as_unavailable(Error error) {
  if (error.code == Errc::not_found) error.code = Errc::unavailable;
  return error;
}

std::int64_t modified_ms(const struct stat& info) {
  return static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1000 + info.st_mtim.tv_nsec / 1'000'000;
}

// Leftovers of killed writers would pile up for ever otherwise.
void sweep_stale_temporaries(const std::string& folder) {
  std::error_code ec;
  const auto now = std::time(nullptr);
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    const std::string name = it->path().filename().string();
    struct stat info {};
    if (name.starts_with(temporary_prefix) && ::lstat(it->path().c_str(), &info) == 0 &&
        now - info.st_mtime > stale_temporary_s) {
      ::unlink(it->path().c_str());
    }
  }
}

enum class Kind { object, prefix, neither };

Kind kind_of(const fs::directory_entry& entry) {
  std::error_code ec;
  if (entry.is_symlink(ec)) return entry.is_regular_file(ec) ? Kind::object : Kind::neither;
  if (entry.is_directory(ec)) return Kind::prefix;
  return entry.is_regular_file(ec) ? Kind::object : Kind::neither;
}

}  // namespace

FileStorage::FileStorage(std::string root) : root_(std::move(root)) {}

std::string FileStorage::path_of(const std::string& key) const {
  return key.empty() ? root_ : root_ + "/" + key;
}

Result<Listing> FileStorage::list(const std::string& prefix, const ListOptions& options) const {
  const bool well_formed =
      prefix.empty() || (prefix.ends_with('/') && valid_key(prefix.substr(0, prefix.size() - 1)));
  if (!well_formed) return no_key(prefix);
  const std::string folder = path_of(prefix);
  Listing listing;
  std::error_code ec;
  fs::directory_iterator it(folder, ec);
  if (ec == std::errc::no_such_file_or_directory || ec == std::errc::not_a_directory)
    return listing;
  for (const fs::directory_iterator end; !ec && it != end; it.increment(ec)) {
    if (options.limit != 0 && listing.objects.size() + listing.prefixes.size() == options.limit)
      break;
    const std::string name = it->path().filename().string();
    const Kind kind = name.starts_with(temporary_prefix) ? Kind::neither : kind_of(*it);
    std::string key = prefix + name;
    if (kind == Kind::neither || key <= options.start_after) continue;
    if (kind == Kind::prefix) {
      listing.prefixes.push_back(key + "/");
      continue;
    }
    ObjectInfo info{std::move(key)};
    if (struct stat told{}; options.details) {
      if (::stat(it->path().c_str(), &told) != 0) continue;  // removed meanwhile
      info.size = told.st_size;
      info.modified_ms = modified_ms(told);
    }
    listing.objects.push_back(std::move(info));
  }
  if (ec) return {Errc::unavailable, "cannot list " + folder + ": " + ec.message()};
  std::sort(listing.objects.begin(), listing.objects.end(),
            [](const ObjectInfo& a, const ObjectInfo& b) { return a.key < b.key; });
  std::sort(listing.prefixes.begin(), listing.prefixes.end());
  return listing;
}

Result<std::string> FileStorage::read(const std::string& key, ByteRange range) const {
  if (!valid_key(key)) return no_key(key);
  return read_file_range(path_of(key), range.offset, range.length);
}

Result<std::string> FileStorage::write_temporary(const std::string& folder,
                                                 std::string_view bytes) {
  for (const bool last : {false, true}) {
    if (auto made = make_folder(folder); !made) return as_unavailable(made.error());
    Uuid id;
    random_bytes(id.bytes.data(), id.bytes.size());
    const std::string temporary =
        path_of(folder) + "/" + std::string(temporary_prefix) + to_string(id);
    const auto written = write_new_file(temporary, bytes);
    if (written.ok()) return temporary;
    ::unlink(temporary.c_str());
    // Somebody removed a folder that was known to be there: once more from the root.
    if (last || written.error().code != Errc::not_found) return as_unavailable(written.error());
    forget_folders();
  }
  return {Errc::unavailable, "cannot write into " + path_of(folder)};
}

Result<Put> FileStorage::put_if_absent(const std::string& key, std::string_view bytes) {
  if (!valid_key(key)) return no_key(key);
  const bool is_entry = key.find("/_delta_log/") != std::string::npos;
  if (is_entry) failpoint("publish_before_write");
  const std::string folder = parent_of(key);
  auto temporary = write_temporary(folder, bytes);
  if (!temporary) return temporary.error();
  if (is_entry) failpoint("publish_before_link");
  const int rc = ::link(temporary->c_str(), path_of(key).c_str());
  const int reason = errno;
  ::unlink(temporary->c_str());
  if (rc != 0 && reason == EEXIST) return Put::exists;
  if (rc != 0) return as_unavailable(failure("link", path_of(key), reason));
  if (is_entry) failpoint("publish_after_link");
  if (auto synced = sync_folder(path_of(folder)); !synced) return as_unavailable(synced.error());
  return Put::done;
}

Status FileStorage::put(const std::string& key, std::string_view bytes) {
  if (!valid_key(key)) return no_key(key);
  const std::string folder = parent_of(key);
  sweep_stale_temporaries(path_of(folder));
  auto temporary = write_temporary(folder, bytes);
  if (!temporary) return temporary.error();
  if (std::rename(temporary->c_str(), path_of(key).c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary->c_str());
    return as_unavailable(failure("replace", path_of(key), reason));
  }
  if (auto synced = sync_folder(path_of(folder)); !synced) return as_unavailable(synced.error());
  return success();
}

Status FileStorage::remove(const std::string& key) {
  if (!valid_key(key)) return no_key(key);
  if (::unlink(path_of(key).c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return success();
  return failure("remove", path_of(key), errno);
}

Result<ObjectInfo> FileStorage::stat(const std::string& key) const {
  if (!valid_key(key)) return no_key(key);
  struct stat info {};
  if (::stat(path_of(key).c_str(), &info) != 0) return failure("find", path_of(key), errno);
  if (!S_ISREG(info.st_mode)) return failure("find", path_of(key), ENOENT);
  return ObjectInfo{key, info.st_size, modified_ms(info)};
}

Result<std::string> FileStorage::stage(const std::string& prefix) {
  if (!valid_key(prefix)) return no_key(prefix);
  if (auto made = make_folder(prefix); !made) return as_unavailable(made.error());
  std::error_code ec;
  if (!fs::is_directory(path_of(prefix), ec)) {  // known once, and removed since
    forget_folders();
    if (auto made = make_folder(prefix); !made) return as_unavailable(made.error());
  }
  return path_of(prefix);
}

// Each folder once, and those above as far as nobody has made their names sure: in which order does
// not matter, for nothing counts before all are.
Status FileStorage::sync(const std::vector<std::string>& keys) {
  std::set<std::string> folders, named;
  for (const std::string& key : keys) {
    if (!valid_key(key)) return no_key(key);
    folders.insert(parent_of(key));
  }
  if (keys.size() > 1)
    for (const std::string& key : keys) start_write_back(path_of(key));
  for (const std::string& key : keys)
    if (auto synced = sync_file(path_of(key)); !synced) return synced;
  for (const std::string& holding : std::set<std::string>(folders)) {
    for (std::string folder = holding; !folder.empty() && !is_durable(folder);
         folder = parent_of(folder)) {
      named.insert(folder);
      folders.insert(parent_of(folder));
    }
  }
  for (const std::string& folder : folders)
    if (auto synced = sync_folder(path_of(folder)); !synced) return synced;
  for (const std::string& folder : named) set_durable(folder);
  return success();
}

Status FileStorage::make_folder(const std::string& folder) {
  if (is_durable(folder)) return success();
  if (folder.empty()) {
    if (auto made = make_folders(root_); !made) return made;
    set_durable(folder);
    return success();
  }
  const std::string above = parent_of(folder);
  if (auto made = make_folder(above); !made) return made;
  if (auto made = make_one_folder(path_of(folder)); !made) return made;
  // Whoever made it may have died before this.
  if (auto synced = sync_folder(path_of(above)); !synced) return synced;
  set_durable(folder);
  return success();
}

bool FileStorage::is_durable(const std::string& folder) const {
  std::lock_guard lock(mutex_);
  return durable_.contains(folder);
}

void FileStorage::set_durable(const std::string& folder) {
  std::lock_guard lock(mutex_);
  if (durable_.size() >= max_known_folders) durable_.clear();
  durable_.insert(folder);
}

void FileStorage::forget_folders() {
  std::lock_guard lock(mutex_);
  durable_.clear();
}

}  // namespace batuta::lakelog
