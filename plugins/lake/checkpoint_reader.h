// Parquet checkpoints of Delta logs, read by the attempt's engine.
#pragma once

#include <string>
#include <vector>

#include "lakelog/checkpoint.h"
#include "plugins/lake/session.h"
#include "stores/lake.h"

namespace batuta::lake {

using stores::Lake;

class EngineCheckpoints final : public lakelog::CheckpointReader {
 public:
  // The session must outlive this.
  EngineCheckpoints(Session& session, Lake lake) : session_(session), lake_(std::move(lake)) {}

  // Row by row; Errc::too_large where the actions are too much for the session's memory. Interrupts
  // throw, as everywhere (see Session).
  Result<lakelog::Commit> read(const lakelog::CheckpointFiles& files) override;

  // An action's column, and the field that is never NULL where there is such an action.
  struct Kind {
    const char* action;
    const char* field;
  };

 private:
  Status take_parquet(const std::vector<std::string>& keys, lakelog::CommitParser& parser,
                      std::int64_t& left);
  Result<std::vector<std::string>> read_v2(const std::string& key, lakelog::CommitParser& parser,
                                           std::int64_t& left);
  Status read_v2_json(const std::string& key, lakelog::CommitParser& parser, std::int64_t& left,
                      std::vector<std::string>& names);
  Status take(const Kind& kind, const std::vector<std::string>& paths,
              lakelog::CommitParser& parser, std::int64_t& left);
  // As the engine's readers take them.
  Status local_paths(const std::vector<std::string>& keys, std::vector<std::string>& paths);

  Session& session_;
  const Lake lake_;
};

}  // namespace batuta::lake
