// Bundles: folders with dags/, contracts/ and models/, each a source of DAGs of its own. The DAG
// folder and the folder of contracts that the server was started with are the bundle "default".
//
// A DAG's file (Dag::file, ImportError::file) names its bundle: "risk://ingest/orders.json" is
// dags/ingest/orders.json of the bundle risk; a plain "orders.json" is of the default one. No path
// of a folder holds "//", so neither can be taken for the other.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "common/result.h"

namespace batuta {

inline constexpr std::string_view default_bundle = "default";
inline constexpr std::size_t max_bundles = 200;

struct BundleFolder {
  std::string name;
  std::string dags;       // folder of DAG files
  std::string contracts;  // folder of contracts
  std::string revision;   // commit id, where it is of a Git repository
  bool operator==(const BundleFolder&) const = default;
};

// The bundle `name` in the folder `path`.
BundleFolder bundle_in(std::string name, const std::string& path, std::string revision = {});

// 1 to 64 of a-z, 0-9, '_' and '-', a letter first, and not "default". Errc::invalid.
Status check_bundle_name(std::string_view name);

// `path` is relative to the bundle's DAG folder; "" for the folder itself.
std::string file_in_bundle(std::string_view bundle, const std::string& path);
struct BundleFile {
  std::string_view bundle, path;
};
// Views into `file`, or of "default".
BundleFile split_bundle_file(std::string_view file);

}  // namespace batuta
