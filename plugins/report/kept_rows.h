// The next version of one of the platform's own tables: rows that came, in the place of those that
// are not so any more.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "plugins/lake/delta_table.h"
#include "plugins/lake/layer/publication.h"
#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

struct KeptRows {
  // What came: {"columns": names, "rows": [values in their order]}, of exactly the shape's columns.
  const nlohmann::json& rows;
  // SQL that holds for a row `t` of the table that goes, whatever came; may name relations of the
  // session.
  std::string gone;
  // The partitions that rows may go from; those of rows that came are among them anyway.
  std::vector<std::string> partitions;
  // Partitions before this day go whole, unless something came to them.
  std::string oldest;
};

// Hands in the next version: nothing where the table is there and nothing differs, unless `mark`
// says that there is something to tell, which it may also add. A row that came takes the place of
// that with its key. Returns how many came. Throws plugin::FinalError for rows that are none.
std::int64_t hand_in_rows(plugin::Context& context, Session& session, const Lake& lake,
                          const TableShape& shape, const KeptRows& kept,
                          const std::function<bool(Publication&)>& mark = {});

}  // namespace batuta::lake
