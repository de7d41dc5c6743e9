// Parquet checkpoints of a Delta log: a table's whole state at one version, in one file or several.
// This room reads no Parquet: whoever has an engine lends it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"
#include "lakelog/action.h"

namespace batuta::lakelog {

// All parts of one checkpoint, in order; of version 2 of the format its one file, JSON or Parquet,
// which names others below _sidecars.
struct CheckpointFiles {
  std::int64_t version = 0;
  std::vector<std::string> keys;
  bool is_v2 = false;
};

class CheckpointReader {
 public:
  virtual ~CheckpointReader() = default;
  // The actions of all parts together. Errc::not_found when a part is gone, Errc::malformed when
  // the files are no checkpoint, Errc::too_large, Errc::unavailable.
  virtual Result<Commit> read(const CheckpointFiles& files) = 0;
};

class CheckpointWriter {
 public:
  virtual ~CheckpointWriter() = default;
  // The Parquet bytes of a classic checkpoint in one file that holds exactly these actions.
  // Errc::invalid where an action has fields that such a checkpoint has no place for,
  // Errc::too_large, Errc::unavailable.
  virtual Result<std::string> write(const Commit& state) = 0;
};

}  // namespace batuta::lakelog
