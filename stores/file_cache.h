// Objects of a store as whole files of this host, for engines that read nothing else. A folder with
// a bound, which several processes share; what was used longest ago goes first.
//
//   files/<hash>          what is kept: one file for each object and size
//   use/<id>.lock         held by who uses <id>/; where nobody holds it, <id>/ is a dead one's
//   use/<id>/files/<key>  what it reads: links to files/, which stay when those are evicted
//   use/<id>/staging/     what it writes, until it is put
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "common/fd.h"
#include "common/result.h"
#include "lakelog/storage.h"

namespace batuta::stores {

// A piece of an object that is held in memory while it is fetched.
inline constexpr std::uint64_t cache_piece_bytes = 16u << 20;

// Any thread. Errors: Errc::unavailable when the disk says no.
class FileCache {
 public:
  // Makes the folders that are missing, and takes away what dead processes left. `folder` is
  // absolute; `name` tells one store from another in it. `most_bytes`: of the files, those in use
  // among them.
  static Result<std::unique_ptr<FileCache>> open(const std::string& folder, std::string name,
                                                 std::int64_t most_bytes);
  // Lets go of all that was got, and takes away what was staged and not put.
  ~FileCache();
  FileCache(const FileCache&) = delete;
  FileCache& operator=(const FileCache&) = delete;

  // The path of a file with the object's bytes, which stays until this is gone. `size` is what the
  // table's log says: another one is Errc::malformed. -1: it is not known, the object may be
  // replaced, and is fetched anew. Errors as Storage::read(); Errc::too_large where this would hold
  // more than the bound by itself, and Errc::unavailable where others leave too little of it: the
  // sentence names lake.cache.
  Result<std::string> get(const lakelog::Storage& store, const std::string& key, std::int64_t size);

  // Whether get() would ask the store for nothing, for now; `size` is told.
  bool has(const std::string& key, std::int64_t size) const;

  // For ObjectStorage::stage().
  std::string staging() const { return own_ + "/staging"; }

 private:
  FileCache(std::string folder, std::string name, std::int64_t most_bytes);
  Status claim();
  void sweep() const;
  Status fetch(const lakelog::Storage& store, const std::string& key, std::int64_t size,
               const std::string& path) const;
  Status make_room(std::int64_t size);
  std::string kept_path(const std::string& key, std::int64_t size) const;

  const std::string folder_;
  const std::string name_;
  const std::int64_t most_bytes_;
  std::string own_;  // use/<id>
  UniqueFd lock_;
  std::mutex mutex_;  // guards what follows
  std::int64_t held_bytes_ = 0;
  std::int64_t kept_bytes_ = 0;  // of files/, as last counted and with what was added since
  int added_ = -1;               // since they were counted; -1: they never were
};

}  // namespace batuta::stores
