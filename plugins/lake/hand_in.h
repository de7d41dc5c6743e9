// How a lake plugin gives a table's change to the host.
#pragma once

#include "lakelog/payload.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

// Hands the publication in and reports its files, relative to the lake, for the control row: every
// file a table version names stands there too. Throws plugin::FinalError when the host refuses.
void hand_in(plugin::Context& context, const lakelog::Payload& payload);

}  // namespace batuta::lake
