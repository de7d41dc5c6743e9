/* A plugin as it was built before defer(). It refuses a host that knows less than it does. */
#include "tests/plugins/frozen/sdk_1.h"

static int32_t execute(const batuta_host* host) {
  if (host->struct_size < sizeof(batuta_host)) return 2;
  host->log(host->ctx, 1, "from before", 11);
  if (host->report(host->ctx, "quality", "{\"rule\":\"old\"}", 14) != 0) return 3;
  return host->result(host->ctx, "\"as ever\"", 9);
}

static const batuta_plugin table = {
    1, sizeof(batuta_plugin), "frozen_1", "1", "builtin", "Built before defer()", 0,
    0, sizeof(batuta_param),  execute};

__attribute__((visibility("default"))) const batuta_plugin* batuta_plugin_entry(uint32_t host_abi);
const batuta_plugin* batuta_plugin_entry(uint32_t host_abi) {
  return host_abi == 1 ? &table : 0;
}
