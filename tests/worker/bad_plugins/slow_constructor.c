/* Does not finish loading while there is a file $HOME/hold; works for a second of processor time
   when there is a file $HOME/work. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "plugins/sdk/batuta_plugin.h"

__attribute__((constructor)) static void at_load(void) {
  char hold[512];
  const char* home = getenv("HOME");
  snprintf(hold, sizeof hold, "%s/hold", home != NULL ? home : "");
  while (access(hold, F_OK) == 0) usleep(20000);
  snprintf(hold, sizeof hold, "%s/work", home != NULL ? home : "");
  if (access(hold, F_OK) != 0) return;
  while (clock() < CLOCKS_PER_SEC) continue;
}

static int32_t execute(const batuta_host* host) {
  return host->result(host->ctx, "\"at last\"", 9);
}

static const batuta_plugin table = {BATUTA_PLUGIN_ABI,
                                    sizeof(batuta_plugin),
                                    "slow_constructor",
                                    "1",
                                    "builtin",
                                    "Slow to load",
                                    0,
                                    0,
                                    sizeof(batuta_param),
                                    execute};

const batuta_plugin* batuta_plugin_entry(uint32_t host_abi) {
  return host_abi == BATUTA_PLUGIN_ABI ? &table : 0;
}
