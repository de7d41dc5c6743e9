// What somebody decided of rows in quarantine: they are corrected and judged again, judged again as
// they are, or given up.
//
// A row that was decided stays in the table with what became of it, who said so, when and why: so
// that a run which reads its source again knows it, and nobody has to keep a list beside.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/time.h"
#include "lakelog/action.h"
#include "plugins/lake/layer/publication.h"
#include "plugins/lake/layer/transform.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

// Behind the columns of a quarantine, where its rows may be decided on. _row_id names a row;
// _status is NULL of an open one, else published, superseded or discarded; _tries counts how often
// it was judged again; _operations has the orders' ids, with commas between; _repaired is the
// object of corrected values with which the row was taken.
std::vector<lakelog::Column> decision_columns();

struct QuarantineOrder {
  enum class Verb { repair, replay, discard };
  Verb verb = Verb::replay;
  std::string operation;  // its id: what was done under it is not done again
  std::string by, note;
  bool dry_run = false;  // tells what would become of each row, and changes nothing
  // Which rows: these, or the open ones that meet all of the rest.
  std::vector<std::string> rows;
  std::string reason, run_id;
  OptTime since, until;
  std::int64_t limit = 1000;
  std::int64_t max_attempts = 5;  // rows that were judged again so often are not replayed
  // Of repair: columns and their texts (an object; null: no value) for all that are chosen, or by
  // row id.
  std::string set_json;
  std::map<std::string, std::string> corrections;

  // The columns that it gives values to.
  std::vector<std::string> columns() const;
};

// The run's, from the attempt's context; nullopt: it has none. Throws plugin::FinalError for one
// that cannot be read.
std::optional<QuarantineOrder> quarantine_order(const plugin::Context& context);

// The rows of one order within one attempt, from their choice to the quarantine's new version.
class OrderedRows {
 public:
  // All must outlive this.
  OrderedRows(plugin::Context& context, Session& session, const TransformSpec& spec,
              const DeltaTable& quarantine, const QuarantineOrder& order);

  bool dry_run() const { return order_.dry_run; }
  // Makes the relation `asked_rows` of the rows that are to be judged, with _row_id. False: there
  // is nothing to do. Throws plugin::FinalError for a row id that is none of the table's.
  bool choose();
  // With the relations `judged` and `changed` of the session: whose rows the target takes.
  void note_changed();
  // What became of each row, once all of them were merged; stages the new version.
  void settle();
  void hand_in();
  // Of the quarantine's new version, before it is handed in.
  void set_marker(const std::string& name, std::int64_t version);
  // For people and programs: {"chosen": 3, "published": 2, "kept": 1, "rows": […]}.
  std::string told_json() const;

 private:
  std::string condition() const;
  std::string corrected(const std::string& column) const;
  void load_corrections();
  void find_missing();
  std::string updated_sql() const;

  plugin::Context& context_;
  Session& session_;
  const TransformSpec& spec_;
  const DeltaTable& table_;
  const QuarantineOrder& order_;
  Publication version_;
  std::vector<std::string> partitions_;
  std::int64_t chosen_ = 0, more_ = 0, given_up_ = 0;
  bool done_before_ = false;
  std::map<std::string, std::int64_t> counts_;
  struct Told {
    std::string row, outcome, reasons;
  };
  std::vector<Told> rows_;
};

// A relation of the session named `view`, as `asked_rows`, of rows that orders took, with their
// corrected values: files of the source that were taken in long ago have them as they were, if at
// all. Of one key and reception they go before the source's. False: there are none, no relation.
bool view_taken(Session& session, const std::string& view, const TransformSpec& spec,
                const DeltaTable& quarantine);

// The name of a relation like `rows` without those that somebody corrected or gave up: what they
// say counts no more, whatever the rules say of it today. A later reception of the same is judged.
std::string without_decided(Session& session, const std::string& rows, const TransformSpec& spec,
                            const DeltaTable& quarantine);

}  // namespace batuta::lake
