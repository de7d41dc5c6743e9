// Parquet checkpoints of Delta logs, written by the attempt's engine.
#pragma once

#include <string>

#include "lakelog/checkpoint.h"
#include "plugins/lake/session.h"

namespace batuta::lake {

class EngineCheckpointWriter final : public lakelog::CheckpointWriter {
 public:
  // The session must outlive this; `scratch` is a folder for what lies between.
  EngineCheckpointWriter(Session& session, std::string scratch)
      : session_(session), scratch_(std::move(scratch)) {}

  // Interrupts throw, as everywhere (see Session).
  Result<std::string> write(const lakelog::Commit& state) override;

 private:
  Session& session_;
  const std::string scratch_;
};

}  // namespace batuta::lake
