// The plugin folder: which files may be loaded, and how one is opened so that what was checked is
// what is loaded. `<folder>/manifest.json`:
//
//   {"plugins": {"shell": {"file": "shell.so", "sha256": "<64 hex>"}}}
//
// DAGs name plugins, never paths. A name that is no valid_id, a file that is a link, not regular,
// writable by others, owned by someone else, or of another hash is refused.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/result.h"
#include "worker/posix.h"

namespace batuta {

struct PluginFile {
  std::string name;
  std::string file;    // "<name>.so", directly in the folder
  std::string sha256;  // hex
  auto operator<=>(const PluginFile&) const = default;
};

struct Manifest {
  std::vector<PluginFile> files;              // sorted by name
  std::map<std::string, std::string> faults;  // entries that are not as above: name -> why
};
// An absent manifest is an empty one. Errc::invalid for one that is no object of plugins at all; a
// bad entry costs that plugin alone.
Result<Manifest> read_manifest(const std::string& folder);

// Lists every `<valid id>.so` in the folder with its hash, takes write permission from group and
// others, and replaces the manifest at once (rename). The last step of a build or an installation.
Status write_manifest(const std::string& folder);

// Opens and verifies one file, hash included; the descriptor is the checked content.
Result<UniqueFd> open_plugin(const std::string& folder, const PluginFile& plugin);

}  // namespace batuta
