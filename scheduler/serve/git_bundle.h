// A bundle's repository, fetched into the bare repository/ of its folder, and the revisions that
// are checked out of it: what lies below the bundle's subdir.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "scheduler/serve/bundle_settings.h"
#include "scheduler/serve/bundle_source.h"

namespace batuta {

class GitBundle final : public BundleSource {
 public:
  GitBundle(std::string folder, const BundleSetting& setting)
      : BundleSource(std::move(folder)), setting_(setting) {}

  // Where the ref is now; its last 100 commits are here then.
  Result<Commit> fetch() const override { return fetch(setting_.ref); }
  // `revision`: a commit id (7 digits at least) of those, or of one checked out; a branch or tag.
  Result<Commit> find(const std::string& revision) const override;
  Result<std::string> check_out(const Commit& commit) const override;
  Result<std::vector<std::pair<std::string, std::string>>> files_between(
      const std::string& from, const std::string& to) const override;

 private:
  Result<Commit> fetch(const std::string& ref) const;
  Result<Commit> commit_of(const std::string& name) const;
  Result<std::string> git(std::vector<std::string> words,
                          std::vector<std::string> environment = {}) const;
  std::string tree_of(const std::string& commit) const;
  Status check_size(const std::string& commit) const;

  BundleSetting setting_;
};

}  // namespace batuta
