#include "common/version.h"

namespace batuta {

const char* const version = BATUTA_VERSION;

}  // namespace batuta
