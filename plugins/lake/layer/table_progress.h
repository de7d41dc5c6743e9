// How far a table is taken in, as the logs of those tell that take it in: by progress markers whose
// numbers are versions of the table.
//
// On a branch of the lake tables leave the lake one by one, and from then on a number is another
// version than the lake's of that number. So what is told on a branch has a name of its own. What
// the lake told counts there up to the version that the table left from.
#pragma once

#include <cstdint>
#include <string>

#include "lakelog/branch.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/must.h"

namespace batuta::lake {

class TableProgress {
 public:
  // Of `table`, as it is at its version. Throws plugin::RetryableError when the disk fails.
  explicit TableProgress(const DeltaTable& table)
      : seen_(must(lakelog::seen_table(*table.storage(), table.name()))),
        version_(table.version()) {}

  bool has_left() const { return seen_.base.has_value(); }

  // Under which it is told by whom writes here.
  std::string name(const std::string& marker) const {
    return seen_.ref.empty() ? marker : marker + "@" + seen_.ref;
  }

  // What the log of `by` tells, or -1. `beside_another`: what the lake told is not of what is here.
  std::int64_t told(const DeltaTable& by, const std::string& marker, bool beside_another) const {
    if (is_told_here(by, marker)) return by.marker(name(marker));
    return beside_another ? -1 : by.marker(marker);
  }

  // Told of a version that is not here: of a table that was restored, made anew, or left the lake
  // before it.
  bool is_ahead(const DeltaTable& by, const std::string& marker, bool beside_another) const {
    const bool of_lake = has_left() && !is_told_here(by, marker);
    return told(by, marker, beside_another) > (of_lake ? *seen_.base : version_);
  }

 private:
  bool is_told_here(const DeltaTable& by, const std::string& marker) const {
    return by.snapshot().txns.count(name(marker)) != 0;
  }

  lakelog::SeenTable seen_;
  std::int64_t version_;
};

}  // namespace batuta::lake
