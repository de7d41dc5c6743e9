/* A plugin of another age, in plain C. */
#include "plugins/sdk/batuta_plugin.h"

static int32_t execute(const batuta_host* host) {
  (void)host;
  return 0;
}

static const batuta_plugin table = {
    99, sizeof(batuta_plugin), "wrong_abi", "0", "builtin", "", 0, 0, 0, execute};

const batuta_plugin* batuta_plugin_entry(uint32_t host_abi) {
  (void)host_abi;
  return &table;
}
