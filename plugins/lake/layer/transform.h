// From bronze to silver: text becomes typed, judged rows, one per key.
//
// What is read: source files that the target has not taken in yet (a progress marker tells), and
// all files that hold rows of this execution, so that a cleared transform works through its run
// again. Then every source file that may hold rows received later than the earliest of those: of
// one key the latest reception wins, whatever the order in which runs are repeated.
//
// A target that was dropped is derived again from all that ever held a good row, and one that was
// restored to a version before an order's gets the order's rows again. A marker ahead of
// the source tells of another table of that name (one that was dropped): then all is read again,
// and the marker put right even where nothing is new.
//
// What is written: only the partitions in which a row is new or differs. Equal rows keep their old
// execution_id; nothing new means no table version. Rejected rows go to quarantine.
//
// The source is read once; what follows goes piece by piece, in whole partitions of the target, so
// that a first load of any size fits the engine's memory. One version is handed in at the end.
//
// With `deletes`, rows that the source no longer has are taken away, or marked in _deleted_at: see
// deletes.h.
//
// With `history`, <target>_hist follows in the same attempt: see history.h.
//
// The source has the system columns _run_id, _ingested_at, _source_file, _record_no and is
// partitioned by ingest_date; the target has _ingested_at and execution_id; the quarantine has the
// raw columns, reason, run_id, _ingested_at and ingest_date.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "plugins/lake/layer/known_values.h"
#include "plugins/lake/layer/table_shape.h"
#include "plugins/lake/quality.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {

struct QuarantineOrder;

// What becomes of rows that the source no longer has.
struct DeletesSpec {
  TableShape keys;    // of bronze: whose newest extraction has all keys
  bool mark = false;  // in the target's column _deleted_at, an instant; else they are taken away
  double most_percent = 50;  // of the target's rows, at once; more fails
};

struct TransformSpec {
  TableShape source, target, quarantine;
  std::string marker;  // progress of the source, in the logs of target and quarantine
  // Likewise, as a plugin called it that kept the table before: what it took in is not read again.
  std::string former_marker{};

  // The typed columns: SQL over the source's columns. They appear as new_<name> to the rules.
  struct Typed {
    std::string name;
    std::string sql;
    // What the target and the quarantine hold in the column's place: SQL over new_<name>, and over
    // the text; empty: the column as it is.
    std::string stored{}, rejected{};
  };
  std::vector<Typed> typed;
  std::string partition_sql;  // the target's partition, over new_ columns
  // A source column with the row's time, whose typed column is an instant; empty: there is none.
  std::string time_column;

  // Why a row is rejected: SQL over the source's columns, the new_ ones and asked_for. All that
  // hold are told, in this order.
  struct Reason {
    std::string name;
    std::string condition;
  };
  std::vector<Reason> reasons;
  // Good rows that are too old to be taken in: SQL over the new_ columns. They are neither merged
  // nor rejected, but for rows of the quarantine that somebody ordered. Empty: none is too old.
  std::string expired{};
  std::optional<Asked> asked;  // what makes asked_for; without it the column is NULL

  std::vector<std::string> raw_columns;  // of the source, as the quarantine keeps them
  // Those of them whose values the source holds with their types, see plugins/lake/rescued.h; the
  // others are texts.
  std::vector<std::string> typed_source{};
  std::vector<QualityRule> quality;  // over with_copies() of the merged rows

  // The typed column that decides between rows of one key; empty: the latest reception does.
  std::string newest{};
  // Before all else: makes the spec fit the columns that the source has; it may not be there.
  std::function<void(TransformSpec&, const DeltaTable& source)> fit_source{};
  std::function<void(Session&)> prepare{};  // before the first statement over the columns
  // Looks at the view `new_rows`, the good rows that came, typed and unmasked, one a key, before
  // anything is written; throws where they may not be taken in.
  std::function<void(Session&)> check{};
  // A target that is not there is made, empty when no row is good or there: who reads it next finds
  // a table. Else it is made with its first row.
  bool makes_table = false;
  std::optional<DeletesSpec> deletes{};
  bool history = false;  // every state of the target's rows is kept
  // With it: a typed column, an instant, that says since when a row's state holds; empty: since its
  // reception.
  std::string history_since{};
  std::string metrics_json{};  // an object: further words for the history of the target
  // Where the target's columns come from, for the metric column_lineage, as models tell it
  // (plugins/models/column_lineage.h); empty: it is not told.
  std::string column_lineage_json{};
};

struct TransformResult {
  std::int64_t read = 0;         // source rows
  std::int64_t changed = 0;      // target rows new or different
  std::int64_t quarantined = 0;  // rows that the quarantine did not hold
  std::int64_t deleted = 0;      // target rows taken away, or marked
  std::int64_t opened = 0;       // states that began in the history
  std::int64_t closed = 0;       // and that ended
};

// Hands in at most one version of target and quarantine each. Throws plugin::FinalError when a
// blocking rule is broken: nothing is published then.
TransformResult transform(plugin::Context& context, const TransformSpec& spec, const OwnList& own);

// The same of rows in quarantine alone, as somebody ordered (quarantine_order.h): those that are
// good now go to the target, and the quarantine says of each what became of it, in one publication.
// Returns what is told of it, as JSON.
std::string transform_ordered(plugin::Context& context, const TransformSpec& spec,
                              const QuarantineOrder& order);

// The usual end of a transform: counts, result for the next layer, a line for the log.
void tell(plugin::Context& context, const TransformSpec& spec, const TransformResult& result);

}  // namespace batuta::lake
