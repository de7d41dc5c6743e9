// Named, realistic bugs. In the shipped library `mutant()` is the constant false and the compiler
// removes every one of them; in batuta_core_mutants (-DBATUTA_MUTANTS) the simulator switches one
// on at a time and must notice.
#pragma once

#include <span>
#include <string_view>

namespace batuta {

struct MutantInfo {
  const char* name;    // as given to mutant()
  const char* breaks;  // the promise that a check must see broken
};
// Every mutation point there is; mutant() CHECKs nothing, the tests compare names.
std::span<const MutantInfo> all_mutants();

#ifdef BATUTA_MUTANTS
inline const char* active_mutant = nullptr;  // set by the simulator, between steps

inline bool mutant(const char* name) {
  return active_mutant != nullptr && std::string_view(active_mutant) == name;
}
#else
constexpr bool mutant(const char*) {
  return false;
}
#endif

}  // namespace batuta
