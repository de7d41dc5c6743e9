#include "plugins/lake/attempt_session.h"

#include <cstdint>

namespace batuta::lake {

SessionOptions session_options(const plugin::Context& context) {
  const auto* library = static_cast<const char*>(context.extension("batuta.engine_library"));
  if (library == nullptr || *library == '\0')
    throw plugin::FinalError("this worker has no lake engine (libduckdb.so beside its executable)");
  SessionOptions options;
  options.library = library;
  options.scratch = context.scratch();
  const auto* memory = static_cast<const std::int64_t*>(context.extension("batuta.engine_memory"));
  if (memory != nullptr && *memory > 0) options.memory_bytes = *memory;
  const auto* threads =
      static_cast<const std::int64_t*>(context.extension("batuta.engine_threads"));
  if (threads != nullptr && *threads > 0) options.threads = static_cast<int>(*threads);
  options.cancelled = [&context] { return context.cancelled(); };
  return options;
}

Lake lake_folder(const plugin::Context& context) {
  if (context.lake().empty()) throw plugin::FinalError("the attempt has no lake folder");
  const auto* store = static_cast<const char*>(context.extension("batuta.lake_store"));
  if (store == nullptr) return Lake(context.lake());
  auto access = stores::StoreAccess::from_json(store);
  if (!access) throw plugin::FinalError(access.error().message);
  return Lake(*std::move(access), context.lake());
}

}  // namespace batuta::lake
