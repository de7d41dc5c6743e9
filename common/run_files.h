// Files of a run beside its log, below the home of its worker and scheduler:
//   results/<run uuid>/<task id>.<map index>/<fence>.json   a return value too large for the store
//   runs/<run uuid>/                                        what the run's tasks share:
//   $BATUTA_RUN_DIR
// Both go with the run. A task names no path: it follows from the attempt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/ids.h"
#include "common/result.h"

namespace batuta {

// A return value up to this size, as JSON, stands in the store; a larger one is a file.
inline constexpr std::size_t max_stored_result = std::size_t{64} << 10;
inline constexpr std::size_t max_result_file = std::size_t{64} << 20;

// What the store keeps in the place of a large value, as JSON text:
//   {"batuta:file":{"bytes":<size>,"map_index":<of the instance>,"fence":<of the attempt>}}
struct ResultFile {
  std::int64_t bytes = 0;
  MapIndex map_index = unmapped;
  Fence fence = 0;
  bool operator==(const ResultFile&) const = default;
};
inline constexpr std::string_view result_file_head = "{\"batuta:file\":";
std::string to_text(const ResultFile& file);
// nullopt for anything else. Whoever takes values from outside must refuse those that begin with
// result_file_head, or make files of them.
std::optional<ResultFile> result_file_of(std::string_view stored);

// `run_uuid` must have passed parse_uuid and `task_id` hold no slash in these: they become paths.
// By the task's id, because its place in the DAG may be another in the version that a clear takes
// the run to.
std::string results_folder(const std::string& home, const std::string& run_uuid);
// All that one task instance returned.
std::string instance_results(const std::string& home, const std::string& run_uuid,
                             const std::string& task_id, MapIndex map_index);
std::string result_path(const std::string& home, const std::string& run_uuid,
                        const std::string& task_id, const ResultFile& file);
std::string shared_folder(const std::string& home, const std::string& run_uuid);

// At most `most` bytes of the file at `path` from `offset`; it must be a file of `bytes` bytes, and
// no link. Errc::not_found when it is not there, Errc::unavailable when it cannot be read or has
// another size. Blocking.
Result<std::string> read_result_file(const std::string& path, std::int64_t bytes,
                                     std::int64_t offset, std::size_t most);

}  // namespace batuta
