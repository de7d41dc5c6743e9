// The raw landing of one extraction: what the source sent, as it was sent, and beside it what it
// was asked for. Durable before any table speaks of it.
//
//   raw/<domain>/<table>/ingest_date=2026-11-20/run=<execution id>/part-<attempt>-0001.json
//   raw/<domain>/<table>/ingest_date=2026-11-20/run=<execution id>/_request-<attempt>.json
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lakelog/storage.h"
#include "plugins/sdk/plugin.h"
#include "stores/lake.h"

namespace batuta::lake {

class RawLanding {
 public:
  // Makes the folder and writes the request, a JSON object: rows are judged by it whenever they are
  // transformed, and by whichever run. `source`: "financial/quotes". Throws plugin::RetryableError
  // when the disk refuses, as add() does.
  RawLanding(plugin::Context& context, const std::string& source, const std::string& request_json);

  // Path of the new file, relative to the lake; it is durable. It is reported as a file of the
  // attempt.
  std::string add(const std::string& body, const std::string& extension = "json");
  // The same of a file of this host, copied without being held in memory, and its bytes as they
  // were copied. Throws plugin::RetryableError when it cannot be read.
  std::pair<std::string, std::int64_t> add_file(const std::string& file,
                                                const std::string& extension);

  // The first files only (a result holds 64 KiB), and how many there are.
  const std::vector<std::string>& first_files() const { return first_files_; }
  std::size_t file_count() const { return count_; }

 private:
  void put(const std::string& name, const std::string& body);
  std::string next_name(const std::string& extension);
  void note(const std::string& name);

  plugin::Context& context_;
  std::shared_ptr<lakelog::Storage> storage_;
  std::string folder_;
  std::string attempt_;
  std::vector<std::string> first_files_;
  std::size_t count_ = 0;
};

// SQL: the request's path (relative to the lake) that belongs to a raw file, from the text `path`.
std::string request_path_sql(const std::string& path);

// The request found at `path` under `lake`; nullopt when it was never written or has been cleaned
// up. Throws plugin::RetryableError when it cannot be read.
std::optional<std::string> read_request(const stores::Lake& lake, const std::string& path);

}  // namespace batuta::lake
