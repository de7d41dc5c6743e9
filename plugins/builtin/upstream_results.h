// What the tasks before this one returned, as files for a command.
#pragma once

#include <map>
#include <string>

namespace batuta::plugin {

class Context;

// Where the context has "xcoms" (its task names batuta-xcom or $BATUTA_XCOM_DIR): makes a file of
// each in the scratch folder, <task>/<map index>/<key>, a text as it is and anything else as JSON;
// sets BATUTA_XCOM_DIR and puts the command `batuta-xcom` first on PATH. Else nothing.
// RetryableError where the disk does not take it, FinalError for a value that cannot be read.
void hand_over_results(const Context& context, std::map<std::string, std::string>& environment);

}  // namespace batuta::plugin
