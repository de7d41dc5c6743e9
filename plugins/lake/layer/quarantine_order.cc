#include "plugins/lake/layer/quarantine_order.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "plugins/lake/file_stats.h"
#include "plugins/lake/layer/transform_sql.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::size_t most_told_rows = 1000;
constexpr const char* id_column = "_row_id";

const char* verb_name(QuarantineOrder::Verb verb) {
  switch (verb) {
    case QuarantineOrder::Verb::repair:
      return "repair";
    case QuarantineOrder::Verb::replay:
      return "replay";
    case QuarantineOrder::Verb::discard:
      break;
  }
  return "discard";
}

[[noreturn]] void unreadable_order(const std::string& why) {
  throw plugin::FinalError("the run's order for the quarantine cannot be read: " + why);
}

std::string text_of(const json& given, const char* name) {
  const auto at = given.find(name);
  return at != given.end() && at->is_string() ? at->get<std::string>() : std::string();
}

std::int64_t number_of(const json& given, const char* name, std::int64_t fallback) {
  const auto at = given.find(name);
  return at == given.end() ? fallback : json_int(*at).value_or(fallback);
}

QuarantineOrder read_order(const json& given) {
  QuarantineOrder order;
  const std::string verb = text_of(given, "verb");
  if (verb == "repair") {
    order.verb = QuarantineOrder::Verb::repair;
  } else if (verb == "discard") {
    order.verb = QuarantineOrder::Verb::discard;
  } else if (verb != "replay") {
    unreadable_order("\"" + verb + "\" is none of repair, replay and discard");
  }
  order.operation = text_of(given, "operation");
  if (order.operation.empty() || order.operation.find(',') != order.operation.npos)
    unreadable_order("it has no id");
  order.by = text_of(given, "by");
  order.note = text_of(given, "note");
  order.reason = text_of(given, "reason");
  order.run_id = text_of(given, "run_id");
  order.since = parse_iso(text_of(given, "since"));
  order.until = parse_iso(text_of(given, "until"));
  order.limit = number_of(given, "limit", order.limit);
  order.max_attempts = number_of(given, "max_attempts", order.max_attempts);
  const auto dry = given.find("dry_run");
  order.dry_run = dry != given.end() && dry->is_boolean() && dry->get<bool>();
  if (const auto rows = given.find("rows"); rows != given.end() && rows->is_array())
    for (const json& row : *rows)
      if (row.is_string()) order.rows.push_back(row.get<std::string>());
  if (const auto set = given.find("set"); set != given.end() && set->is_object())
    order.set_json = json_text(*set);
  if (const auto all = given.find("corrections"); all != given.end() && all->is_object())
    for (const auto& [row, values] : all->items()) {
      if (!values.is_object()) unreadable_order("the values of row " + row + " are no object");
      order.corrections.emplace(row, json_text(values));
      order.rows.push_back(row);
    }
  return order;
}

// Why a row was rejected once more than what its columns say: its extraction was not asked for it.
std::vector<std::string> reasons_by_list(const TransformSpec& spec) {
  std::vector<std::string> names;
  for (const auto& reason : spec.reasons)
    if (reason.condition.find("asked_for") != reason.condition.npos) names.push_back(reason.name);
  return names;
}

std::string texts_sql(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + quoted_literal(text);
  return "[" + list + "]";
}

std::string among(const char* list, const std::string& text) {
  return "list_contains(string_split(" + std::string(list) + ", ','), " + quoted_literal(text) +
         ")";
}

// The column's text, or what the object in `fix` has in its place.
std::string corrected_sql(const std::string& column, const std::string& fix) {
  const std::string path = quoted_literal("$." + quoted_name(column));
  return "CASE WHEN " + fix + " IS NOT NULL AND json_exists(" + fix + ", " + path +
         ") THEN json_extract_string(" + fix + ", " + path + ") ELSE " + quoted_name(column) +
         " END";
}

// What a judge needs of a row of the quarantine; `values` are its corrected columns.
std::string row_sql(const TransformSpec& spec, const std::string& fix) {
  std::string columns;
  for (const std::string& name : spec.raw_columns)
    columns += corrected_sql(name, fix) + " AS " + quoted_name(name) + ", ";
  const auto by_list = reasons_by_list(spec);
  const std::string asked_for =
      by_list.empty()
          ? "CAST(NULL AS BOOLEAN)"
          : "NOT list_has_any(string_split(\"reason\", ','), " + texts_sql(by_list) + ")";
  return columns + asked_for +
         " AS asked_for, \"_ingested_at\", row_number() OVER (ORDER BY \"_ingested_at\", "
         "\"_row_id\") AS \"_record_no\", \"run_id\" AS \"_run_id\", " +
         quoted_name(spec.quarantine.partition) + " AS " + quoted_name(spec.source.partition);
}

bool has_decisions(const TableShape& shape) {
  return std::any_of(shape.columns.begin(), shape.columns.end(),
                     [](const auto& column) { return column.name == id_column; });
}

// Added to _record_no: more than any file's, so that of one key and reception an order's row wins.
constexpr const char* behind_all_files = "4611686018427387904";

// A view of the closed rows of the quarantine that meet `condition`. False: there are none.
bool view_closed(Session& session, const std::string& view, const TransformSpec& spec,
                 const DeltaTable& quarantine, const std::string& condition) {
  if (!quarantine.exists() || !has_decisions(spec.quarantine)) return false;
  const auto files = quarantine.files(
      [](const lakelog::AddFile& file) { return may_hold_value(file, "_status"); });
  if (files.empty()) return false;
  view_of(session, view + "_files", spec.quarantine, quarantine, files);
  session.run("CREATE TEMP VIEW " + view + " AS SELECT * FROM " + view + "_files WHERE " +
              "\"_status\" IS NOT NULL AND (" + condition + ")");
  return session.value("SELECT count(*) FROM " + view).integer() > 0;
}

}  // namespace

std::vector<lakelog::Column> decision_columns() {
  return {{"_row_id", "string", true},     {"_status", "string", true},
          {"_tries", "long", true},        {"_decided_at", "timestamp", true},
          {"_decided_by", "string", true}, {"_operations", "string", true},
          {"_note", "string", true},       {"_repaired", "string", true}};
}

std::vector<std::string> QuarantineOrder::columns() const {
  std::set<std::string> names;
  const auto add = [&names](const std::string& text) {
    const auto values = parse_untrusted(text);
    if (!values || !values->is_object()) return;
    for (const auto& [name, value] : values->items()) names.insert(name);
  };
  if (!set_json.empty()) add(set_json);
  for (const auto& [row, values] : corrections) add(values);
  return {names.begin(), names.end()};
}

std::optional<QuarantineOrder> quarantine_order(const plugin::Context& context) {
  JsonLimits own;
  own.bytes = own.string_bytes = std::size_t{8} << 20;
  own.tokens = 2'000'000;
  const std::string& text = context.context_json();
  const auto told = parse_untrusted(text, own);
  // Or a run that is to do one thing would do another.
  if (!told && text.find("\"quarantine\"") != text.npos) unreadable_order(told.error().message);
  if (!told || !told->is_object()) return std::nullopt;
  const auto given = told->find("quarantine");
  if (given == told->end()) return std::nullopt;
  if (!given->is_object()) unreadable_order("it is no object");
  return read_order(*given);
}

OrderedRows::OrderedRows(plugin::Context& context, Session& session, const TransformSpec& spec,
                         const DeltaTable& quarantine, const QuarantineOrder& order)
    : context_(context),
      session_(session),
      spec_(spec),
      table_(quarantine),
      order_(order),
      version_(spec.quarantine, quarantine, lakelog::Operation::merge) {
  if (!has_decisions(spec.quarantine))
    throw plugin::FinalError(spec.quarantine.name + " does not name its rows: none can be chosen");
}

// Of open rows.
std::string OrderedRows::condition() const {
  std::string where = "\"_status\" IS NULL";
  if (!order_.rows.empty()) where += " AND \"_row_id\" IN (SELECT id FROM ordered_ids)";
  if (!order_.reason.empty()) where += " AND " + among("\"reason\"", order_.reason);
  if (!order_.run_id.empty()) where += " AND \"run_id\" = " + quoted_literal(order_.run_id);
  const auto instant = [](const OptTime& time) {
    return "CAST(" + quoted_literal(to_iso(*time)) + " AS TIMESTAMPTZ)";
  };
  if (order_.since) where += " AND \"_ingested_at\" >= " + instant(order_.since);
  if (order_.until) where += " AND \"_ingested_at\" < " + instant(order_.until);
  return where;
}

void OrderedRows::load_corrections() {
  std::vector<std::string> ids = order_.rows, rows, values;
  for (const auto& [row, fix] : order_.corrections) {
    rows.push_back(row);
    values.push_back(fix);
  }
  session_.run("CREATE TEMP TABLE ordered_ids AS SELECT unnest($1) AS id", {ids});
  session_.run("CREATE TEMP TABLE corrections AS SELECT unnest($1) AS id, unnest($2) AS fix",
               {rows, values});
}

// Who names a row means that one: a name that is wrong, or of a row that was decided on, is told.
void OrderedRows::find_missing() {
  if (order_.rows.empty()) return;
  const auto missing = session_.query(
      "SELECT o.id, any_value(q.\"_status\") FROM ordered_ids o LEFT JOIN quarantine_all q ON "
      "q.\"_row_id\" = o.id GROUP BY o.id HAVING count(*) FILTER (q.\"_row_id\" IS NOT NULL AND "
      "q.\"_status\" IS NULL) = 0 ORDER BY 1",
      {}, 5);
  if (missing.rows.empty()) return;
  const auto& first = missing.rows.front();
  const std::string name = spec_.quarantine.name;
  throw plugin::FinalError(
      "row " + first.at(0).text() + " of " + name +
      (first.at(1).is_null() ? " is not there: `batuta lake quarantine show` tells _row_id of each"
                             : " is no longer open, it was " + first.at(1).text()) +
      (missing.rows.size() > 1 ? "; and others. Nothing was changed" : ". Nothing was changed"));
}

bool OrderedRows::choose() {
  if (!table_.exists()) return false;
  view_of(session_, "quarantine_all", spec_.quarantine, table_,
          table_.files([](const lakelog::AddFile&) { return true; }));
  load_corrections();
  done_before_ = !order_.dry_run && session_.value("SELECT count(*) FROM quarantine_all WHERE " +
                                                   among("\"_operations\"", order_.operation))
                                            .integer() > 0;
  if (done_before_) return false;
  find_missing();
  std::string where = condition();
  const auto count = [&](const std::string& rows) {
    return session_.value("SELECT count(*) FROM quarantine_all WHERE " + rows).integer();
  };
  if (order_.verb == QuarantineOrder::Verb::replay) {
    const std::string tries = "coalesce(\"_tries\", 0)";
    const std::string most = std::to_string(order_.max_attempts);
    given_up_ = count(where + " AND " + tries + " >= " + most);
    where += " AND " + tries + " < " + most;
  }
  const std::int64_t all = count(where);
  chosen_ = std::min(all, order_.limit);
  more_ = all - chosen_;
  if (chosen_ == 0) return false;
  const std::string part = quoted_name(spec_.quarantine.partition);
  const std::string first =
      " ORDER BY \"_ingested_at\", \"_row_id\" LIMIT " + std::to_string(order_.limit);
  partitions_ = first_column(
      session_.query("SELECT DISTINCT CAST(" + part + " AS VARCHAR) FROM (SELECT " + part +
                     " FROM quarantine_all WHERE " + where + first + ") ORDER BY 1"));
  // Rows of before they had names are given theirs: a version that holds them is written anyway.
  session_.run(
      "CREATE TEMP TABLE quarantine_held AS SELECT * REPLACE (coalesce(\"_row_id\", "
      "left(replace(CAST(uuid() AS VARCHAR), '-', ''), 16)) AS \"_row_id\") FROM "
      "quarantine_all WHERE CAST(" +
          part + " AS VARCHAR) IN (SELECT unnest($1))",
      {partitions_});
  session_.run(
      "CREATE TEMP TABLE quarantine_chosen AS SELECT h.*, coalesce(c.fix, $1) AS \"_fix\" "
      "FROM (SELECT * FROM quarantine_held WHERE " +
          where + first + ") h LEFT JOIN corrections c ON c.id = h.\"_row_id\"",
      {order_.set_json.empty() ? Param{} : Param{order_.set_json}});
  session_.run("CREATE TEMP TABLE ordered_published (id VARCHAR)");
  session_.run("CREATE TEMP TABLE asked_rows AS SELECT " + row_sql(spec_, "\"_fix\"") +
               ", \"_row_id\" FROM quarantine_chosen");
  return true;
}

void OrderedRows::note_changed() {
  std::string keys, same;
  for (const std::string& key : spec_.target.keys) {
    const std::string typed = quoted_name("new_" + key);
    keys += (keys.empty() ? "" : ", ") + typed;
    same += (same.empty() ? "c." : " AND c.") + quoted_name(key) + " = j." + typed;
  }
  // Of rows of one key that came together the one that good_rows_sql() takes.
  session_.run(
      "INSERT INTO ordered_published SELECT j.\"_row_id\" FROM (SELECT * FROM judged "
      "WHERE reason = '' QUALIFY row_number() OVER (PARTITION BY " +
      keys + " ORDER BY " +
      (spec_.newest.empty() ? "" : quoted_name("new_" + spec_.newest) + " DESC NULLS LAST, ") +
      "\"_ingested_at\" DESC, \"_record_no\" DESC) = 1) j SEMI JOIN changed c ON " + same);
}

// $2: by whom; $3: the order's id; $4: the note. Writing it takes $1.
std::string OrderedRows::updated_sql() const {
  const bool discard = order_.verb == QuarantineOrder::Verb::discard;
  const auto when = [](const std::string& condition, const std::string& value,
                       const std::string& column) {
    return "CASE WHEN " + condition + " THEN " + value + " ELSE h." + column + " END";
  };
  const std::string touched = "o.outcome IS NOT NULL";
  const std::string closed = "o.outcome <> 'kept'";
  std::map<std::string, std::string> updates{
      {"_status", when(closed, "o.outcome", "_status")},
      {"_decided_at", when(touched, "now()", "_decided_at")},
      {"_decided_by", when(touched, "$2", "_decided_by")},
      {"_operations", when(touched, "concat_ws(',', h._operations, $3)", "_operations")},
      {"_note", when(touched, "$4", "_note")}};
  if (!discard) updates["_tries"] = when(touched, "coalesce(h._tries, 0) + 1", "_tries");
  if (order_.verb == QuarantineOrder::Verb::repair)
    updates["_repaired"] = when(closed, "o.fix", "_repaired");
  // What is wrong with it now; of a correction that was wrong it is the answer that tells.
  if (order_.verb == QuarantineOrder::Verb::replay)
    updates["reason"] = when("o.outcome = 'kept'", "o.reasons", "reason");
  std::string columns;
  for (const lakelog::Column& column : spec_.quarantine.columns) {
    const auto update = updates.find(column.name);
    columns += (columns.empty() ? "" : ", ") +
               (update == updates.end() ? "h." + quoted_name(column.name)
                                        : update->second + " AS " + quoted_name(column.name));
  }
  return "SELECT " + columns +
         " FROM quarantine_held h LEFT JOIN ordered_outcome o ON o.id = "
         "h.\"_row_id\"";
}

void OrderedRows::settle() {
  if (order_.verb == QuarantineOrder::Verb::discard) {
    session_.run(
        "CREATE TEMP TABLE ordered_outcome AS SELECT \"_row_id\" AS id, 'discarded' AS "
        "outcome, \"reason\" AS reasons, \"_fix\" AS fix FROM quarantine_chosen");
  } else {
    session_.run(
        "CREATE TEMP TABLE ordered_outcome AS SELECT j.\"_row_id\" AS id, CASE WHEN j.reason <> '' "
        "THEN 'kept' WHEN j.\"_row_id\" IN (SELECT id FROM ordered_published) THEN 'published' "
        "ELSE 'superseded' END AS outcome, j.reason AS reasons, c.\"_fix\" AS fix FROM judged j "
        "JOIN quarantine_chosen c ON c.\"_row_id\" = j.\"_row_id\"");
  }
  for (const auto& row :
       session_.query("SELECT outcome, count(*) FROM ordered_outcome GROUP BY 1").rows)
    counts_[row.at(0).text()] = row.at(1).integer();
  for (const auto& row : session_
                             .query("SELECT id, outcome, reasons FROM ordered_outcome ORDER BY "
                                    "outcome = 'kept' DESC, id",
                                    {}, most_told_rows)
                             .rows)
    rows_.push_back({row.at(0).text(), row.at(1).text(), row.at(2).text()});
  if (order_.dry_run) return;
  version_.read(partitions_);
  version_.stage(session_, updated_sql(), {"_ingested_at"},
                 {order_.by, order_.operation, order_.note.empty() ? Param{} : Param{order_.note}});
  version_.replace(partitions_);
}

void OrderedRows::hand_in() {
  if (version_.empty()) return;
  json metrics{{"verb", verb_name(order_.verb)}, {"operation", order_.operation}};
  for (const auto& [outcome, rows] : counts_) metrics[outcome] = rows;
  version_.hand_in(context_, json_text(metrics));
}

std::string OrderedRows::told_json() const {
  json told{{"table", spec_.quarantine.name},
            {"verb", verb_name(order_.verb)},
            {"operation", order_.operation},
            {"dry_run", order_.dry_run},
            {"done_before", done_before_},
            {"chosen", chosen_},
            {"more", more_}};
  for (const char* outcome : {"published", "superseded", "kept", "discarded"}) {
    const auto at = counts_.find(outcome);
    told[outcome] = at == counts_.end() ? 0 : at->second;
  }
  if (order_.verb == QuarantineOrder::Verb::replay) told["given_up"] = given_up_;
  told["rows"] = json::array();
  for (const Told& row : rows_)
    told["rows"].push_back({{"row", row.row}, {"outcome", row.outcome}, {"reasons", row.reasons}});
  return json_text(told);
}

void OrderedRows::set_marker(const std::string& name, std::int64_t version) {
  version_.set_marker(name, version);
}

bool view_taken(Session& session, const std::string& view, const TransformSpec& spec,
                const DeltaTable& quarantine) {
  if (!view_closed(session, "quarantine_taken", spec, quarantine, "\"_status\" <> 'discarded'"))
    return false;
  session.run(
      "CREATE TEMP VIEW " + view + " AS SELECT * REPLACE (\"_record_no\" + " + behind_all_files +
      " AS \"_record_no\") FROM " +
      as_source_sql(spec, "(SELECT " + row_sql(spec, "\"_repaired\"") + " FROM quarantine_taken)"));
  return true;
}

std::string without_decided(Session& session, const std::string& rows, const TransformSpec& spec,
                            const DeltaTable& quarantine) {
  if (!view_closed(session, "quarantine_decided", spec, quarantine,
                   "\"_status\" = 'discarded' OR \"_repaired\" IS NOT NULL"))
    return rows;
  std::string same = "a.\"_ingested_at\" = d.\"_ingested_at\" AND a.\"_run_id\" = d.\"run_id\"";
  for (const std::string& name : spec.raw_columns)
    same +=
        " AND " + raw_text_sql(spec, name, "a.") + " IS NOT DISTINCT FROM d." + quoted_name(name);
  session.run("CREATE TEMP VIEW undecided_rows AS SELECT a.* FROM " + rows +
              " a ANTI JOIN quarantine_decided d ON " + same);
  return "undecided_rows";
}

}  // namespace batuta::lake
