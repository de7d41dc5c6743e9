#include "plugins/lake/layer/history.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/safe_json.h"
#include "lakelog/schema.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/hand_in.h"
#include "plugins/lake/staged_write.h"
#include "plugins/lake/state_hash.h"

namespace batuta::lake {
namespace {

using lakelog::AddFile;
using Names = std::vector<std::string>;

constexpr const char* current_column = "is_current";

bool is_among(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

TableShape history_shape(const HistorySpec& spec) {
  TableShape shape = spec.table;
  shape.name += "_hist";
  shape.description = "Every state of each row of " + spec.table.name + ", and since when";
  const char* types[] = {"timestamp", "timestamp", "boolean", "binary"};
  for (std::size_t i = 0; i < std::size(history_columns); ++i) {
    const auto there =
        std::find_if(shape.columns.begin(), shape.columns.end(),
                     [&](const auto& column) { return column.name == history_columns[i]; });
    if (there != shape.columns.end())
      throw plugin::FinalError(spec.table.name + ": " + there->name +
                               " is a column of every history: call that of the table otherwise");
    shape.columns.push_back({history_columns[i], types[i], true});
  }
  return shape;
}

Names history_partitions(const HistorySpec& spec) {
  Names out{current_column};
  out.insert(out.end(), spec.partition_by.begin(), spec.partition_by.end());
  return out;
}

// What a state says: neither key nor of those besides; in an order that no contract decides.
Names compared_columns(const HistorySpec& spec) {
  Names out;
  for (const lakelog::Column& column : spec.table.columns) {
    if (!is_among(spec.table.keys, column.name) && !is_among(spec.besides, column.name))
      out.push_back(column.name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string differs_sql(const HistorySpec& spec) {
  std::string out;
  for (const std::string& name : compared_columns(spec)) {
    const std::string column = quoted_name(name);
    out += (out.empty() ? "" : " OR ") + ("n." + column) + " IS DISTINCT FROM o." + column;
  }
  return out.empty() ? "false" : "(" + out + ")";
}

std::string hash_sql(const HistorySpec& spec) {
  std::vector<std::pair<std::string, std::string>> columns;
  for (const std::string& name : compared_columns(spec))
    columns.emplace_back(name, "n." + quoted_name(name));
  return state_hash_sql(std::move(columns));
}

// "a"."x" AND …: equal keys.
std::string on_keys(const HistorySpec& spec, const char* left, const char* right) {
  return same_key(spec.table, left, right);
}

std::string key_is_null(const HistorySpec& spec, const char* alias) {
  return std::string(alias) + "." + quoted_name(spec.table.keys.front()) + " IS NULL";
}

// The columns of the history in its order, each what `value` says of it, else `alias`'s own.
std::string history_select(const TableShape& shape, const std::string& alias,
                           const std::vector<std::pair<std::string, std::string>>& values) {
  std::string out;
  for (const lakelog::Column& column : shape.columns) {
    const auto given = std::find_if(values.begin(), values.end(),
                                    [&](const auto& each) { return each.first == column.name; });
    out += (out.empty() ? "" : ", ") + (given == values.end()
                                            ? alias + quoted_name(column.name)
                                            : given->second + " AS " + quoted_name(column.name));
  }
  return out;
}

}  // namespace

TableHistory::TableHistory(plugin::Context& context, Session& session, HistorySpec spec)
    : context_(context),
      session_(session),
      spec_(std::move(spec)),
      name_(spec_.table.name + "_hist"),
      table_(DeltaTable::open(session, lake_folder(context), name_)),
      shape_(fitted_to(history_shape(spec_), history_partitions(spec_), table_)),
      partitions_(history_partitions(spec_)) {
  check_may_write(table_);
  if (spec_.table.keys.empty())
    throw plugin::FinalError(spec_.table.name + ": a history needs keys");
  payload_.table = name_;
  payload_.operation = table_.exists() ? lakelog::Operation::merge : lakelog::Operation::create;
  payload_.read_version = table_.version();
  if (table_.exists())
    payload_.base = lakelog::Base{table_.snapshot().protocol, table_.snapshot().metadata};
  payload_.schema = shape_.columns;
  payload_.evolve =
      table_.exists() && lakelog::evolves(shape_.columns, table_.snapshot().metadata.columns);
  payload_.partition_columns = partitions_;
  payload_.description = shape_.description;
}

std::vector<AddFile> TableHistory::files(bool current, const std::optional<Names>& parts) const {
  return table_.files([&](const AddFile& file) {
    if ((partition_value(table_, file, current_column) == "true") != current) return false;
    if (!parts || spec_.partition_by.empty()) return true;
    return is_among(*parts, partition_value(table_, file, spec_.partition_by[0]).value_or(""));
  });
}

Names TableHistory::current_partitions() const {
  Names out;
  for (const AddFile& file : files(true, std::nullopt)) {
    const std::string part =
        spec_.partition_by.empty()
            ? whole_table
            : partition_value(table_, file, spec_.partition_by[0]).value_or("");
    if (!is_among(out, part)) out.push_back(part);
  }
  return out;
}

void TableHistory::check_keys(const std::string& rows, const std::string& what) {
  std::string shown, missing;
  for (const std::string& key : spec_.table.keys) {
    const std::string column = quoted_name(key);
    shown += (shown.empty() ? "" : ", ") + ("CAST(" + column) + " AS VARCHAR)";
    missing += (missing.empty() ? "" : " OR ") + column + " IS NULL";
  }
  const auto wrong = session_.query("SELECT concat_ws('|', " + shown + "), " + missing + " FROM " +
                                        rows + " GROUP BY " + column_list(spec_.table.keys) +
                                        " HAVING count(*) > 1 OR " + missing + " LIMIT 1",
                                    {});
  if (wrong.rows.empty()) return;
  const bool null = std::get<bool>(wrong.rows[0].at(1).value);
  throw plugin::FinalError(
      what +
      (null ? " has a key that is NULL (" + wrong.rows[0].at(0).text() + ")"
            : " has the key " + wrong.rows[0].at(0).text() + " in several rows") +
      ": no history can be kept of it. Its keys are " + column_list(spec_.table.keys));
}

void TableHistory::compare(const std::string& rows, const std::optional<Names>& partitions,
                           Time gone) {
  check_keys(rows, spec_.table.name);
  create_view(session_, "history_old", table_, shape_.columns, partitions_,
              files(true, partitions));
  check_keys("history_old", "among the current rows, " + name_);
  const std::string keys = column_list(spec_.table.keys);
  // A key that was gone and is back begins after it went, whatever its row says.
  create_view(session_, "history_past", table_, shape_.columns, partitions_,
              files(false, std::nullopt));
  session_.run(
      "CREATE OR REPLACE TEMP TABLE history_new AS SELECT n.*, o.\"valid_from\" AS "
      "batuta_before FROM (SELECT *, coalesce(" +
          spec_.since + ", CAST($1 AS TIMESTAMPTZ)) AS batuta_since FROM " + rows +
          ") n LEFT JOIN history_old o ON " + on_keys(spec_, "n", "o") + " WHERE " +
          key_is_null(spec_, "o") + " OR " + differs_sql(spec_),
      {gone});
  session_.run("CREATE OR REPLACE TEMP TABLE history_went AS SELECT " + keys +
               ", max(\"valid_to\") AS batuta_went FROM history_past p SEMI JOIN (SELECT * FROM "
               "history_new WHERE batuta_before IS NULL) n ON " +
               on_keys(spec_, "p", "n") + " GROUP BY " + keys);
  session_.run(
      "CREATE OR REPLACE TEMP TABLE history_open AS SELECT n.*, greatest(batuta_since, "
      "batuta_before, w.batuta_went) AS batuta_from FROM history_new n LEFT JOIN "
      "history_went w ON " +
      on_keys(spec_, "n", "w"));
  session_.run(
      "CREATE OR REPLACE TEMP TABLE history_gone AS SELECT o.*, coalesce(n.batuta_from, "
      "greatest(CAST($1 AS TIMESTAMPTZ), o.\"valid_from\")) AS batuta_to FROM history_old o LEFT "
      "JOIN "
      "history_open n ON " +
          on_keys(spec_, "o", "n") + " WHERE NOT " + key_is_null(spec_, "n") +
          " OR NOT EXISTS (SELECT 1 FROM " + rows + " r WHERE " + on_keys(spec_, "r", "o") + ")",
      {gone});
  const std::int64_t opened = session_.value("SELECT count(*) FROM history_open").integer();
  const std::int64_t closed = session_.value("SELECT count(*) FROM history_gone").integer();
  opened_ += opened;
  closed_ += closed;
  // What was read decides: the current rows of these partitions, or of all.
  if (partitions && !spec_.partition_by.empty()) {
    if (!payload_.read_partitions) payload_.read_partitions.emplace();
    for (const std::string& part : *partitions)
      payload_.read_partitions->push_back(
          {{current_column, "true"}, {spec_.partition_by[0], part}});
  }
  if (opened + closed > 0) write();
  for (const char* name : {"history_new", "history_went", "history_open", "history_gone"})
    session_.run(std::string("DROP TABLE ") + name);
}

// Current files are rewritten where a state ended; where states only begin, they are left alone.
void TableHistory::write() {
  context_.check_cancelled();
  std::string on_part = "true", part_texts;
  for (const std::string& name : spec_.partition_by) {
    const std::string column = quoted_name(name);
    on_part += " AND o." + column + " IS NOT DISTINCT FROM d." + column;
    part_texts += (part_texts.empty() ? "" : ", ") + ("CAST(" + column) + " AS VARCHAR)";
  }
  const std::string parts = spec_.partition_by.empty() ? "1" : column_list(spec_.partition_by);
  const std::string opened = "SELECT " +
                             history_select(shape_, "n.",
                                            {{"valid_from", "n.batuta_from"},
                                             {"valid_to", "CAST(NULL AS TIMESTAMPTZ)"},
                                             {"is_current", "true"},
                                             {"change_hash", hash_sql(spec_)}}) +
                             " FROM history_open n";
  const std::string closed =
      "SELECT " +
      history_select(shape_, "g.", {{"valid_to", "g.batuta_to"}, {"is_current", "false"}}) +
      " FROM history_gone g";
  const std::string kept = "SELECT " + column_list(shape_, "o.") +
                           " FROM history_old o SEMI JOIN (SELECT DISTINCT " + parts +
                           " FROM history_gone) d ON " + on_part + " ANTI JOIN history_gone g ON " +
                           on_keys(spec_, "o", "g");
  Names order = spec_.table.keys;
  order.emplace_back("valid_from");
  auto adds =
      write_files(session_, StagedWrite{table_.storage(),
                                        name_,
                                        shape_.columns,
                                        partitions_,
                                        opened + " UNION ALL " + closed + " UNION ALL " + kept,
                                        {},
                                        std::move(order)});
  payload_.adds.insert(payload_.adds.end(), std::make_move_iterator(adds.begin()),
                       std::make_move_iterator(adds.end()));
  std::vector<std::vector<std::optional<std::string>>> touched;
  for (const auto& row : session_
                             .query("SELECT DISTINCT " + (part_texts.empty() ? "1" : part_texts) +
                                    " FROM history_gone")
                             .rows) {
    auto& values = touched.emplace_back();
    for (std::size_t i = 0; i < spec_.partition_by.size(); ++i)
      values.push_back(row.at(i).is_null() ? std::nullopt : std::optional(row.at(i).text()));
  }
  for (const AddFile& file : files(true, std::nullopt)) {
    std::vector<std::optional<std::string>> values;
    for (const std::string& name : spec_.partition_by)
      values.push_back(partition_value(table_, file, name));
    if (std::find(touched.begin(), touched.end(), values) != touched.end())
      payload_.removes.push_back({file.path, 0, true, file.partition_values, file.size});
  }
  if (lakelog::serialise_payload(payload_).size() <= BATUTA_MAX_OUTPUT_BYTES) return;
  throw plugin::FinalError(name_ + ": " + std::to_string(payload_.adds.size()) +
                           " new files are more than one attempt can hand in: every partition of " +
                           spec_.table.name +
                           " has files of its own here, so partition it by "
                           "something coarser");
}

void TableHistory::set_marker(const std::string& name, std::int64_t version) {
  payload_.txns.push_back({name, version});
}

void TableHistory::hand_in(const std::string& metrics_json) {
  nlohmann::json metrics = {{"rows_out", opened_}, {"rows_closed", closed_}};
  if (!metrics_json.empty()) {
    const auto further = parse_untrusted(metrics_json);
    if (further && further->is_object()) metrics.update(*further);
  }
  payload_.metrics_json = json_text(metrics);
  lake::hand_in(context_, payload_);
}

}  // namespace batuta::lake
