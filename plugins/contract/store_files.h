// Files that a source has in an object store: found by a pattern, and brought to this host.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lakelog/storage.h"
#include "plugins/sdk/plugin.h"

namespace batuta::from_contract {

// Whether a path is one in a store: "s3://…", "gs://…", "azblob://…".
bool is_in_store(const std::string& path);

class StoreFiles {
 public:
  // `path`: the URL of a file, whose segments below the bucket may hold '*'. What opens the store
  // comes from the connection (docs/contracts.md#servers). Throws plugin::FinalError for what
  // cannot be, plugin::RetryableError where the store does not answer.
  StoreFiles(plugin::Context& context, const std::string& path,
             const plugin::Connection& connection);

  // URLs, ascending. Throws plugin::RetryableError when there are none, as a file may come yet;
  // plugin::FinalError when there are more than `most`.
  std::vector<std::string> find(std::size_t most) const;

  // A copy in the attempt's scratch folder, whole; whoever has read it removes it.
  std::string fetch(const std::string& url) const;

 private:
  void find_below(const std::string& prefix, std::size_t segment, std::size_t most,
                  std::vector<std::string>& out) const;

  plugin::Context& context_;
  std::string path_;
  std::string base_;                   // URL of what has no '*' in it, with a '/' at its end
  std::vector<std::string> segments_;  // below it
  std::shared_ptr<lakelog::Storage> store_;
};

}  // namespace batuta::from_contract
