// The setting "bundles": which folders beside the DAG folder hold DAGs.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "scheduler/dagfile/bundle.h"

namespace batuta {

struct BundleSetting {
  std::string name;
  std::string path;  // absolute
};

// `text`: [{"name": "risk", "path": "/srv/risk"}, …]. Errc::invalid, with the place in the list.
Result<std::vector<BundleSetting>> read_bundle_settings(const std::string& text);

// The same for people: "risk: /srv/risk, sales: /srv/sales".
std::string shown_bundles(const std::vector<BundleSetting>& bundles);

// As the bag takes them.
std::vector<BundleFolder> folders_of(const std::vector<BundleSetting>& bundles);

}  // namespace batuta
