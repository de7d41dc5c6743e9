/* The C table as it was before defer(): what plugins that are out there were built with. Never
 * changed; a later table gets a file of its own beside it. */
#ifndef BATUTA_TESTS_PLUGINS_FROZEN_SDK_1_H
#define BATUTA_TESTS_PLUGINS_FROZEN_SDK_1_H

#include <stddef.h>
#include <stdint.h>

typedef struct batuta_host {
  uint32_t struct_size;
  void* ctx;
  void (*log)(void* ctx, int32_t level, const char* text, size_t length);
  int32_t (*cancelled)(void* ctx);
  const char* (*param)(void* ctx, const char* name);
  const char* (*params)(void* ctx);
  const char* (*context)(void* ctx);
  const char* (*secret)(void* ctx, const char* name);
  int32_t (*result)(void* ctx, const char* json, size_t length);
  void (*fail)(void* ctx, int32_t kind, const char* text, size_t length);
  void (*progress)(void* ctx, double share);
  int32_t (*output)(void* ctx, const char* json, size_t length);
  void (*records)(void* ctx, int64_t rows, int64_t watermark_us);
  int32_t (*branch)(void* ctx, const char* json, size_t length);
  const void* (*extension)(void* ctx, const char* id);
  int32_t (*report)(void* ctx, const char* list, const char* json, size_t length);
} batuta_host;

typedef struct batuta_param {
  const char* name;
  int32_t type;
  int32_t required;
  const char* default_json;
  const char* help;
} batuta_param;

typedef struct batuta_plugin {
  uint32_t abi;
  uint32_t struct_size;
  const char* name;
  const char* version;
  const char* kind;
  const char* summary;
  const batuta_param* params;
  uint32_t param_count;
  uint32_t param_size;
  int32_t (*execute)(const batuta_host* host);
} batuta_plugin;

#endif
