// The user that an installation begins with.
#pragma once

#include "common/result.h"
#include "scheduler/serve/home.h"
#include "scheduler/store/registry.h"

namespace batuta {

inline constexpr const char* first_user = "admin";

// Makes it, an admin with a password of its own, and writes both to admin.json in the home, which
// only the home's owner can read.
Status make_first_user(Registry& registry, const Home& home);

}  // namespace batuta
