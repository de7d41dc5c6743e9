/* The ABI as C sees it: sizes and offsets that built plugins rely on. A line that fails to compile
 * here means that existing plugins would break: append instead. */
#include "plugins/sdk/batuta_plugin.h"

#define AT(type, field, offset) \
  _Static_assert(offsetof(type, field) == (offset), #type "." #field " moved")

AT(batuta_host, struct_size, 0);
AT(batuta_host, ctx, 8);
AT(batuta_host, log, 16);
AT(batuta_host, cancelled, 24);
AT(batuta_host, param, 32);
AT(batuta_host, params, 40);
AT(batuta_host, context, 48);
AT(batuta_host, secret, 56);
AT(batuta_host, result, 64);
AT(batuta_host, fail, 72);
AT(batuta_host, progress, 80);
AT(batuta_host, output, 88);
AT(batuta_host, records, 96);
AT(batuta_host, branch, 104);
AT(batuta_host, extension, 112);
AT(batuta_host, report, 120);
AT(batuta_host, defer, 128);
AT(batuta_host, checkpoint, 136);
_Static_assert(sizeof(batuta_host) == 144, "append to this list, too");

AT(batuta_param, name, 0);
AT(batuta_param, type, 8);
AT(batuta_param, required, 12);
AT(batuta_param, default_json, 16);
AT(batuta_param, help, 24);
_Static_assert(sizeof(batuta_param) == 32, "append to this list, too");

AT(batuta_plugin, abi, 0);
AT(batuta_plugin, struct_size, 4);
AT(batuta_plugin, name, 8);
AT(batuta_plugin, version, 16);
AT(batuta_plugin, kind, 24);
AT(batuta_plugin, summary, 32);
AT(batuta_plugin, params, 40);
AT(batuta_plugin, param_count, 48);
AT(batuta_plugin, param_size, 52);
AT(batuta_plugin, execute, 56);
_Static_assert(sizeof(batuta_plugin) == 64, "append to this list, too");

_Static_assert(BATUTA_PLUGIN_ABI == 1, "a new ABI number orphans every built plugin");
_Static_assert(BATUTA_PARAM_STRING == 0 && BATUTA_PARAM_ANY == 7, "numbers keep their meaning");
_Static_assert(BATUTA_FAIL_RETRYABLE == 0 && BATUTA_FAIL_FINAL == 1 && BATUTA_FAIL_SKIPPED == 2,
               "numbers keep their meaning");

int batuta_abi_layout_is_checked(void);
int batuta_abi_layout_is_checked(void) { return 1; }
