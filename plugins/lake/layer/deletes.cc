#include "plugins/lake/layer/deletes.h"

#include <algorithm>
#include <charconv>

#include "plugins/lake/attempt_session.h"
#include "plugins/lake/file_stats.h"
#include "plugins/lake/layer/bronze_rows.h"
#include "plugins/lake/rescued.h"

namespace batuta::lake {
namespace {

using lakelog::AddFile;

// The files that may hold the row that was received last: bounds are widened to a millisecond.
std::vector<AddFile> newest_files(const DeltaTable& table) {
  Time newest = Time::min();
  const auto high = [](const AddFile& file) {
    const auto bounds = time_bounds(file, "_ingested_at");
    return bounds ? bounds->high : Time::max();
  };
  for (const AddFile& file : table.files([](const AddFile&) { return true; }))
    if (high(file) != Time::max()) newest = std::max(newest, high(file));
  return table.files([&](const AddFile& file) { return high(file) >= newest; });
}

// The keys as the target holds them, out of those that are listed. A list of keys that is read by
// itself is of texts, also where the table beside it has types.
std::string typed_keys_sql(const TransformSpec& spec, const std::string& listed) {
  std::string out, typed_columns;
  const bool as_texts =
      !spec.typed_source.empty() && column_type(spec.deletes->keys.columns, rescued_column).empty();
  const std::string rows =
      !as_texts
          ? listed
          : " FROM (SELECT " + from_texts_sql(spec.target.keys, spec.source.columns) + listed + ")";
  for (const std::string& key : spec.target.keys) {
    const auto typed = std::find_if(spec.typed.begin(), spec.typed.end(),
                                    [&](const auto& column) { return column.name == key; });
    if (typed == spec.typed.end())
      throw plugin::FinalError(spec.target.name + ": the key " + key +
                               " is no column of its source");
    const std::string fresh = quoted_name("new_" + key);
    typed_columns += (typed_columns.empty() ? "" : ", ") + typed->sql + " AS " + fresh;
    out += (out.empty() ? "" : ", ") + (typed->stored.empty() ? fresh : typed->stored) + " AS " +
           quoted_name(key);
  }
  return "SELECT DISTINCT " + out + " FROM (SELECT " + typed_columns + rows + ")";
}

std::string percent_text(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 1).ptr;
  return std::string(text, end);
}

}  // namespace

PresentKeys::PresentKeys(plugin::Context& context, Session& session, const TransformSpec& spec)
    : spec_(spec) {
  const TableShape& keys = spec.deletes->keys;
  const auto table = DeltaTable::open(session, lake_folder(context), keys.name);
  if (!table.exists() || table.marker(snapshot_marker) != 1) {
    if (table.exists())
      context.warn(
          "what " + keys.name +
          " holds newest is no list of all that the source has: nothing is taken for gone");
    return;
  }
  view_of(session, "newest_keys", keys, table, newest_files(table));
  const auto newest = session.query(
      "SELECT \"_run_id\", \"_attempt\" FROM newest_keys ORDER BY \"_ingested_at\" DESC LIMIT 1");
  if (newest.rows.empty()) return;
  run_ = newest.rows[0].at(0).text();
  view_of(session, "newest_keys", keys, table,
          table.files([&](const AddFile& file) { return may_hold_text(file, "_run_id", run_); }));
  const std::string of_it = " FROM newest_keys WHERE \"_run_id\" = $1 AND \"_attempt\" = $2";
  const std::vector<Param> which{run_, newest.rows[0].at(1).integer()};
  session.run("CREATE TEMP TABLE present_keys AS " + typed_keys_sql(spec, of_it), which);
  since_ = Time(
      Duration(session.value("SELECT epoch_us(min(\"_ingested_at\"))" + of_it, which).integer()));
  known_ = true;
}

std::string PresentKeys::since_sql() const {
  return known_ ? "make_timestamptz(" + std::to_string(since_.time_since_epoch().count()) + ")"
                : "CAST(NULL AS TIMESTAMPTZ)";
}

std::string PresentKeys::there(const std::string& alias) const {
  if (!known_) return "false";
  return "EXISTS (SELECT 1 FROM present_keys p WHERE " + same_key(spec_.target, "p", alias) + ")";
}

std::string PresentKeys::gone(const std::string& alias) const {
  if (!known_) return "false";
  return "(" + alias + ".\"_ingested_at\" <= " + since_sql() + " AND NOT " + there(alias) + ")";
}

void PresentKeys::check_share(std::int64_t gone, std::int64_t rows) const {
  if (gone == 0 || rows == 0) return;
  const double percent = 100.0 * static_cast<double>(gone) / static_cast<double>(rows);
  if (percent <= spec_.deletes->most_percent) return;
  throw plugin::FinalError(
      std::to_string(gone) + " of the " + std::to_string(rows) + " rows of " + spec_.target.name +
      " (" + percent_text(percent) + " %) are not among the keys that run " + run_ +
      " found at the source, and at most " + percent_text(spec_.deletes->most_percent) +
      " % may go at once: nothing is changed. If the source is short, mend it and extract again; "
      "if "
      "the rows are to go, let the contract allow it (batuta.mostDeletes) and start a new run");
}

}  // namespace batuta::lake
