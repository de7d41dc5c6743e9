// The product's version, as `batuta version`, the API and the plugins' catalogue show it. It is
// written once, in the project() line of CMakeLists.txt.
#pragma once

namespace batuta {

extern const char* const version;

}  // namespace batuta
