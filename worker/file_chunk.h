// Parts of this worker's files, for a scheduler that does not share its disk.
#pragma once

#include <string>

#include "common/message.h"

namespace batuta {

// Reads what `wanted` asks for below `home`: regular files below logs/ only, opened without
// following links. What cannot be given is said in `fault`. Blocking, for at most max_chunk_bytes.
FileChunk read_file_chunk(const std::string& home, const FetchFile& wanted);

}  // namespace batuta
