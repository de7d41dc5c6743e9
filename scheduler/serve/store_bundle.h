// A bundle whose revisions are what lies below a prefix of an object store: S3, Google Cloud
// Storage, Azure Blob Storage. A revision is the hash of all names with their ETags, so that the
// same objects are the same revision.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "lakelog/storage.h"
#include "scheduler/serve/bundle_settings.h"
#include "scheduler/serve/bundle_source.h"
#include "scheduler/store/registry.h"

namespace batuta {

class StoreBundle final : public BundleSource {
 public:
  struct Hooks {
    // The setting's connection with its secrets; asked for each look. Empty: there are none.
    std::function<Result<Connection>(const std::string& id)> connection{};
    // Ends what is under way. Any thread.
    std::function<bool()> stop{};
    Duration limit{std::chrono::minutes(5)};  // of one look, and of one fetch
    std::size_t most_files = max_files;       // for tests
  };
  StoreBundle(std::string folder, const BundleSetting& setting, Hooks hooks)
      : BundleSource(std::move(folder)), setting_(setting), hooks_(std::move(hooks)) {}

  // Lists all that is there; nothing at all is Errc::not_found, for a prefix that is misspelt looks
  // the same.
  Result<Commit> fetch() const override;
  // A revision that is checked out, by 7 digits at least, or the one that is there now.
  Result<Commit> find(const std::string& revision) const override;
  // Fetches every object, and takes them only when none has changed meanwhile: else
  // Errc::unavailable, and the next look finds another revision.
  Result<std::string> check_out(const Commit& commit) const override;
  Result<std::vector<std::pair<std::string, std::string>>> files_between(
      const std::string& from, const std::string& to) const override;

 private:
  using Objects = std::vector<lakelog::ObjectInfo>;
  Result<std::unique_ptr<lakelog::Storage>> open() const;
  Result<Objects> list(const lakelog::Storage& storage) const;
  Status fetch_into(const std::string& folder, const lakelog::Storage& storage,
                    const Objects& objects) const;

  BundleSetting setting_;
  Hooks hooks_;
};

}  // namespace batuta
