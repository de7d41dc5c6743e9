// The lake of an installation, wherever it lies: the one way to open it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/result.h"
#include "lakelog/storage.h"
#include "stores/object_storage.h"

namespace batuta::stores {

// What opening a store takes beside its URL, as a process hands it to another: a secret.
struct StoreAccess {
  std::string url;
  // By the names of docs/stores.md; only those that are set.
  std::map<std::string, std::string> variables;
  std::int64_t cache_bytes = std::int64_t{10} << 30;

  // {"url","variables","cache_bytes"}
  std::string to_json() const;
  static Result<StoreAccess> from_json(const std::string& text);  // Errc::invalid
  // The values that no log may show.
  std::vector<std::string> secrets() const;
};

// Of the variables that a store of the URL's kind reads, those that `variable` gives. Errc::invalid
// for a URL or a variable that cannot be.
Result<StoreAccess> store_access(const std::string& url,
                                 const std::function<std::string(const std::string&)>& variable);

// "/data/lake" of "file:///data/lake"; empty: `url` names no folder by its absolute path.
std::string folder_of(const std::string& url);

// The URL of a store or a folder without a slash at its end; the errors of parse_location().
Result<std::string> plain_url(const std::string& url);

// A handle: copies are the same lake. Any thread.
class Lake {
 public:
  // An absolute folder, or file:///folder, which need not exist yet: every local_file() is the path
  // below it, and nothing is opened, looked at or kept for one.
  Lake(std::string folder);  // NOLINT(google-explicit-constructor): a folder is a lake
  Lake(const char* folder);  // NOLINT(google-explicit-constructor)
  // A store; `folder` of this host is where its files are cached and staged, below "_store". Opened
  // when it is first asked for. `probe`: see Options.
  Lake(StoreAccess access, std::string folder, bool probe = false,
       std::function<Surroundings()> surroundings = real_surroundings);

  // The same lake as one of its branches sees it (lakelog/branch.h); local_file() looks whether the
  // branch has the file.
  Lake on_branch(const std::string& ref) const;

  bool is_folder() const;
  // What an engine may be let read: all local files lie below it.
  const std::string& folder() const;
  // "s3://bucket/prefix", or the folder.
  const std::string& url() const;

  // Keeps the lake open. Errc::invalid for what cannot be a lake, Errc::unavailable.
  Result<std::shared_ptr<lakelog::Storage>> storage() const;
  // Where an engine finds the object, until kept() and all copies of this are gone. `size`: as the
  // log tells; -1: not known. Errors as FileCache::get().
  Result<std::string> local_file(const std::string& key, std::int64_t size) const;
  // Who holds this keeps the local files; null for a folder.
  std::shared_ptr<const void> kept() const;

  // From here on a thread of its own asks the store, made now: for those who take the network and
  // the disk away from themselves afterwards. Nothing for a folder.
  Status ask_elsewhere() const;

 private:
  struct Store;
  std::string folder_;
  std::string branch_;  // empty: none
  std::shared_ptr<Store> store_;
};

}  // namespace batuta::stores
