#include "common/result.h"

#include <cstdio>

namespace batuta {

void check_failed(const char* expression, const char* file, int line, const std::string& detail) {
  std::fprintf(stderr, "batuta: broken invariant: %s (%s:%d)%s%s\n", expression, file, line,
               detail.empty() ? "" : ": ", detail.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace batuta
