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

std::int64_t ranges_for(const Session& session,
                        const std::map<std::string, std::int64_t>& rows_by_partition,
                        const std::string& partition) {
  const auto found = rows_by_partition.find(partition);
  return found == rows_by_partition.end() ? 1 : found->second / (2 * batch_rows(session)) + 1;
}

bool fit_beside(const Session& session,
                const std::map<std::string, std::int64_t>& rows_by_partition,
                const std::vector<std::string>& partitions) {
  if (session.threads() < 2 || partitions.size() < 2) return false;
  return std::all_of(partitions.begin(), partitions.end(), [&](const std::string& partition) {
    const auto found = rows_by_partition.find(partition);
    return found != rows_by_partition.end() &&
           found->second * session.threads() <= batch_rows(session);
  });
}

std::int64_t bytes_for_all(const Session& session,
                           const std::map<std::string, std::int64_t>& rows_by_partition,
                           const std::string& partition, std::int64_t bytes_a_row) {
  constexpr std::int64_t least_rows = 250'000;
  const auto rows = rows_by_partition.find(partition);
  if (rows == rows_by_partition.end() || rows->second < least_rows) return 0;
  const std::int64_t bytes = rows->second * bytes_a_row * 3 / 2;
  return bytes > session.memory_bytes() / 5 ? 0 : bytes;
}

std::int64_t rows_among(const std::map<std::string, std::int64_t>& rows_by_partition,
                        const std::vector<std::string>& partitions) {
  std::int64_t rows = 0;
  for (const std::string& partition : partitions) {
    const auto found = rows_by_partition.find(partition);
    if (found != rows_by_partition.end()) rows += found->second;
  }
  return rows;
}

std::vector<std::string> ranges_of(Session& session, const std::string& from,
                                   const std::vector<std::string>& columns, std::int64_t pieces) {
  std::vector<std::string> best = {"true"};
  for (const std::string& column : columns) {
    if (static_cast<std::int64_t>(best.size()) >= pieces) break;
    const std::string name = quoted_name(column);
    // A value that ends several pieces ends one: more rows have it than a piece is to have.
    const Table ends = session.query(
        "SELECT DISTINCT CAST(max(k) AS VARCHAR), typeof(max(k)), max(k) FROM (SELECT k, ntile(" +
        std::to_string(pieces) + ") OVER (ORDER BY k) AS n FROM (SELECT " + name + " AS k FROM " +
        from + ") USING SAMPLE reservoir(20000 ROWS)) WHERE k IS NOT NULL GROUP BY n ORDER BY 3");
    std::vector<std::string> ranges;
    std::string above;
    // The last sample's end is no end: rows beyond it were not in the sample.
    for (std::size_t i = 0; i + 1 < ends.rows.size(); ++i) {
      const std::string text = ends.rows[i].at(0).text();
      if (text.find('\0') != std::string::npos) continue;  // no statement can hold it
      const std::string end =
          "CAST(" + quoted_literal(text) + " AS " + ends.rows[i].at(1).text() + ")";
      ranges.push_back((above.empty() ? "" : above + " AND ") + name + " <= " + end);
      above = name + " > " + end;
    }
    ranges.push_back(above.empty() ? "true" : "(" + above + " OR " + name + " IS NULL)");
    if (ranges.size() > best.size()) best = std::move(ranges);
  }
  return best;
}

}  // namespace batuta::lake
