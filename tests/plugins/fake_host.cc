#include "tests/plugins/fake_host.h"

#include <dlfcn.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace batuta {

std::vector<std::int64_t>& FakeHost::kept_processes() {
  static std::vector<std::int64_t> kept;
  return kept;
}

std::string build_dir() {
  const char* dir = std::getenv("BATUTA_BUILD_DIR");
  if (dir == nullptr) throw std::runtime_error("BATUTA_BUILD_DIR is not set");
  return dir;
}

FakeHost::FakeHost()
    : context_(std::make_unique<nlohmann::json>(nlohmann::json::object())),
      parameters_(std::make_unique<nlohmann::json>(nlohmann::json::object())),
      context(*context_),
      parameters(*parameters_) {}
FakeHost::~FakeHost() = default;

int FakeHost::run(const std::string& name) {
  const std::string path = build_dir() + "/plugins/" + name + ".so";
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(::dlerror());
  using Entry = const batuta_plugin* (*)(std::uint32_t);
  const auto entry = reinterpret_cast<Entry>(::dlsym(library, BATUTA_PLUGIN_ENTRY));
  const batuta_plugin* plugin = entry == nullptr ? nullptr : entry(BATUTA_PLUGIN_ABI);
  if (plugin == nullptr) throw std::runtime_error(path + " has no usable entry");
  take_defaults(*plugin);
  const batuta_host host = table();
  return plugin->execute(&host);  // the library stays loaded, as in a slot
}

void FakeHost::take_defaults(const batuta_plugin& plugin) {
  for (std::uint32_t i = 0; i < plugin.param_count; ++i) {
    const batuta_param& param = plugin.params[i];
    if (param.default_json != nullptr && !parameters.contains(param.name))
      parameters[param.name] = nlohmann::json::parse(param.default_json);
  }
}

batuta_host FakeHost::table() {
  kept_.reserve(1000);  // pointers handed out must stay valid
  batuta_host host{};
  host.struct_size = sizeof host;
  host.ctx = this;
  host.log = [](void* ctx, std::int32_t, const char* text, std::size_t length) {
    self(ctx).lines.emplace_back(text, length);
  };
  host.cancelled = [](void* ctx) -> std::int32_t { return self(ctx).stop ? 1 : 0; };
  host.param = [](void* ctx, const char* name) -> const char* {
    auto& all = self(ctx).parameters;
    return all.contains(name) ? self(ctx).keep(all[name].dump()) : nullptr;
  };
  host.params = [](void* ctx) { return self(ctx).keep(self(ctx).parameters.dump()); };
  host.context = [](void* ctx) { return self(ctx).keep(self(ctx).context.dump()); };
  host.secret = [](void* ctx, const char* name) -> const char* {
    const auto found = self(ctx).secrets.find(name);
    return found == self(ctx).secrets.end() ? nullptr : found->second.c_str();
  };
  host.result = [](void* ctx, const char* json, std::size_t length) -> std::int32_t {
    if (length > 64u << 20) return -1;
    self(ctx).result.assign(json, length);
    return 0;
  };
  host.fail = [](void* ctx, std::int32_t kind, const char* text, std::size_t length) {
    self(ctx).failure_kind = kind;
    self(ctx).failure.assign(text, length);
  };
  host.progress = [](void*, double) {};
  host.output = [](void* ctx, const char* json, std::size_t length) -> std::int32_t {
    self(ctx).outputs.emplace_back(json, length);
    return 0;
  };
  host.records = [](void* ctx, std::int64_t rows, std::int64_t watermark) {
    self(ctx).record_count = rows;
    self(ctx).watermark_us = watermark;
  };
  host.branch = [](void*, const char*, std::size_t) -> std::int32_t { return 0; };
  host.extension = [](void* ctx, const char* id) -> const void* {
    if (std::string(id) == "batuta.run_folder" && !self(ctx).run_folder.empty()) {
      return self(ctx).run_folder.c_str();
    }
    if (std::string(id) == "batuta.note") {
      using Note = void (*)(void*, const char*, std::size_t);
      static constexpr Note take = [](void* of, const char* text, std::size_t length) {
        self(of).note.assign(text, length);
      };
      return reinterpret_cast<const void*>(take);
    }
    if (std::string(id) == "batuta.keep_process" && self(ctx).keeps_processes) {
      using Keep = void (*)(std::int64_t, std::int32_t);
      static constexpr Keep keep = [](std::int64_t pid, std::int32_t on) {
        std::erase(kept_processes(), pid);
        if (on != 0) kept_processes().push_back(pid);
      };
      return reinterpret_cast<const void*>(keep);
    }
    if (std::string(id) == "batuta.engine_memory") return &self(ctx).engine_memory;
    if (std::string(id) == "batuta.engine_threads") return &self(ctx).engine_threads;
    const bool engine = std::string(id) == "batuta.engine_library";
    return engine ? self(ctx).keep(build_dir() + "/libduckdb.so") : nullptr;
  };
  host.report = [](void* ctx, const char* list, const char* json,
                   std::size_t length) -> std::int32_t {
    self(ctx).reports[list].emplace_back(json, length);
    return 0;
  };
  host.checkpoint = [](void* ctx, const char* json, std::size_t length) -> std::int32_t {
    self(ctx).checkpoints.emplace_back(json, length);
    return self(ctx).checkpoint_answer;
  };
  return host;
}

}  // namespace batuta
