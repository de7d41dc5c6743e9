// What one version of a table has otherwise than another: rows by a key, or as they are.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "plugins/lake/delta_table.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/read_masks.h"
#include "plugins/lake/session.h"

namespace batuta::lake {

struct DiffQuestion {
  std::string table;
  std::int64_t from = -1;  // -1: the version before `to`
  std::int64_t to = lakelog::latest_version;
  std::vector<std::string> key;  // empty: whole rows are compared
  // The key was asked for: where it is none that is an error, and otherwise whole rows are
  // compared.
  bool key_is_asked = false;
  std::int64_t rows = 20;  // most of those that differ, as a sample
  std::size_t answer_bytes = 0;
  std::int64_t compared_bytes = std::int64_t{1} << 30;  // most, of files
};

// Reads the files alone that one of both has, or has with other deleted rows: what lies in the
// others has not changed. `told` is told which columns are masked, and those are compared as they
// are shown. Locks the session down. The answer is what LakeVersionDiff is over HTTP, without
// `table` and `masked`. Throws plugin::FinalError for a version that is not there or has no
// predecessor, a key that is none, and what DeltaTable throws.
nlohmann::json version_diff(Session& session, const Lake& lake, const ReadMasks& masks,
                            const DiffQuestion& question, ReadTable& told);

}  // namespace batuta::lake
