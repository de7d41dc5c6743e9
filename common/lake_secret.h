// Under which name a launch carries what opens the lake's object store. No connection can have it.
#pragma once

namespace batuta {

inline constexpr const char* lake_store_secret = "batuta/lake";

}  // namespace batuta
