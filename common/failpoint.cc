#include "common/failpoint.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace batuta {
namespace {

struct Wanted {
  std::string_view name;
  int countdown = 1;
};

Wanted read_wanted() {
  const char* text = std::getenv("BATUTA_FAILPOINT");
  if (text == nullptr) return {};
  const char* colon = std::strchr(text, ':');
  if (colon == nullptr) return {text, 1};
  return {std::string_view(text, static_cast<std::size_t>(colon - text)), std::atoi(colon + 1)};
}

}  // namespace

void failpoint(const char* name) {
  static const Wanted wanted = read_wanted();
  static std::atomic<int> left{wanted.countdown};
  if (wanted.name == name && --left == 0) std::raise(SIGKILL);
}

}  // namespace batuta
