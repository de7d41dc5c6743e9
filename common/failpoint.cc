#include "common/failpoint.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace batuta {

void failpoint(const char* name) {
  const char* wanted = std::getenv("BATUTA_FAILPOINT");
  if (wanted == nullptr) return;
  const char* colon = std::strchr(wanted, ':');
  const std::size_t length =
      colon == nullptr ? std::strlen(wanted) : static_cast<std::size_t>(colon - wanted);
  if (std::string_view(wanted, length) != name) return;
  static std::atomic<int> passed{0};
  if (++passed >= (colon == nullptr ? 1 : std::atoi(colon + 1))) std::raise(SIGKILL);
}

}  // namespace batuta
