#include "plugins/lake/hand_in.h"

namespace batuta::lake {

void hand_in(plugin::Context& context, const lakelog::Payload& payload) {
  context.output(lakelog::serialise_payload(payload));
  for (const lakelog::AddFile& file : payload.adds)
    context.report("files", plugin::quoted(payload.table + "/" + file.path));
}

}  // namespace batuta::lake
