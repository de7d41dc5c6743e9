// Storage in a folder of this host. A key is a path below it.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "lakelog/storage.h"

namespace batuta::lakelog {

// Puts write a temporary file, fsync it, link or rename it and fsync the folder; folders that are
// missing are made, and each that gained an entry is fsynced. What root puts into a folder of
// another user is given to that user. Kill points for tests in put_if_absent: see
// common/failpoint.h. Symbolic links to folders are not listed.
class FileStorage final : public Storage {
 public:
  explicit FileStorage(std::string root);  // absolute, without a last '/'

  Result<Listing> list(const std::string& prefix, const ListOptions& options) const override;
  Result<std::string> read(const std::string& key, ByteRange range) const override;
  Result<Put> put_if_absent(const std::string& key, std::string_view bytes) override;
  Status put(const std::string& key, std::string_view bytes) override;
  Status remove(const std::string& key) override;
  Result<ObjectInfo> stat(const std::string& key) const override;
  Result<std::string> stage(const std::string& prefix) override;
  Status sync(const std::vector<std::string>& keys) override;

 private:
  std::string path_of(const std::string& key) const;
  Result<std::string> write_temporary(const std::string& folder, std::string_view bytes);
  Status make_folder(const std::string& folder);
  bool is_durable(const std::string& folder) const;
  void set_durable(const std::string& folder);
  void forget_folders();

  const std::string root_;
  mutable std::mutex mutex_;
  // Folders (relative) that are there for certain, up to the root, whatever fails: each is fsynced
  // once, not with every object.
  std::set<std::string> durable_;
};

}  // namespace batuta::lakelog
