#include "plugins/lake/layer/partition_batches.h"

#include <algorithm>

namespace batuta::lake {

std::int64_t batch_rows(const Session& session) {
  constexpr std::int64_t bytes_a_row = 1024;
  return std::max<std::int64_t>(session.memory_bytes() / bytes_a_row, 1);
}

std::vector<std::vector<std::string>> partition_batches(
    const std::map<std::string, std::int64_t>& rows_by_partition, std::int64_t max_rows) {
  std::vector<std::vector<std::string>> batches;
  std::int64_t filled = 0;
  for (const auto& [partition, rows] : rows_by_partition) {
    if (batches.empty() || filled + rows > max_rows) {
      batches.emplace_back();
      filled = 0;
    }
    batches.back().push_back(partition);
    filled += rows;
  }
  return batches;
}

}  // namespace batuta::lake
