#include "lakelog/failpoint.h"

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace batuta::lakelog {

void failpoint(const char* name) {
  const char* wanted = std::getenv("BATUTA_FAILPOINT");
  if (wanted != nullptr && std::strcmp(wanted, name) == 0) std::raise(SIGKILL);
}

}  // namespace batuta::lakelog
