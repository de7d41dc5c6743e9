// Quality rules over staged rows, before anyone may read them: one scan for all rules of a table.
#pragma once

#include <string>
#include <vector>

#include "plugins/lake/session.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

struct QualityRule {
  const char* name;       // "price_inside_range"
  const char* dimension;  // "validity", "uniqueness"…
  const char* failing;    // SQL condition of a row that breaks the rule
  bool blocking = true;   // a broken blocking rule fails the attempt
};

// Counts the rows of `relation` that break each rule and reports every count to the host. Throws
// plugin::FinalError when a blocking rule is broken: the old version of the table stays.
void check_quality(plugin::Context& context, Session& session, const std::string& table,
                   const std::string& relation, const std::vector<QualityRule>& rules);

}  // namespace batuta::lake
