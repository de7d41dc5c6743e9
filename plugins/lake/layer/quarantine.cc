#include "plugins/lake/layer/quarantine.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/file_stats.h"
#include "plugins/lake/layer/quarantine_order.h"

namespace batuta::lake {
namespace {

using lakelog::AddFile;

// How far back quarantined rows are looked up to recognise a row that came again.
constexpr auto memory = std::chrono::hours(24 * 7);
constexpr std::size_t max_timed_files = 256;
constexpr std::size_t max_untimed_files = 32;

// The rejected rows of one kind (with or without a time), and the files that may hold them already.
struct Kind {
  const char* condition;
  std::vector<AddFile> files;
};

std::vector<AddFile> recent_files(const TableShape& shape, const DeltaTable& table,
                                  const std::string& first_day) {
  const std::string from = to_iso(*parse_iso(first_day) - memory).substr(0, 10);
  return table.files([&](const AddFile& file) { return partition_of(shape, table, file) >= from; });
}

void keep_newest(std::vector<AddFile>& files, std::size_t most) {
  if (files.size() <= most) return;
  std::sort(files.begin(), files.end(), [](const AddFile& a, const AddFile& b) {
    return a.modification_ms > b.modification_ms;
  });
  files.resize(most);
}

// A name of its own for each row, and nothing decided.
std::string undecided_sql() {
  std::string columns;
  for (const lakelog::Column& column : decision_columns())
    columns += ", " +
               (column.name == "_row_id" ? "left(replace(CAST(uuid() AS VARCHAR), '-', ''), 16)"
                                         : "CAST(NULL AS " + sql_type(column.type) + ")") +
               " AS " + quoted_name(column.name);
  return columns;
}

std::string new_rows_sql(const TableShape& shape, const std::vector<std::string>& columns,
                         const std::string& rejected, const char* condition) {
  std::string same = "q.\"reason\" = b.reason";
  for (const std::string& name : columns) {
    const std::string column = quoted_name(name);
    same += " AND q." + column + " IS NOT DISTINCT FROM b." + column;
  }
  const std::string raw = column_list(columns);
  return "CREATE OR REPLACE TEMP TABLE quarantine_new AS SELECT " + raw +
         ", reason AS \"reason\", \"_run_id\" AS \"run_id\", \"_ingested_at\", " +
         quoted_name(shape.partition) + undecided_sql() + " FROM " + rejected + " b WHERE " +
         condition + " AND NOT EXISTS (SELECT 1 FROM quarantine_old q WHERE " + same +
         ") QUALIFY row_number() OVER (PARTITION BY " + raw +
         ", reason ORDER BY \"_ingested_at\", \"_record_no\") = 1";
}

}  // namespace

Quarantine::Quarantine(plugin::Context& context, Session& session, const TableShape& shape)
    : context_(context),
      shape_(shape),
      table_(DeltaTable::open(session, lake_folder(context), shape.name)),
      version_(shape, table_, lakelog::Operation::append) {}

std::int64_t Quarantine::stage(Session& session, const std::vector<std::string>& columns,
                               const std::string& time_column, const std::string& rejected) {
  const std::string time = time_column.empty() ? "NULL" : quoted_name(time_column);
  const auto range =
      session
          .query("SELECT CAST(min(" + quoted_name(shape_.partition) + ") AS VARCHAR), min(" + time +
                 ") FILTER (\"_timed\"), max(" + time + ") FILTER (\"_timed\") FROM " + rejected)
          .rows.at(0);
  if (range.at(0).is_null()) return 0;
  std::vector<AddFile> timed, untimed;
  for (AddFile& file : recent_files(shape_, table_, range.at(0).text())) {
    // Texts that are no times have bounds that are none: they say nothing, so that age decides.
    if (time_column.empty() || !time_bounds(file, time_column)) {
      untimed.push_back(std::move(file));
    } else if (!range.at(1).is_null() &&
               may_hold_range(file, time_column, range.at(1).text(), range.at(2).text())) {
      timed.push_back(std::move(file));
    }
  }
  keep_newest(timed, max_timed_files);
  keep_newest(untimed, max_untimed_files);
  timed.insert(timed.end(), untimed.begin(), untimed.end());
  const Kind kinds[] = {{"b.\"_timed\"", std::move(timed)},
                        {"NOT b.\"_timed\"", std::move(untimed)}};
  for (const Kind& kind : kinds) {
    view_of(session, "quarantine_old", shape_, table_, kind.files);
    session.run(new_rows_sql(shape_, columns, rejected, kind.condition));
    const std::int64_t rows = session.value("SELECT count(*) FROM quarantine_new").integer();
    if (rows == 0) continue;
    rows_ += rows;
    version_.stage(session, "SELECT " + column_list(shape_) + " FROM quarantine_new",
                   {"_ingested_at"});
  }
  session.run("DROP TABLE IF EXISTS quarantine_new");
  return rows_;
}

void Quarantine::set_marker(const std::string& name, std::int64_t version) {
  version_.set_marker(name, version);
}

// Not a blind append: what is already there decides what is added.
void Quarantine::hand_in(bool for_marker) {
  if (rows_ > 0 || for_marker) version_.hand_in(context_, json_text({{"rows_out", rows_}}));
}

}  // namespace batuta::lake
