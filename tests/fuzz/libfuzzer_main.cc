// The fuzzer's entry; which target is said when it is compiled (FUZZ_TARGET, `./dev fuzz`).
#include <cstddef>
#include <cstdint>

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  batuta::fuzz::FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
