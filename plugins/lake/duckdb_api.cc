#include "plugins/lake/duckdb_api.h"

#include <dlfcn.h>

#include <map>
#include <memory>
#include <mutex>

#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

template <class Function>
void look_up(void* library, const char* symbol, Function& out) {
  out = reinterpret_cast<Function>(::dlsym(library, symbol));
  if (out == nullptr) throw plugin::FinalError(std::string("libduckdb lacks ") + symbol);
}

std::unique_ptr<DuckdbApi> open_library(const std::string& path) {
  // RTLD_LOCAL: the library carries its own ICU, which must not replace another plugin's.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw plugin::FinalError("cannot open the lake engine " + path + ": " + ::dlerror());
  auto api = std::make_unique<DuckdbApi>();
#define BATUTA_DUCKDB_LOOK_UP(name) look_up(library, "duckdb_" #name, api->name);
  BATUTA_DUCKDB_FUNCTIONS(BATUTA_DUCKDB_LOOK_UP)
#undef BATUTA_DUCKDB_LOOK_UP
  return api;
}

}  // namespace

const DuckdbApi& load_duckdb(const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<DuckdbApi>> loaded;
  const std::lock_guard lock(mutex);
  auto& api = loaded[path];
  if (!api) api = open_library(path);
  return *api;
}

}  // namespace batuta::lake
