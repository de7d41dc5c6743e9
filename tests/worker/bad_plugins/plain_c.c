/* The smallest good plugin, in plain C: the header alone is enough. */
#include "plugins/sdk/batuta_plugin.h"

static int32_t execute(const batuta_host* host) {
  return host->result(host->ctx, "\"from C\"", 8);
}

static const batuta_param params[] = {{"size", BATUTA_PARAM_INTEGER, 0, "3", "unused"}};

static const batuta_plugin table = {BATUTA_PLUGIN_ABI,
                                    sizeof(batuta_plugin),
                                    "plain_c",
                                    "1",
                                    "builtin",
                                    "In C",
                                    params,
                                    1,
                                    sizeof(batuta_param),
                                    execute};

const batuta_plugin* batuta_plugin_entry(uint32_t host_abi) {
  return host_abi == BATUTA_PLUGIN_ABI ? &table : 0;
}
