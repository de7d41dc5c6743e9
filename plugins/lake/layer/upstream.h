// What the task before returned: the handshake between the layers of one run.
#pragma once

#include <string>
#include <vector>

#include "plugins/sdk/plugin.h"

namespace batuta::lake {

struct Upstream {
  std::string result_json;

  // A list of texts in the result; empty when it has none of that name.
  std::vector<std::string> texts(const char* field) const;
};

// Throws plugin::FinalError unless exactly one direct upstream returned an object for `table` with
// this run's execution_id and a count of records: absence or another run's result is an error, not
// a shrug.
Upstream check_upstream(const plugin::Context& context, const std::string& table);

}  // namespace batuta::lake
