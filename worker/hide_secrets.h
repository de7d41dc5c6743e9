// What a report tells beside the log must not show what the log masks.
#pragma once

#include "common/message.h"

namespace batuta {

// A result with secrets of the launch in it gets `shown_json` and `hidden`: the tasks after it need
// the value itself. Lists of files, findings and lineage are for people alone, and masked.
void hide_secrets(const Launch& launch, Finished& report);

}  // namespace batuta
