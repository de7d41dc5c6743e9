#include "plugins/lake/attempt_session.h"

#include <cstdlib>

namespace batuta::lake {

SessionOptions session_options(const plugin::Context& context) {
  const auto* library = static_cast<const char*>(context.extension("batuta.engine_library"));
  if (library == nullptr || *library == '\0')
    throw plugin::FinalError("this worker has no lake engine (libduckdb.so beside its executable)");
  SessionOptions options;
  options.library = library;
  options.scratch = context.scratch();
  if (const char* memory = std::getenv("BATUTA_LAKE_MEMORY")) options.memory_limit = memory;
  options.cancelled = [&context] { return context.cancelled(); };
  return options;
}

const std::string& lake_folder(const plugin::Context& context) {
  if (context.lake().empty()) throw plugin::FinalError("the attempt has no lake folder");
  return context.lake();
}

}  // namespace batuta::lake
