// Which build of the code computes: two that are equal compute the same.
#pragma once

#include <string>

namespace batuta::models {

// The linker's id of the shared object that this code is part of, in hex: the digest of all that
// was linked. Empty where it was linked without one.
std::string build_id();

}  // namespace batuta::models
