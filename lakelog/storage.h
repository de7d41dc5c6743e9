// Where a lake's objects lie: a folder of this host today, an object store behind the same calls
// later. Nothing here knows of folders, descriptors or links: an object is a key and its bytes.
//
// Keys are relative to the lake: segments joined by '/', none of them empty, "." or "..", at most
// 1024 bytes and without NUL ("silver/financial/quotes/_delta_log/00000000000000000012.json").
//
// What a power cut may take: nothing that a `put`, `put_if_absent` or `sync` has returned from. An
// object that was put is there whole or not at all, whenever the power fails. Objects that an
// engine wrote into a staging folder may be gone, short or torn until they were synced.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace batuta::lakelog {

struct ObjectInfo {
  std::string key;
  std::int64_t size = -1;         // bytes; -1 = not asked for
  std::int64_t modified_ms = -1;  // since 1970; -1 = not asked for
  // Of a listing with details of an object store: another one where the bytes are others. Else
  // empty.
  std::string etag{};
};

struct ListOptions {
  bool details = false;       // sizes and times too
  std::string start_after{};  // only keys greater than this one
  // At most so many objects and prefixes, any of them; 0 = all.
  std::size_t limit = 0;
};

struct Listing {
  std::vector<ObjectInfo> objects;    // ascending by key
  std::vector<std::string> prefixes;  // with their last '/', ascending
};

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t length = std::numeric_limits<std::uint64_t>::max();
};

enum class Put { done, exists };

// Any thread; nothing of an object is cached. Errors everywhere: Errc::invalid for what is no key,
// Errc::unavailable when the storage says no (try again later).
class Storage {
 public:
  virtual ~Storage() = default;

  // What lies directly under `prefix` (empty, or ending in '/'): objects, and the prefixes that
  // lead further down. Nothing there is an empty listing, no error.
  virtual Result<Listing> list(const std::string& prefix,
                               const ListOptions& options = {}) const = 0;
  // The bytes of the range, fewer where the object ends. Errc::not_found.
  virtual Result<std::string> read(const std::string& key, ByteRange range = {}) const = 0;
  // Of many callers at once exactly one is `done`. A caller that did not live to hear the answer
  // may find its object there or not.
  virtual Result<Put> put_if_absent(const std::string& key, std::string_view bytes) = 0;
  // Replaces what is there; readers see the old bytes or the new.
  virtual Status put(const std::string& key, std::string_view bytes) = 0;
  // No object of that key is success. After a power cut it may be there again.
  virtual Status remove(const std::string& key) = 0;
  // Key, size and time. Errc::not_found.
  virtual Result<ObjectInfo> stat(const std::string& key) const = 0;

  // A folder of this host in which an engine may write objects of `prefix` (their keys below it are
  // the paths in the folder). They count only when they have been synced.
  virtual Result<std::string> stage(const std::string& prefix) = 0;
  // Makes staged objects final: whole and there, whatever fails afterwards. Syncing what was put,
  // by anybody, is allowed and makes it as sure. Errc::not_found when one is missing.
  virtual Status sync(const std::vector<std::string>& keys) = 0;
};

// The storage that `location` names: an absolute folder, or file:///folder. It need not exist yet.
// Errc::invalid for anything else.
Result<std::unique_ptr<Storage>> open_storage(const std::string& location);

bool valid_key(std::string_view key);

}  // namespace batuta::lakelog
