#include "plugins/lake/layer/transform_shapes.h"

#include <utility>
#include <vector>

#include "plugins/lake/layer/transform_sql.h"

namespace batuta::lake {

TransformSpec fitted(TransformSpec spec, Session& session, const stores::Lake& lake,
                     const DeltaTable& source, const DeltaTable& target) {
  if (spec.fit_source) spec.fit_source(spec, source);
  spec.target = fitted_to(std::move(spec.target), target);
  const auto quarantine = DeltaTable::open(session, lake, spec.quarantine.name);
  spec.quarantine = fitted_to(std::move(spec.quarantine), quarantine);
  return spec;
}

HistorySpec history_of(const TransformSpec& spec) {
  const std::string received = quoted_name("_ingested_at");
  TableShape table = spec.target;
  std::erase_if(table.columns, [](const auto& column) { return column.name == deleted_column; });
  return {std::move(table),
          partition_columns(spec.target),
          {"_ingested_at", "execution_id"},
          spec.history_since.empty()
              ? received
              : "coalesce(" + quoted_name(spec.history_since) + ", " + received + ")"};
}

}  // namespace batuta::lake
