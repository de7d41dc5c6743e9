// Loads plugins into this process: dlopen, entry symbol, shape checks. Only slots and the catalogue
// child do that; a library's constructors run here, and may crash or hang.
#pragma once

#include <map>
#include <string>

#include "common/message.h"
#include "common/result.h"
#include "plugins/sdk/batuta_plugin.h"
#include "worker/plugin_folder.h"

namespace batuta {

struct LoadedPlugin {
  const batuta_plugin* table = nullptr;  // lives as long as the process: nothing is ever dlclosed
  PluginInfo info;                       // a copy of what the table says
};

class PluginHost {
 public:
  explicit PluginHost(std::string folder) : folder_(std::move(folder)) {}

  // The plugin, loaded on first use. The pointer stays valid. Errc::forbidden or not_found when the
  // file may not be loaded, Errc::invalid when it is no plugin this host can run. A plugin once
  // loaded keeps its first version: another hash under the same name is Errc::conflict, and needs a
  // new process.
  Result<const LoadedPlugin*> load(const PluginFile& file);

 private:
  std::string folder_;
  std::map<std::string, LoadedPlugin, std::less<>> loaded_;
  int loads_ = 0;
};

// Copies a table out after checking every field. Errc::invalid names the fault. Public for tests.
Result<PluginInfo> check_table(const batuta_plugin* table, const PluginFile& file);

}  // namespace batuta
