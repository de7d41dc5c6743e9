// The setting "bundles": which folders, repositories and object stores beside the DAG folder hold
// DAGs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/dagfile/bundle.h"

namespace batuta {

struct BundleSetting {
  std::string name;
  std::string path{};        // absolute, of a folder; or:
  std::string git{};         // a repository: absolute path or URL, without a password
  std::string store{};       // s3://, gs:// or azblob://, as stores::Location writes it
  std::string connection{};  // of the store; empty: the environment has its credentials
  std::string ref = "main";  // branch or tag
  std::string subdir{};      // of the repository, where the bundle lies; empty: all of it
  Duration every = std::chrono::minutes(1);  // how often it is looked at; zero: when asked
  bool allow_errors = false;                 // a revision with import errors is switched to, too
  int keep = 5;                              // revisions, the live one among them
  bool has_revisions() const { return !git.empty() || !store.empty(); }
  bool operator==(const BundleSetting&) const = default;
};

// `text`: [{"name": "risk", "path": "/srv/risk"}, …]. Errc::invalid, with the place in the list.
Result<std::vector<BundleSetting>> read_bundle_settings(const std::string& text);

// Whether it can be a branch or a tag. Errc::invalid.
Status check_ref(std::string_view ref);

// The same for people: "risk: /srv/risk, sales: https://git.example.org/sales at main, ops:
// s3://b/ops".
std::string shown_bundles(const std::vector<BundleSetting>& bundles);

}  // namespace batuta
