// What a table held, and since when (SCD 2): <table>_hist has a row for every state that a key had,
// with all of the table's columns and
//
//   valid_from, valid_to  the state held from valid_from up to valid_to, exclusive; NULL: it holds
//   is_current            whether it holds; the table is partitioned by it, and by the table's own
//   change_hash           SHA-256 of what the state says: equal states have equal ones
//
// States are compared, not changes replayed: what is there already is not written again, so that
// an attempt may be repeated, and what an attempt could not write the next one makes up for. Of one
// key no two states hold at one time. A state that begins no later than the one before it leaves
// that one with valid_from = valid_to: it is kept, and holds at no time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lakelog/payload.h"
#include "plugins/lake/layer/table_shape.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

// The columns of a history beside its table's.
inline constexpr const char* history_columns[] = {"valid_from", "valid_to", "is_current",
                                                  "change_hash"};

struct HistorySpec {
  TableShape table;                       // whose history; it has keys
  std::vector<std::string> partition_by;  // of the table
  std::vector<std::string> besides;       // columns that say nothing of a state: not compared
  std::string since;                      // SQL over a row of the table: the instant it holds from
};

class TableHistory {
 public:
  // Opens <table>_hist. Throws plugin::FinalError when it cannot take the table's columns.
  TableHistory(plugin::Context& context, Session& session, HistorySpec spec);

  const DeltaTable& table() const { return table_; }
  // `rows`: a relation of the session with the table's columns, its state; of these partitions
  // only, which need one partition column, or of the whole table. A key that the history has there
  // and `rows` does not is gone since `gone`. Stages what differs. Throws plugin::FinalError,
  // naming one, for keys that are NULL or there twice.
  void compare(const std::string& rows, const std::optional<std::vector<std::string>>& partitions,
               Time gone);
  // Partitions of the table that the history has current rows of; with one partition column.
  std::vector<std::string> current_partitions() const;
  void set_marker(const std::string& name, std::int64_t version);

  std::int64_t opened() const { return opened_; }
  std::int64_t closed() const { return closed_; }
  bool differs() const { return opened_ + closed_ > 0; }
  // Gives the version to the host, also where nothing differs. `metrics_json`: an object for the
  // table's history, or empty.
  void hand_in(const std::string& metrics_json);

 private:
  std::vector<lakelog::AddFile> files(bool current,
                                      const std::optional<std::vector<std::string>>& parts) const;
  void check_keys(const std::string& rows, const std::string& what);
  void write();

  plugin::Context& context_;
  Session& session_;
  const HistorySpec spec_;
  const std::string name_;
  const DeltaTable table_;
  const TableShape shape_;
  const std::vector<std::string> partitions_;  // of the history
  lakelog::Payload payload_;
  std::int64_t opened_ = 0, closed_ = 0;
};

}  // namespace batuta::lake
