// Deletion vectors: which rows of a data file are no longer part of the table, as the log or a file
// beside it tells. Only read; nothing here writes one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "lakelog/action.h"
#include "lakelog/storage.h"

namespace batuta::lakelog {

inline constexpr std::int64_t max_deletion_vector_bytes = 64 << 20;

struct DeletionVector {
  char storage = 'i';          // 'i' in the log, 'u' a file named by a UUID, 'p' one by its path
  std::string path_or_inline;  // as the log has it
  std::int64_t offset = 0;     // in the file
  std::int64_t size = 0;       // bytes
  std::int64_t cardinality = 0;
};

// As rows they take eight bytes each, whatever the vector takes.
inline constexpr std::int64_t max_deleted_rows = 1 << 27;

// nullopt when the file has none. Errc::malformed when it is not told as it must be, or takes out
// more rows than the file has.
Result<std::optional<DeletionVector>> deletion_vector_of(const AddFile& file);

// How many rows the file has for its readers; nullopt when the log does not tell.
std::optional<std::int64_t> live_rows(const AddFile& file);

// The rows, from 0 on, ascending. Errors: Errc::malformed for what is no such vector or has another
// checksum or number of rows, Errc::invalid for one that lies outside of the table's folder,
// Errc::not_found, Errc::too_large over max_deletion_vector_bytes or max_deleted_rows,
// Errc::unavailable.
Result<std::vector<std::int64_t>> deleted_rows(const Storage& lake, const std::string& table,
                                               const DeletionVector& vector);

// The path of its file below the table. Errc::invalid for an absolute one, Errc::malformed.
Result<std::string> deletion_vector_path(const DeletionVector& vector);

// Parts of the above, for tests.
Result<std::string> decode_z85(std::string_view text);
Result<std::vector<std::int64_t>> decode_deleted_rows(std::string_view bytes, std::int64_t most);

}  // namespace batuta::lakelog
