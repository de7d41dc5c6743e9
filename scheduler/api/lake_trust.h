// Whether a table may be relied on: one badge, with the reasons behind it. Private to the room.
//
// Three subjects are judged: whether the table is as young as its contract asks (`fresh`), what the
// newest attempt told of its rules (`quality`), and whether it has the columns that its contract
// promises (`contract`). The badge is the worst of them: `broken`, `doubtful`; `trusted` when all
// three hold; `unproven` when nothing speaks against the table and not all was promised.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_contracts.h"
#include "scheduler/store/history.h"

namespace batuta::http {

using QualityByTable = std::map<std::string, TableQuality, std::less<>>;

// What attempts told of tables' quality, of each the newest. Any thread.
class LakeTrust {
 public:
  // As the store has it now: only what is new is read. Blocks on the store.
  std::shared_ptr<const QualityByTable> quality(History& history);

 private:
  std::mutex mutex_;
  // Both guarded by mutex_, under which nothing is read.
  ReportMark mark_;
  std::shared_ptr<const QualityByTable> told_ = std::make_shared<QualityByTable>();
};

// {"badge", "reasons": [{"subject", "verdict", "message", "names"}]}, as the schema LakeTrust has
// it. `contract`, `quality`: null where there is none; `is_fresh`: nullopt where nothing is asked.
nlohmann::json trust_json(const LakeName& name, const LakeSummary& summary,
                          const TableContract* contract, const std::optional<bool>& is_fresh,
                          const TableQuality* quality);

}  // namespace batuta::http
