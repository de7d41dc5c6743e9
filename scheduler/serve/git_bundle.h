// A bundle's repository and the revisions that are checked out of it, in one folder:
//   repository/   fetched into, bare      <commit>/   what lies below the bundle's subdir in it
//   current.json  which of them is live
// Blocking; one thread at a time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "scheduler/serve/bundle_settings.h"

namespace batuta {

struct Commit {
  std::string id;       // 40 digits
  std::string subject;  // first line of its message, at most 200 bytes
};

class GitBundle {
 public:
  // A revision may hold so much, and is refused beyond.
  static constexpr std::int64_t max_bytes = std::int64_t{256} << 20;
  static constexpr std::size_t max_files = 20'000;

  // `folder` is made when it is first fetched into.
  GitBundle(std::string folder, const BundleSetting& setting)
      : folder_(std::move(folder)), setting_(setting) {}

  // Where the ref is now; its last 100 commits are here then.
  Result<Commit> fetch() const { return fetch(setting_.ref); }
  // `revision`: a commit id (7 digits at least) of those, or of one checked out; a branch or tag.
  Result<Commit> find(const std::string& revision) const;
  // Its folder, whole: a process that dies on the way leaves nothing under that name.
  Result<std::string> check_out(const Commit& commit) const;
  std::string folder_of(const std::string& commit) const { return folder_ + "/" + commit; }
  // Files that differ; all of `to` where `from` is empty, at most 1,000.
  Result<std::vector<std::pair<std::string, std::string>>> files_between(
      const std::string& from, const std::string& to) const;
  // Removes what was being checked out, and every revision that `keep` does not name.
  void clean(const std::vector<std::string>& keep) const;

  const std::string& folder() const { return folder_; }

 private:
  Result<Commit> fetch(const std::string& ref) const;
  Result<Commit> commit_of(const std::string& name) const;
  Result<std::string> git(std::vector<std::string> words,
                          std::vector<std::string> environment = {}) const;
  std::string tree_of(const std::string& commit) const;
  Status check_size(const std::string& commit) const;

  std::string folder_;
  BundleSetting setting_;
};

}  // namespace batuta
