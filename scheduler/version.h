// The product's version, as `batuta version`, the API and the plugins' catalogue show it.
#pragma once

namespace batuta {

inline constexpr const char* version = "0.1.0";

}  // namespace batuta
