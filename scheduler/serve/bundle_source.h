// Where a bundle's revisions come from, and those that are here, in one folder:
//   <revision>/   all of it      current.json  which of them is live
// Blocking; one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result.h"

namespace batuta {

struct Commit {
  std::string id;       // 40 digits
  std::string subject;  // for people, at most 200 bytes; may be empty
};

class BundleSource {
 public:
  // A revision may hold so much, and is refused beyond.
  static constexpr std::int64_t max_bytes = std::int64_t{256} << 20;
  static constexpr std::size_t max_files = 20'000;

  // `folder` is made when it is first fetched into.
  explicit BundleSource(std::string folder) : folder_(std::move(folder)) {}
  virtual ~BundleSource() = default;
  BundleSource(const BundleSource&) = delete;
  BundleSource& operator=(const BundleSource&) = delete;

  // What is newest there.
  virtual Result<Commit> fetch() const = 0;
  // `revision`: as people write it; empty: as fetch(). Errc::not_found.
  virtual Result<Commit> find(const std::string& revision) const = 0;
  // Its folder, whole: a process that dies on the way leaves nothing under that name.
  virtual Result<std::string> check_out(const Commit& commit) const = 0;
  // Files that differ; all of `to` where `from` is empty, at most max_told_files.
  virtual Result<std::vector<std::pair<std::string, std::string>>> files_between(
      const std::string& from, const std::string& to) const = 0;

  // Removes what was being checked out, and every revision that `keep` does not name.
  void clean(const std::vector<std::string>& keep) const;
  const std::string& folder() const { return folder_; }
  std::string folder_of(const std::string& commit) const { return folder_ + "/" + commit; }

 protected:
  static constexpr std::size_t commit_digits = 40;
  static constexpr std::size_t max_told_files = 1000;
  static bool is_commit_id(std::string_view text, std::size_t least = commit_digits);
  static std::string shortened(const std::string& commit) { return commit.substr(0, 12); }
  // "the revision … holds 3 files of 4 MiB; a bundle holds at most …": Errc::too_large.
  static Error too_large(const std::string& what, std::size_t files, std::int64_t bytes,
                         const std::string& how);
  // An empty folder in which a revision is put together.
  Result<std::string> make_staging(const std::string& commit) const;
  // On the disk before it has its name: a name stands for a whole revision. Its new folder.
  Result<std::string> keep_staged(const std::string& staged, const std::string& commit) const;

 private:
  std::string folder_;
};

}  // namespace batuta
