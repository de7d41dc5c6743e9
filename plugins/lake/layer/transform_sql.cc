#include "plugins/lake/layer/transform_sql.h"

#include <algorithm>
#include <utility>

#include "plugins/lake/rescued.h"

namespace batuta::lake {
namespace {

std::string new_name(const std::string& name) {
  return quoted_name("new_" + name);
}

// Whether the new row `n` takes the place of the row `s` that is there.
std::string newer_sql(const TransformSpec& spec) {
  const std::string later = "n.\"_ingested_at\" >= s.\"_ingested_at\"";
  if (spec.newest.empty()) return later;
  const std::string n = "n." + quoted_name(spec.newest), s = "s." + quoted_name(spec.newest);
  return "(" + n + " > " + s + " OR (" + s + " IS NULL AND " + n + " IS NOT NULL) OR (" + n +
         " IS NOT DISTINCT FROM " + s + " AND " + later + "))";
}

// The typed columns and the reception; as the target holds them, or as they came.
std::string typed_columns(const TransformSpec& spec, bool stored) {
  std::string columns;
  for (const auto& column : spec.typed)
    columns += (stored && !column.stored.empty() ? column.stored : new_name(column.name)) + " AS " +
               quoted_name(column.name) + ", ";
  const std::string part = spec.target.partition;
  // A partition may be one of the typed columns itself.
  const bool own = std::none_of(spec.typed.begin(), spec.typed.end(),
                                [&](const auto& column) { return column.name == part; });
  return columns + "\"_ingested_at\"" +
         (part.empty() || !own ? "" : ", \"_part\" AS " + quoted_name(part));
}

std::string new_keys(const TransformSpec& spec) {
  std::string keys;
  for (const std::string& key : spec.target.keys)
    keys += (keys.empty() ? "" : ", ") + new_name(key);
  return keys;
}

// Which of the rows of one key comes first: the window over them.
std::string newest_first(const TransformSpec& spec) {
  return "row_number() OVER (PARTITION BY " + new_keys(spec) + " ORDER BY " +
         (spec.newest.empty() ? "" : new_name(spec.newest) + " DESC NULLS LAST, ") +
         "\"_ingested_at\" DESC, \"_record_no\" DESC, \"_run_id\" DESC)";
}

std::string good_within(const std::vector<std::string>& partitions) {
  std::string listed;
  for (const std::string& partition : partitions) listed += (listed.empty() ? "" : ",") + partition;
  return "reason = '' AND \"_part\" IN (SELECT CAST(unnest(string_split(" + quoted_literal(listed) +
         ", ',')) AS DATE))";
}

// The good rows of these partitions without the losers.
std::string winners_sql(const TransformSpec& spec, const std::vector<std::string>& partitions) {
  return "SELECT " + typed_columns(spec, true) +
         " FROM judged j ANTI JOIN losers l ON j.rowid = l.\"_loser\" WHERE " +
         good_within(partitions);
}

}  // namespace

std::string raw_text_sql(const TransformSpec& spec, const std::string& name,
                         const std::string& prefix) {
  const auto& typed = spec.typed_source;
  if (std::find(typed.begin(), typed.end(), name) != typed.end())
    return sent_text_sql(name, prefix);
  return prefix + quoted_name(name);
}

std::string as_source_sql(const TransformSpec& spec, const std::string& rows) {
  if (spec.typed_source.empty()) return rows;
  std::string typed;
  std::vector<std::pair<std::string, std::string>> texts;
  for (const std::string& name : spec.typed_source) {
    const std::string column = quoted_name(name);
    typed += (typed.empty() ? "" : ", ") +
             ("CAST(NULL AS " + sql_type(column_type(spec.source.columns, name))) + ") AS " +
             column;
    texts.emplace_back(name, column);
  }
  return "(SELECT * REPLACE (" + typed + "), " + rescued_sql(texts) + " AS " +
         quoted_name(rescued_column) + " FROM " + rows + ")";
}

std::string judge_sql(const TransformSpec& spec, const std::string& rows,
                      const std::string& carried) {
  std::string typed, kept, reasons, raw;
  for (const auto& column : spec.typed) {
    typed += ", " + column.sql + " AS " + new_name(column.name);
    kept += new_name(column.name) + ", ";
  }
  for (const auto& reason : spec.reasons)
    reasons += ", CASE WHEN " + reason.condition + " THEN " + quoted_literal(reason.name) + " END";
  for (const std::string& name : spec.raw_columns) {
    const std::string column = raw_text_sql(spec, name);
    const auto of_it = std::find_if(spec.typed.begin(), spec.typed.end(),
                                    [&](const auto& each) { return each.name == name; });
    const bool masked = of_it != spec.typed.end() && !of_it->rejected.empty();
    raw += (raw.empty() ? "" : ", ") + (masked ? of_it->rejected : column);
  }
  return "CREATE TABLE judged AS WITH typed AS (SELECT *" + typed + " FROM " + rows +
         "), reasoned AS (SELECT *, concat_ws(','" + reasons + ") AS reason FROM typed) SELECT " +
         kept + spec.partition_sql + " AS \"_part\", reason, CASE WHEN reason <> '' THEN [" + raw +
         "] END AS \"_raw\", \"_ingested_at\", \"_record_no\", \"_run_id\", " +
         quoted_name(spec.source.partition) + (carried.empty() ? "" : ", " + quoted_name(carried)) +
         " FROM reasoned" +
         (spec.expired.empty() || !carried.empty()
              ? ""
              : " WHERE NOT (reason = '' AND coalesce(" + spec.expired + ", false))");
}

std::string rejected_rows_sql(const TransformSpec& spec) {
  std::string raw;
  for (std::size_t i = 0; i < spec.raw_columns.size(); ++i)
    raw += "\"_raw\"[" + std::to_string(i + 1) + "] AS " + quoted_name(spec.raw_columns[i]) + ", ";
  return "CREATE TEMP VIEW rejected AS SELECT " + raw + "reason, " +
         (spec.time_column.empty() ? "false" : new_name(spec.time_column) + " IS NOT NULL") +
         " AS \"_timed\", \"_ingested_at\", \"_record_no\", \"_run_id\", " +
         quoted_name(spec.source.partition) + " FROM judged WHERE reason <> ''";
}

std::string good_rows_sql(const TransformSpec& spec) {
  return "SELECT " + typed_columns(spec, false) + " FROM judged WHERE reason = '' QUALIFY " +
         newest_first(spec) + " = 1";
}

std::string losers_sql(const TransformSpec& spec, const std::vector<std::string>& partitions) {
  const std::string good = good_within(partitions);
  const std::string make = "CREATE OR REPLACE TABLE losers AS SELECT ";
  std::string same;
  for (const std::string& key : spec.target.keys)
    same += (same.empty() ? "j." : " AND j.") + new_name(key) + " IS NOT DISTINCT FROM d." +
            new_name(key);
  return make + "\"_loser\" FROM (SELECT j.rowid AS \"_loser\", " + newest_first(spec) +
         " AS \"_place\" FROM judged j SEMI JOIN (SELECT " + new_keys(spec) +
         " FROM judged WHERE " + good + " GROUP BY ALL HAVING count(*) > 1) d ON " + same +
         " WHERE " + good + ") WHERE \"_place\" > 1";
}

std::string first_rows_sql(const TransformSpec& spec, const std::vector<std::string>& partitions,
                           const std::string& execution_id) {
  const std::string execution = quoted_name("execution_id");
  std::string columns;
  for (const lakelog::Column& column : spec.target.columns) {
    const std::string name = quoted_name(column.name);
    columns += (columns.empty() ? "" : ", ") +
               (name == execution ? quoted_literal(execution_id) + " AS " + execution : name);
  }
  return "CREATE OR REPLACE TEMP VIEW first_rows AS SELECT " + columns + " FROM (" +
         winners_sql(spec, partitions) + ")";
}

bool marks(const TransformSpec& spec) {
  return spec.deletes && spec.deletes->mark;
}

std::string candidates_sql(const TransformSpec& spec, const std::vector<std::string>& partitions,
                           const std::optional<PresentKeys>& present) {
  const std::string rows = winners_sql(spec, partitions);
  const std::string make = "CREATE OR REPLACE TEMP TABLE candidates AS ";
  if (!present) return make + rows;
  if (!marks(spec)) return make + "SELECT * FROM (" + rows + ") n WHERE NOT " + present->gone("n");
  return make + "SELECT *, CASE WHEN " + present->gone("n") + " THEN " + present->since_sql() +
         " END AS " + quoted_name(deleted_column) + " FROM (" + rows + ") n";
}

std::string changed_sql(const TransformSpec& spec) {
  std::string differs;
  for (const std::string& name :
       value_columns(spec.target, {"_ingested_at", "execution_id", deleted_column})) {
    const std::string column = quoted_name(name);
    differs += (differs.empty() ? "" : " OR ") + ("n." + column) + " IS DISTINCT FROM s." + column;
  }
  if (marks(spec)) {
    const std::string column = quoted_name(deleted_column);
    differs +=
        (differs.empty() ? "(n." : " OR (n.") + column + " IS NULL) <> (s." + column + " IS NULL)";
  }
  return "CREATE OR REPLACE TABLE changed AS SELECT n.* FROM candidates n LEFT JOIN "
         "target_old s ON " +
         same_key(spec.target, "s", "n") + " WHERE s." + quoted_name(spec.target.keys.front()) +
         " IS NULL OR (" + newer_sql(spec) + " AND (" + (differs.empty() ? "false" : differs) +
         "))";
}

std::string marked_sql(const TransformSpec& spec, const PresentKeys& present) {
  const std::string mark = quoted_name(deleted_column);
  return "INSERT INTO changed BY NAME SELECT * EXCLUDE (\"execution_id\") REPLACE (CASE WHEN s." +
         mark + " IS NULL THEN " + present.since_sql() + " END AS " + mark +
         ") FROM target_old s ANTI JOIN changed c ON " + same_key(spec.target, "s", "c") +
         " WHERE CASE WHEN s." + mark + " IS NULL THEN " + present.gone("s") + " ELSE " +
         present.there("s") + " END";
}

std::string gone_by_partition_sql(const TransformSpec& spec, const PresentKeys& present) {
  const std::string& column = spec.target.partition;
  const std::string part =
      column.empty() ? quoted_literal(whole_table) : "CAST(" + quoted_name(column) + " AS VARCHAR)";
  const std::string live = marks(spec) ? quoted_name(deleted_column) + " IS NULL" : "true";
  return "SELECT " + part + ", count(*) FILTER (" + live + " AND is_gone), count(*) FILTER (" +
         live + "), count(*) FILTER (NOT (" + live + ") AND is_there) FROM (SELECT *, " +
         present.gone("s") + " AS is_gone, " + present.there("s") +
         " AS is_there FROM target_all s) GROUP BY 1";
}

std::string doomed_sql(const TransformSpec& spec, const PresentKeys* present) {
  return "CREATE OR REPLACE TABLE doomed AS SELECT s.* FROM target_old s ANTI JOIN changed c ON " +
         same_key(spec.target, "s", "c") + " WHERE " +
         (present != nullptr ? present->gone("s") : "false");
}

std::string rewritten_sql(const TransformSpec& spec) {
  return "SELECT DISTINCT CAST(" + quoted_name(spec.target.partition) +
         " AS VARCHAR) FROM (SELECT * FROM changed UNION ALL BY NAME SELECT * FROM doomed) ORDER "
         "BY 1";
}

std::string merged_sql(const TransformSpec& spec, const std::string& execution_id, bool kept) {
  std::string fresh;
  for (const lakelog::Column& column : spec.target.columns) {
    const std::string name = quoted_name(column.name);
    fresh += (fresh.empty() ? "" : ", ") +
             (column.name == "execution_id" ? quoted_literal(execution_id) + " AS " + name : name);
  }
  return std::string("CREATE OR REPLACE TEMP ") + (kept ? "TABLE" : "VIEW") + " merged AS SELECT " +
         fresh + " FROM changed UNION ALL SELECT " + column_list(spec.target, "s.") +
         " FROM target_old s ANTI JOIN changed c ON " + same_key(spec.target, "s", "c") +
         " ANTI JOIN doomed g ON " + same_key(spec.target, "s", "g");
}

}  // namespace batuta::lake
