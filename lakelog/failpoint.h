// Places where the kill tests end the process. Inert unless the environment says
// BATUTA_FAILPOINT=<name>: then the process dies there by SIGKILL, as in a power cut.
#pragma once

namespace batuta::lakelog {

// Names in use: publish_before_write, publish_before_link, publish_after_link,
// publish_before_return.
void failpoint(const char* name);

}  // namespace batuta::lakelog
