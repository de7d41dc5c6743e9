#include "stream/kafka_library.h"

#include <dlfcn.h>

#include <type_traits>

namespace batuta::stream {
namespace {

// BATUTA_RDKAFKA_LIBRARY is the one it was built for.
Rdkafka open_rdkafka() {
  Rdkafka out;
  void* library = ::dlopen(BATUTA_RDKAFKA_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    out.error = std::string("librdkafka cannot be loaded (Debian: apt install librdkafka1): ") +
                ::dlerror();
    return out;
  }
  const auto load = [&](auto& function, const char* name) {
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(::dlsym(library, name));
    if (function == nullptr) out.error = std::string("librdkafka has no ") + name + "; 2.0 has";
  };
#define BATUTA_LOAD(name) load(out.f_##name, "rd_kafka_" #name);
  BATUTA_RDKAFKA_FUNCTIONS(BATUTA_LOAD)
#undef BATUTA_LOAD
  return out;
}

}  // namespace

const Rdkafka& rdkafka() {
  static const Rdkafka library = open_rdkafka();
  return library;
}

}  // namespace batuta::stream
