// Files that appear whole.
#pragma once

#include <string>

#include "common/result.h"

namespace batuta::demo {

// `text` becomes the file's content, whoever reads it meanwhile; its folder is there.
Status write_file(const std::string& path, const std::string& text);

}  // namespace batuta::demo
