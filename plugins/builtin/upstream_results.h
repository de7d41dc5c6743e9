// What the tasks before this one returned, as files for a command.
#pragma once

#include <map>
#include <string>

namespace batuta::plugin {

class Context;

// Where the context has "xcoms" (its task names batuta-xcom or $BATUTA_XCOM_DIR): makes `root` with
// a file of each in it, <task>/<map index>/<key>, a text as it is and anything else as JSON; false:
// it has none. `apart`: large ones are copied, for whoever sees nothing of the run's own files;
// else they are links.
// RetryableError where the disk does not take it, FinalError for a value that cannot be read.
bool make_result_files(const Context& context, const std::string& root, bool apart);

// The same in the scratch folder, for a command of this machine: sets BATUTA_XCOM_DIR and puts the
// command `batuta-xcom` first on PATH.
void hand_over_results(const Context& context, std::map<std::string, std::string>& environment);

}  // namespace batuta::plugin
