// A folder of a bundle looked at as a whole, before anybody runs what is in it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/message.h"
#include "scheduler/api/bundles.h"
#include "scheduler/dagfile/dag_bag.h"

namespace batuta {

// What the bag would read from the bundle's folder `path`; null `path`: nothing. Files are relative
// to its DAG folder. Blocking; any thread.
DagBagSnapshot read_bundle(const std::string& path, const std::vector<PluginInfo>& catalogue);

// DAGs and import errors of `to` against `from`. A DAG that `live` has from a bundle other than
// `name` is an error of `to`.
void compare_bundles(const std::string& name, const DagBagSnapshot& from, const DagBagSnapshot& to,
                     const DagBagSnapshot& live, http::BundleDiff& diff);

}  // namespace batuta
