#include "plugins/lake/layer/source_files.h"

#include <algorithm>
#include <set>

#include "plugins/lake/file_stats.h"

namespace batuta::lake {

using lakelog::AddFile;

std::vector<AddFile> files_to_read(const DeltaTable& source, std::int64_t taken_in,
                                   const std::string& execution_id) {
  const auto fresh = source.changes_since(taken_in).added;
  std::set<std::string> chosen;
  Time earliest = Time::max();
  for (const AddFile& file : source.files([&](const AddFile& each) {
         return fresh.count(each.path) != 0 || may_hold_text(each, "_run_id", execution_id);
       })) {
    chosen.insert(file.path);
    const auto bounds = time_bounds(file, "_ingested_at");
    earliest = bounds ? std::min(earliest, bounds->low) : Time::min();
  }
  return source.files([&](const AddFile& file) {
    if (chosen.count(file.path) != 0) return true;
    const auto bounds = time_bounds(file, "_ingested_at");
    return !chosen.empty() && (!bounds || bounds->high >= earliest);
  });
}

std::int64_t bytes_in(const std::vector<AddFile>& files) {
  std::int64_t bytes = 0;
  for (const AddFile& file : files) bytes += file.size;
  return bytes;
}

std::int64_t rows_in(const std::vector<AddFile>& files) {
  std::int64_t rows = 0;
  for (const AddFile& file : files) rows += lakelog::record_count(file).value_or(0);
  return rows;
}

}  // namespace batuta::lake
