/* Never finishes loading. */
#include <unistd.h>

__attribute__((constructor)) static void at_load(void) {
  for (;;) pause();
}
