/* The plugin ABI: one exported symbol that returns a C table. Plain C; the only file a plugin must
 * include. C++ authors use plugins/sdk/plugin.h, which sits on top.
 *
 * Rules of growth: append only, never reorder, never change a meaning; struct_size tells how much
 * of a table the other side knows. A new optional power is asked for by string through `extension`.
 * Ownership: nothing crosses. The plugin borrows what the host gives until `execute` returns; the
 * host copies what the plugin hands in before the call returns. No exception may cross either way.
 * Threads: `execute` runs on the slot's main thread. `log` and `cancelled` may be called from any
 * thread of the plugin; every other host function only from the thread that runs `execute`.
 */
#ifndef BATUTA_PLUGIN_H
#define BATUTA_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BATUTA_PLUGIN_ABI 1u
#define BATUTA_PLUGIN_ENTRY "batuta_plugin_entry"

/* What the table changes of one attempt may take, as JSON. */
#define BATUTA_MAX_OUTPUT_BYTES (8u << 20)
/* What a deferred task waits for, and what it leaves to its next part: each, as JSON. */
#define BATUTA_MAX_DEFERRAL_BYTES (64u << 10)
/* A checkpoint, as JSON. */
#define BATUTA_MAX_CHECKPOINT_BYTES (64u << 10)

enum { BATUTA_LOG_DEBUG = 0, BATUTA_LOG_INFO = 1, BATUTA_LOG_WARN = 2, BATUTA_LOG_ERROR = 3 };
enum { BATUTA_FAIL_RETRYABLE = 0, BATUTA_FAIL_FINAL = 1, BATUTA_FAIL_SKIPPED = 2 };
enum {
  BATUTA_PARAM_STRING = 0,
  BATUTA_PARAM_INTEGER = 1,
  BATUTA_PARAM_NUMBER = 2,
  BATUTA_PARAM_BOOLEAN = 3,
  BATUTA_PARAM_ARRAY = 4,
  BATUTA_PARAM_OBJECT = 5,
  BATUTA_PARAM_CONNECTION = 6, /* a string: the name of a connection the task may then read */
  BATUTA_PARAM_ANY = 7         /* any JSON: the plugin checks it */
};

/* What the host gives. Valid during execute(). Texts are UTF-8; lengths in bytes, no final NUL
 * needed unless said. Every pointer returned by the host ends in NUL and lives until execute ends.
 */
typedef struct batuta_host {
  uint32_t struct_size;
  void* ctx;
  /* One log line; line breaks inside become separate lines. Any thread. */
  void (*log)(void* ctx, int32_t level, const char* text, size_t length);
  /* Non-zero once the attempt should stop (cancel, time-out, lost lease). Any thread, cheap. */
  int32_t (*cancelled)(void* ctx);
  /* The JSON text of one parameter after rendering and defaults; NULL when absent. */
  const char* (*param)(void* ctx, const char* name);
  /* All parameters as one JSON object. */
  const char* (*params)(void* ctx);
  /* The attempt: {"execution_id","dag_id","run_id","task_id","map_index","try_number","fence",
   * "logical_date","data_interval_start","data_interval_end","window_start","window_end","lake",
   * "scratch","idempotency_key","upstream":{task_id: value},"traceparent"}. `traceparent` (W3C
   * Trace Context) is there when runs are traced. `lake` and `scratch` are absolute folders;
   * scratch is empty when the attempt starts, and emptied afterwards. */
  const char* (*context)(void* ctx);
  /* A connection's JSON {"conn_type","host","port","login","password","schema","extra"}; NULL when
   * the task does not name it. Wiped when execute returns. */
  const char* (*secret)(void* ctx, const char* name);
  /* The XCom return value, JSON, at most 64 MiB. Last call wins. Returns 0, or -1 when refused
   * (too large, not JSON): execute should then fail. */
  int32_t (*result)(void* ctx, const char* json, size_t length);
  /* Why execute will return non-zero. kind: BATUTA_FAIL_*. Last call wins. */
  void (*fail)(void* ctx, int32_t kind, const char* text, size_t length);
  /* Share of the work done, 0 to 1, for people. */
  void (*progress)(void* ctx, double share);
  /* One table change (see lakelog/publish.h for the JSON). The data files must be in place and
   * fsynced. Only recorded when execute returns 0. Published in call order. Returns -1 when refused
   * (no publication, or all together more than BATUTA_MAX_OUTPUT_BYTES): execute should then fail.
   */
  int32_t (*output)(void* ctx, const char* json, size_t length);
  /* Data tasks: rows written, and the new watermark in microseconds since 1970 UTC (0 = keep). */
  void (*records)(void* ctx, int64_t rows, int64_t watermark_us);
  /* Branch tasks: a JSON list of the direct downstream task ids to run. */
  int32_t (*branch)(void* ctx, const char* json, size_t length);
  /* An optional power by name, or NULL. "batuta.engine_library": const char* path of libduckdb.so.
   * "batuta.child_memory": void (*)(void* ctx, int64_t peak_kib), for a plugin that started a
   * process and waited for it: its peak memory (ru_maxrss of wait4) counts as the attempt's.
   * "batuta.note": void (*)(void* ctx, const char* text, size_t length), one line that a success
   * has as its reason; the last one counts. */
  const void* (*extension)(void* ctx, const char* id);
  /* One fact for the attempt's record. list: "quality" or "lineage", each a JSON object, or
   * "files", a JSON string: the path of a written file, relative to the lake if it is in there;
   * of many files the first 64 KiB are kept. Recorded whatever execute returns. Returns -1 when
   * refused (unknown list, not JSON, too much).
   */
  int32_t (*report)(void* ctx, const char* list, const char* json, size_t length);
  /* When execute returns 0, the task is not over: it gives its slot back and waits; then it is
   * launched again, in the same try, and `context` has {"resume":{"event","reason","payload"}}.
   * wait: a JSON object with the fields of a sensor, {"wait_for":{one of time, until, delay, file,
   * http, topic, sql, run},"timeout","poke_interval","exponential_backoff","max_wait"}, and
   * "on_timeout": "resume" (the default), "fail" or "skip". payload: any JSON. Each at most
   * BATUTA_MAX_DEFERRAL_BYTES; both are kept in the clear, so no secret may be in them; connections
   * that the wait names must be the task's. event: "satisfied", "timed_out" or "failed" (what was
   * waited for will never come: `reason` says why). Last call wins. Such a part of a task has no
   * result, output, watermark or branch: those belong to the last one. Returns -1 when refused;
   * execute should then fail. NULL or beyond struct_size: this host cannot. */
  int32_t (*defer)(void* ctx, const char* wait, size_t wait_length, const char* payload,
                   size_t payload_length);
  /* From where the task's next try is to go on, should this one not end well: any JSON, at most
   * BATUTA_MAX_CHECKPOINT_BYTES, in the place of the one before. The next try (after a failure, a
   * time-out or a worker's death, on whatever worker) has it as `context`'s member "checkpoint";
   * a success and a clear drop it. It is kept in the clear, so no secret may be in it. Waits for
   * the scheduler's commit, but no longer than some seconds. Returns 0: it is durable; 1: not yet,
   * as while the scheduler is away (it is sent on; whoever goes on need not say it again); -1:
   * refused, the log says why. NULL or beyond struct_size: this host cannot. */
  int32_t (*checkpoint)(void* ctx, const char* json, size_t length);
} batuta_host;

typedef struct batuta_param {
  const char* name;
  int32_t type; /* BATUTA_PARAM_* */
  int32_t required;
  const char* default_json; /* NULL = none */
  const char* help;
} batuta_param;

typedef struct batuta_plugin {
  uint32_t abi; /* BATUTA_PLUGIN_ABI */
  uint32_t struct_size;
  const char* name; /* "<source>_<layer>", as its file */
  const char* version;
  const char* kind; /* "extract", "transform", "aggregate" or "builtin" */
  const char* summary;
  const batuta_param* params;
  uint32_t param_count;
  uint32_t param_size; /* sizeof(batuta_param) when built: the stride */
  /* 0 = success. Non-zero = failed as told by host->fail (retryable when fail was not called). */
  int32_t (*execute)(const batuta_host* host);
} batuta_plugin;

#define BATUTA_PLUGIN_EXPORT __attribute__((visibility("default")))

/* The one exported symbol. May be called more than once; the table lives as long as the library.
 * host_abi is the host's; NULL = this plugin cannot serve it. */
BATUTA_PLUGIN_EXPORT const batuta_plugin* batuta_plugin_entry(uint32_t host_abi);

#ifdef __cplusplus
}
#endif
#endif
