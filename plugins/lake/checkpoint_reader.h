// Parquet checkpoints of Delta logs, read by the attempt's engine.
#pragma once

#include <string>

#include "lakelog/checkpoint.h"
#include "plugins/lake/session.h"

namespace batuta::lake {

class EngineCheckpoints final : public lakelog::CheckpointReader {
 public:
  // Both must outlive this; `lake` is the folder below which the keys are paths.
  EngineCheckpoints(Session& session, std::string lake)
      : session_(session), lake_(std::move(lake)) {}

  // Interrupts throw, as everywhere (see Session).
  Result<lakelog::Commit> read(const lakelog::CheckpointFiles& files) override;

 private:
  Session& session_;
  const std::string lake_;
};

}  // namespace batuta::lake
