// What a command wrote to $BATUTA_RESULT: its return value.
#pragma once

#include <string>
#include <string_view>

#include "common/run_files.h"

namespace batuta::plugin {

// Either JSON, or lines as GitHub's actions write them, which make an object of texts:
//   key=value
//   key<<END
//   lines
//   END
// JSON text of at most max_result_file bytes; FinalError, naming the line, for anything else. JSON
// over max_stored_result comes back as it is written.
std::string result_of_text(std::string_view text);

// The same of a file; empty where there is none or nothing in it. FinalError when it is too large
// or no file of its own.
std::string result_of_file(const std::string& path);

// The file's bytes, at most max_result_file; empty where there is none. FinalError as above; `what`
// names another file in it: "$NAME is not what it should be".
std::string bytes_of_file(const std::string& path, std::string what = {});

}  // namespace batuta::plugin
