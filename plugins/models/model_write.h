// From a model's result to the next version of its table: what is new, what differs, what goes.
//
// A partition whose rows are the ones it holds already is left alone, and a row that is there
// unchanged (by the keys, where there are any) keeps the system columns it has: they tell when it
// came to be what it is. Nothing different means no version.
//
//   overwrite    the table is the result; of an empty result: an empty table
//   partitions   so it is in the partitions that the result has rows in, and in those named by
//                follow(); the others stay
//   merge        rows of the result replace those with their keys, or are added; with delete_when
//                they take them away
//   append       the result is added; what this run appended before goes
//
// A table that is not there yet is made, of an empty result too.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lakelog/payload.h"
#include "plugins/lake/delta_table.h"
#include "plugins/models/model_spec.h"
#include "plugins/models/result_shape.h"

namespace batuta::models {

struct Written {
  std::int64_t rows = 0;        // of the result
  std::int64_t changed = 0;     // new or different in the table
  std::int64_t removed = 0;     // merge: taken away by delete_when; append: replaced; partitions:
                                // of partitions that the result has no rows in
  std::int64_t partitions = 0;  // written
  bool version = false;         // there is a new one
};

class ModelWrite {
 public:
  // All must outlive this. `fresh`, a relation of the session, has the result's columns;
  // `versions_json`: what was read.
  ModelWrite(plugin::Context& context, lake::Session& session, const ModelSpec& spec,
             const ModelShape& shape, const lake::DeltaTable& target, std::string versions_json);

  using Partition = std::vector<std::optional<std::string>>;

  // Before stage(): partitions of the table whose values of `columns` are among `values` (without
  // them: all) become the result, also where it has no rows in them; and all
  // others stay, in the mode overwrite, too. A version that others put meanwhile is then a conflict
  // wherever it writes.
  void follow(const std::vector<std::string>& columns, std::optional<std::set<Partition>> values);

  // Before stage(), behind follow(): a relation of the session with the values of all rows of the
  // table, as this write will leave it. Not in the mode append.
  std::string whole_after();

  // Stages the files. Throws plugin::FinalError for what cannot be told apart afterwards: an empty
  // text as partition, a table that holds a key twice under a merge; and for more new files than
  // one attempt can hand in.
  Written stage();
  // After stage(): a relation of the session with all rows of the table, as this write leaves it.
  std::string rows_after();
  Time now() const { return now_; }  // what the new rows have as _computed_at
  // Gives the version to the host, if there is one. `metrics_json`: an object.
  void hand_in(const std::string& metrics_json);

 private:
  void overwrite(bool whole);
  std::set<Partition> followed() const;  // of the table's partitions
  void merge();
  void append();

  std::vector<lakelog::AddFile> files_in(const std::set<Partition>& partitions) const;
  Partition partition_of(const lakelog::AddFile& file) const;
  std::set<Partition> partitions_of(const std::string& relation);
  void check_partition_texts();
  void view_old(const std::vector<lakelog::AddFile>& files);
  bool holds_keys_twice();
  // `compared`: the rows of `relation` with the system columns they get, and batuta_same: whether
  // the old table has them just so.
  void compare(const std::string& relation, bool by_keys);
  // `relation` has the partitions of what `select` gives: too many are refused unwritten. `rows`:
  // how many there are at most.
  void write(const std::string& select, const std::string& relation, std::int64_t rows);
  void replace(const std::set<Partition>& partitions);
  void read_only(const std::set<Partition>& partitions);
  bool same_rows(const std::string& a, const std::string& b);
  // The partition columns; something where there are none.
  std::string parts(const std::string& alias) const;
  // The table `differing`: what `partitions` selects, each once.
  void differ(const std::string& partitions);
  std::string all_columns(const std::string& alias) const;
  std::int64_t count(const std::string& from);

  plugin::Context& context_;
  lake::Session& session_;
  const ModelSpec& spec_;
  const ModelShape& shape_;
  const lake::DeltaTable& target_;
  const std::string versions_json_;
  const Time now_;
  lakelog::Payload payload_;
  Written written_;
  struct Followed {
    std::vector<std::size_t> places;  // of the columns among those the table is partitioned by
    std::optional<std::set<Partition>> values;
  };
  std::vector<Followed> followed_;
  std::vector<lakelog::AddFile> beside_;  // files of the table that the view `old` leaves out
};

}  // namespace batuta::models
