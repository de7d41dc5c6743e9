// mngt.ingestion_job_config and mngt.ingestion_job_execution as rows: from the running server, or
// from the store file when no server runs.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace batuta::cli {

struct ControlTable {
  std::string name;                                          // "ingestion_job_config", of mngt
  std::vector<std::pair<std::string, std::string>> columns;  // name and Delta type
  std::vector<std::string> rows;                             // JSON lists, by column
};

// Newest rows first, at most 10,000 of each. Empty tables where there is no store yet. Throws
// Failure when the store can be neither asked nor opened.
std::vector<ControlTable> read_control_tables(const std::string& home);

}  // namespace batuta::cli
