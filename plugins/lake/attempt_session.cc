#include "plugins/lake/attempt_session.h"

#include <cstdint>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/branch.h"
#include "plugins/lake/count_requests.h"
#include "plugins/lake/must.h"
#include "stores/request_counts.h"

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
  using AfterReport = void (*)(void (*)(void*), void*);
  if (const void* after = context.extension("batuta.after_report"))
    options.later = reinterpret_cast<AfterReport>(const_cast<void*>(after));
  return options;
}

void count_requests_at_host(const plugin::Context& context) {
  if (const void* count = context.extension("batuta.store_request"))
    stores::count_requests_by(reinterpret_cast<stores::CountRequest>(const_cast<void*>(count)));
}

std::string branch_of(const plugin::Context& context) {
  const std::string text = context.context_json();
  if (text.find("\"lake_branch\"") == std::string::npos) return {};
  JsonLimits own;
  own.bytes = own.string_bytes = std::size_t{8} << 20;
  own.tokens = 2'000'000;
  const auto told = parse_untrusted(text, own);
  // Or what is to be tried would be done.
  if (!told || !told->is_object())
    throw plugin::FinalError(
        "what the attempt is told cannot be read, so that it is not known "
        "whether it is on a branch of the lake");
  const auto ref = told->find("lake_branch");
  return ref != told->end() && ref->is_string() ? ref->get<std::string>() : std::string();
}

Lake lake_folder(const plugin::Context& context) {
  if (context.lake().empty()) throw plugin::FinalError("the attempt has no lake folder");
  const auto* store = static_cast<const char*>(context.extension("batuta.lake_store"));
  const std::string branch = branch_of(context);
  Lake lake(context.lake());
  if (store != nullptr) {
    count_requests_at_host(context);
    auto access = stores::StoreAccess::from_json(store);
    if (!access) throw plugin::FinalError(access.error().message);
    lake = Lake(*std::move(access), context.lake());
  }
  if (branch.empty()) return lake;
  const auto there = lakelog::check_branch(*must(lake.storage()), branch);
  if (!there && there.error().code == Errc::unavailable)
    throw plugin::RetryableError(there.error().message);
  if (!there) throw plugin::FinalError(there.error().message);
  return lake.on_branch(branch);
}

}  // namespace batuta::lake
