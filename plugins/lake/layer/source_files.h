// Which files of a source a transform reads, by what the log tells of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plugins/lake/delta_table.h"

namespace batuta::lake {

// The files with what came after version `taken_in`, those of the run itself, and whatever was
// received as late as the earliest of them: see transform.h.
std::vector<lakelog::AddFile> files_to_read(const DeltaTable& source, std::int64_t taken_in,
                                            const std::string& execution_id);

// Rows as the log counts them; a file whose count it does not tell has none.
std::int64_t bytes_in(const std::vector<lakelog::AddFile>& files);
std::int64_t rows_in(const std::vector<lakelog::AddFile>& files);

}  // namespace batuta::lake
