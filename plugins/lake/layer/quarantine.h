// Rejected rows, once per distinct row and reason, however often overlapping windows read them.
//
// The look-up of what is there already does not grow with the table. A rejected row that has a
// readable time is compared only with files whose times can hold it, and files are kept apart by
// that: rows with a time in one, rows without in another. Of the latter the newest 32 files are
// looked at, of the former at most the newest 256 of a week: a row that comes again later than that
// is kept once more.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/lake/layer/publication.h"
#include "plugins/lake/layer/table_shape.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

class Quarantine {
 public:
  // `shape` must outlive this.
  Quarantine(plugin::Context& context, Session& session, const TableShape& shape);

  const DeltaTable& table() const { return table_; }
  // `rejected`: a relation of the session with the raw `columns` as they were sent, reason,
  // _run_id, _ingested_at, _record_no, the shape's partition column, and `_timed`: whether the text
  // of `time_column` is a time; with an empty `time_column` no row has one. Stages what is new;
  // returns how many rows that is.
  std::int64_t stage(Session& session, const std::vector<std::string>& columns,
                     const std::string& time_column, const std::string& rejected);
  void set_marker(const std::string& name, std::int64_t version);
  // Without new rows there is no version, unless the marker alone is worth one.
  void hand_in(bool for_marker = false);

 private:
  plugin::Context& context_;
  const TableShape& shape_;
  DeltaTable table_;
  Publication version_;
  std::int64_t rows_ = 0;
};

}  // namespace batuta::lake
