// Quality rules over staged rows, before anyone may read them: one scan of a piece for all rules.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

struct QualityRule {
  std::string name;       // "price_inside_range"
  std::string dimension;  // "validity", "uniqueness"…
  // SQL condition of a row that breaks the rule; values in it are parameters, see count().
  std::string failing;
  bool blocking = true;  // a broken blocking rule fails the attempt
};

// Counts over all pieces of one table's new rows, told once at the end.
class QualityTally {
 public:
  // `rules` must outlive this.
  QualityTally(std::string table, const std::vector<QualityRule>& rules);

  // Adds the rows of `relation` that break each rule. `params`: of all rules together.
  void count(Session& session, const std::string& relation, const std::vector<Param>& params = {});
  // A blocking rule is broken already.
  bool broken() const;
  // Reports every count to the host; nothing when nothing was counted. Throws plugin::FinalError
  // when a blocking rule is broken: the old version of the table stays.
  void finish(plugin::Context& context) const;

 private:
  std::string table_;
  const std::vector<QualityRule>& rules_;
  std::vector<std::int64_t> failed_;
  std::int64_t checked_ = 0;
  bool counted_ = false;
};

}  // namespace batuta::lake
