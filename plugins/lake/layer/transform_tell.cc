#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/layer/transform.h"
#include "plugins/lake/layer/transform_sql.h"

namespace batuta::lake {

void tell(plugin::Context& context, const TransformSpec& spec, const TransformResult& result) {
  context.records(result.changed);
  nlohmann::json told = {{"execution_id", context.execution_id()},
                         {"table", spec.target.name},
                         {"records", result.changed},
                         {"rows_read", result.read},
                         {"quarantined", result.quarantined}};
  if (spec.deletes) told["deleted"] = result.deleted;
  if (spec.history)
    told["history"] = {{"table", spec.target.name + "_hist"},
                       {"opened", result.opened},
                       {"closed", result.closed}};
  context.return_json(json_text(told));
  context.info(std::to_string(result.read) + " bronze rows read, " +
               std::to_string(result.changed) + " silver rows new or changed, " +
               std::to_string(result.quarantined) + " quarantined");
  if (spec.deletes)
    context.info(std::to_string(result.deleted) + " silver rows that the source no longer has " +
                 (marks(spec) ? "marked" : "taken away"));
  if (spec.history)
    context.info("history: " + std::to_string(result.opened) + " states began, " +
                 std::to_string(result.closed) + " ended");
}

}  // namespace batuta::lake
