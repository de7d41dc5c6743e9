#include "plugins/lake/layer/transform_shapes.h"

#include <algorithm>
#include <utility>

#include "plugins/lake/layer/partition_batches.h"
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

bool loads_beside(const Session& session, const TransformSpec& spec,
                  const std::map<std::string, std::int64_t>& rows_by_partition,
                  const std::vector<std::string>& partitions, std::int64_t bytes_a_row) {
  return std::all_of(spec.typed.begin(), spec.typed.end(),
                     [](const auto& column) { return column.stored.empty(); }) &&
         std::all_of(partitions.begin(), partitions.end(), [&](const std::string& partition) {
           return bytes_for_all(session, rows_by_partition, partition, bytes_a_row) == 0;
         });
}

}  // namespace batuta::lake
