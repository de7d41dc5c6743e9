// One new version of one table, staged piece by piece and handed in as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lakelog/payload.h"
#include "plugins/lake/layer/table_shape.h"
#include "plugins/lake/staged_write.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

class Publication {
 public:
  // `shape` and `table` must outlive this. The version read is the table's. `most_bytes`: what an
  // attempt may hand in.
  Publication(const TableShape& shape, const DeltaTable& table, lakelog::Operation operation,
              std::size_t most_bytes = BATUTA_MAX_OUTPUT_BYTES);

  // Nothing that is there decided what is added: any other append may come between.
  void set_blind() { payload_.append = true; }
  // Writes the rows of `select` (exactly the shape's columns) as new files, one a partition and
  // ordered by `order`, durable once they are handed in. Throws plugin::FinalError, saying what to
  // do, as soon as the files named are more than can be handed in. `only`: the partition that all
  // rows are of, `expected_bytes` and `expected_rows`: see StagedWrite.
  void stage(Session& session, const std::string& select, const std::vector<std::string>& order,
             const std::vector<Param>& params = {},
             std::optional<lakelog::PartitionValues> only = std::nullopt,
             std::int64_t expected_bytes = 0, std::int64_t expected_rows = 0);
  // The same of several selects, each with files of its own, beside each other on the engine's
  // threads: they may read files and the parameters, and nothing of the session itself. Nothing is
  // staged when one of them fails.
  void stage_beside(Session& session, const std::vector<std::string>& selects,
                    const std::vector<Param>& params,
                    const std::optional<lakelog::PartitionValues>& only);
  // The same of whole partitions, each ordered by `order`: `select_of` makes what the select reads
  // in the session that it is given, which has none of `session`'s temporary relations. Called from
  // several threads.
  void stage_beside(
      Session& session, const std::vector<std::string>& partitions,
      const std::vector<std::string>& order,
      const std::function<std::string(Session& own, const std::string& partition)>& select_of);
  // Takes away every file of these partitions: what stays of them must have been staged.
  void replace(const std::vector<std::string>& partitions);
  // The version stands on what these partitions held; without any call, on the whole table.
  void read(const std::vector<std::string>& partitions);
  // How far an upstream table has been taken in.
  void set_marker(const std::string& name, std::int64_t version);

  // Of all files staged so far.
  std::int64_t rows() const { return rows_; }
  bool empty() const {
    return payload_.adds.empty() && payload_.removes.empty() && under_way_.empty();
  }
  // Gives it to the host. `metrics_json`: an object for the table's history.
  void hand_in(plugin::Context& context, const std::string& metrics_json);

 private:
  StagedWrite write_of(std::string select, std::optional<lakelog::PartitionValues> only) const;
  // Each is given a session and its number, and tells the files that it wrote.
  using Piece = std::function<std::vector<lakelog::AddFile>(Session& own, std::size_t number)>;
  void stage_pieces(Session& session, std::size_t count, const Piece& piece);
  void take(std::vector<lakelog::AddFile> files);
  void make_sure();
  [[noreturn]] void refuse_many() const;

  const TableShape& shape_;
  const DeltaTable& table_;
  lakelog::Payload payload_;
  // Staged, and not waited for yet: their writing goes on while further ones are computed.
  std::vector<lakelog::AddFile> under_way_;
  std::set<std::string> replaced_;
  const std::size_t most_bytes_;
  std::int64_t rows_ = 0;
  std::size_t bytes_ = 0;  // of the files named so far, as they are handed in
};

// "this table's version was made from that version of that table", for the run's report.
void report_lineage(plugin::Context& context, const DeltaTable& from, const TableShape& to);

}  // namespace batuta::lake
