// lake_sql: reads the lake for people: one SELECT, or the first rows of a table. Read-only in every
// form: the statement is looked at by the engine's own parser, the engine is locked to the lake's
// folder, and the thread that runs it can, where the kernel has Landlock, read the lake and write
// its scratch folder and nothing else.
//
// Without a result_file the answer is the task's return value, at most 60 KiB or `bytes`:
//   {"columns":[…],"rows":[[…]…],"cut":bool,"cut_by":"rows"|"bytes","tables":[{"table","version","masked"}…]}
//   or, with return_errors, what is wrong with the question, as an answer too:
//   {"error":{"kind":"sql"|"right"|"time","text":…,"line","column"}}
// `rows` and `export` ask for one table's rows by columns, conditions and an order instead of SQL
// (column_query.h): a page from `offset` on as an answer, or all of them as a file in
// `result_folder`, of which the task returns {"rows","bytes","file","columns","tables"}.
// With a result_folder a statement's rows are written there as Parquet, all of them or, where they
// are more than `limit`, none; the task returns {"rows","bytes","file","tables"}.
// `explain` answers with the plan of a statement that would be let in (query_plan.h), `diff` with
// what one version of a table has otherwise than another (version_diff.h). With one it is a file of
// lines, at most 1 GiB, and the task returns
// {"rows","cut","cut_by","file"}:
//   {"columns":[…]}   then a line […] for each row, then   {"rows":n,"cut":bool,"cut_by":…}
//   or, at any place, {"error":"…"} as the last line: the engine's text with its lines.
// Of each table `masked` names the columns that are shown masked, `unmasked` those that are not
// because whoever asks has the right.
// What lies beyond a limit is left out, `cut` is true and `cut_by` tells which.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "common/safe_json.h"
#include "common/sql_text.h"
#include "lakelog/path.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/column_query.h"
#include "plugins/lake/confined_work.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/must.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/pinned_versions.h"
#include "plugins/lake/query_plan.h"
#include "plugins/lake/sql_answer.h"
#include "plugins/lake/sql_error.h"
#include "plugins/lake/sql_position.h"
#include "plugins/lake/statement_progress.h"
#include "plugins/lake/table_export.h"
#include "plugins/lake/version_diff.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::int64_t max_rows = 10'000'000;
constexpr std::size_t max_file_bytes = 1u << 30;
constexpr std::size_t max_return_bytes = 60u << 10;
constexpr std::int64_t most_return_bytes = 16 << 20;  // that can be asked for
constexpr std::size_t max_sql_bytes = 256u << 10;
constexpr std::int64_t usual_export_bytes = 1 << 30;
constexpr std::int64_t max_export_bytes = std::int64_t{1} << 40;
constexpr std::int64_t usual_export_files = 20'000, max_export_files = 1'000'000;

// Of the rows in a returned answer.
std::size_t returned_bytes(const plugin::Context& context) {
  const std::int64_t bytes = context.integer("bytes", max_return_bytes);
  if (bytes < 1024 || bytes > most_return_bytes)
    throw plugin::FinalError("parameter bytes: 1024 to " + std::to_string(most_return_bytes));
  return static_cast<std::size_t>(bytes) - 1024;
}

// A new file outside of the lake.
std::unique_ptr<Answer> make_answer(const plugin::Context& context, std::size_t rows) {
  const std::string path = context.text("result_file", "");
  if (path.empty()) return std::make_unique<ReturnedAnswer>(rows, returned_bytes(context));
  if (!path.starts_with('/') || !lakelog::valid_data_path(path.substr(1)) ||
      path.starts_with(context.lake() + "/"))
    throw plugin::FinalError("parameter result_file: must be a new file outside of the lake");
  return std::make_unique<FileAnswer>(path, rows, max_file_bytes);
}

struct Question {
  Lake lake{std::string()};
  std::string operation;
  std::string sql;
  std::string table;
  TimeTravel travel;
  ReadableLayers readable;
  ReadMasks masks;
  std::vector<std::pair<std::string, std::string>> control_tables;  // name, JSON
  ColumnQuery chosen;
  std::int64_t offset = 0;
  ExportOptions to;
  bool by_partitions = false;  // of the table itself, where partition_by does not tell others
  bool analyze = false;        // explain: run it
  DiffQuestion diff;
};

// A new folder of its own: what is written is confined to it.
ExportOptions export_of(const plugin::Context& context) {
  ExportOptions to;
  to.folder = context.text("result_folder");
  to.format = context.text("format", "parquet");
  to.partition_by = context.texts("partition_by");
  to.tar = context.boolean("tar", false);
  to.most_bytes = context.integer("most_bytes", usual_export_bytes);
  to.most_files = context.integer("most_files", usual_export_files);
  (void)export_name(to);
  if (to.most_files < 1 || to.most_files > max_export_files)
    throw plugin::FinalError("parameter most_files: 1 to " + std::to_string(max_export_files));
  if (to.most_bytes < 1 || to.most_bytes > max_export_bytes)
    throw plugin::FinalError("parameter most_bytes: 1 to " + std::to_string(max_export_bytes));
  std::error_code failure;
  const bool outside = to.folder.starts_with('/') &&
                       lakelog::valid_data_path(to.folder.substr(1)) &&
                       !(to.folder + "/").starts_with(context.lake() + "/");
  if (!outside || !std::filesystem::is_empty(to.folder, failure) || failure)
    throw plugin::FinalError(
        "parameter result_folder: must be an empty folder outside of the lake");
  return to;
}

std::vector<std::pair<std::string, std::string>> control_tables_of(const plugin::Context& context) {
  std::vector<std::pair<std::string, std::string>> out;
  if (!context.has("mngt")) return out;
  constexpr JsonLimits limits{8u << 20, 16, 1'000'000, 256u << 10};
  auto tables = parse_untrusted(context.json("mngt"), limits);
  if (!tables || !tables->is_object()) throw plugin::FinalError("parameter mngt: not an object");
  for (const auto& [name, table] : tables->items()) out.emplace_back(name, json_text(table));
  return out;
}

TimeTravel travel_of(const plugin::Context& context) {
  TimeTravel travel;
  travel.version = context.integer("version", lakelog::latest_version);
  if (!context.has("at")) return travel;
  if (context.has("version")) throw plugin::FinalError("parameters version and at: one of them");
  const auto time = parse_iso(context.text("at"));
  if (!time) throw plugin::FinalError("parameter at: not a time, such as 2026-11-20T10:00:00Z");
  travel.at_ms = time->time_since_epoch() / std::chrono::milliseconds(1);
  if (travel.at_ms <= 0) throw plugin::FinalError("parameter at: no table is that old");
  return travel;
}

DiffQuestion diff_of(const plugin::Context& context, const std::string& table) {
  DiffQuestion diff;
  diff.table = table;
  diff.from = context.integer("from_version", diff.from);
  diff.to = context.integer("version", diff.to);
  diff.key = context.texts("key");
  diff.key_is_asked = context.boolean("key_is_asked", false);
  diff.rows = context.integer("limit", diff.rows);
  diff.compared_bytes = context.integer("most_bytes", diff.compared_bytes);
  if (diff.rows < 0 || diff.rows > 1000) throw plugin::FinalError("parameter limit: 0 to 1000");
  if (diff.compared_bytes < 0) throw plugin::FinalError("parameter most_bytes: from 0");
  return diff;
}

Question question_of(const plugin::Context& context) {
  Question question;
  question.lake = lake_folder(context);
  question.operation = context.text("operation", "sql");
  question.travel = travel_of(context);
  if (context.has("masks")) question.masks = read_masks_of(context.json("masks"));
  const bool by_columns = question.operation == "rows" || question.operation == "export";
  const bool by_sql = question.operation == "sql" || question.operation == "explain";
  if (by_columns || question.operation == "head" || question.operation == "diff") {
    question.table = context.text("table");
    if (!lakelog::valid_table_name(question.table))
      throw plugin::FinalError("parameter table: " + lakelog::no_table_name(question.table));
  } else if (by_sql) {
    question.analyze = context.boolean("analyze", false);
    question.sql = context.text("sql");
    if (question.sql.size() > max_sql_bytes) throw plugin::FinalError("parameter sql: too long");
    question.control_tables = control_tables_of(context);
    if (context.has("readable")) {
      const auto layers = context.texts("readable");
      question.readable.emplace(layers.begin(), layers.end());
    }
    if (question.operation == "sql" && context.has("result_folder")) {
      question.to = export_of(context);
      if (question.to.format != "parquet" || !question.to.partition_by.empty())
        throw plugin::FinalError("parameter format: the rows of a statement are one Parquet file");
    }
  } else {
    throw plugin::FinalError("parameter operation: sql, explain, head, rows, export or diff");
  }
  if (question.operation == "diff") question.diff = diff_of(context, question.table);
  if (!by_columns) return question;
  question.chosen = {context.texts("columns"), context.texts("where"), context.texts("order_by")};
  question.offset = context.integer("offset", 0);
  if (question.offset < 0) throw plugin::FinalError("parameter offset: from 0");
  if (question.operation == "export") {
    question.to = export_of(context);
    question.by_partitions = context.boolean("by_partitions", false);
  }
  return question;
}

// The table that is asked for by its name, as it is shown to whoever asks.
struct OneTable {
  DeltaTable table;
  std::string view;
  std::vector<ShownColumn> columns;
  ReadTable told;
};

OneTable open_one(Session& session, const Question& question) {
  OneTable out{open_travelled(session, question.lake, question.table, question.travel), {}, {}, {}};
  if (!out.table.exists()) throw plugin::FinalError("there is no table " + question.table);
  out.told = {question.table, out.table.version(), {}, {}};
  out.view = create_shown_view(session, "table_rows", out.table, question.masks, out.told);
  for (const lakelog::Column& column : out.table.snapshot().metadata.columns) {
    const bool masked = std::count(out.told.masked.begin(), out.told.masked.end(), column.name) > 0;
    out.columns.push_back({column.name, column.type, masked});
  }
  return out;
}

// What the task returns, as JSON.
std::string write_export(Session& session, const Question& question, StatementProgress& progress) {
  const OneTable one = open_one(session, question);
  ExportOptions to = question.to;
  if (question.by_partitions && to.partition_by.empty()) {
    to.partition_by = one.table.snapshot().metadata.partition_columns;
    if (to.partition_by.empty())
      throw plugin::FinalError("partition_by: " + question.table +
                               " has no partitions of its own: name the columns");
  }
  to.masked = masked_names({one.told});
  lock_down(session, question.lake.folder(), to.folder);
  const auto select = bound_select(session, one.view, one.columns, question.chosen);
  progress.begin();
  const Exported out = export_rows(session, select, to);
  return json_text({{"rows", out.rows},
                    {"bytes", out.bytes},
                    {"file", out.file},
                    {"columns", select.columns},
                    {"tables", json::array({read_json(one.told)})}});
}

// Lets the statement in, opens what it names and locks the session down. `sql` is then as the
// engine is to read it.
std::vector<ReadTable> let_in(Session& session, const Question& question, std::string& sql) {
  std::vector<std::string> control_tables;
  for (const auto& [name, rows] : question.control_tables) control_tables.push_back(name);
  sql = quote_pinned_names(question.sql);
  const auto tables = check_outside_select(session, sql);
  if (question.travel.version != lakelog::latest_version && tables.size() > 1)
    throw plugin::FinalError(
        "one version for several tables: write it behind each name, as in silver.orders@v12");
  auto read = attach_tables(session, question.lake, tables, control_tables, question.travel,
                            question.readable, question.masks);
  for (const auto& [name, rows] : question.control_tables) attach_rows(session, name, rows);
  lock_down(session, question.lake.folder(), question.to.folder);
  return read;
}

// The statement as one that can be limited and copied: what was let in as one SELECT has to be let
// in within brackets, too, so that nothing in it reaches out of them. A semicolon that ends it and
// a comment behind that are no part of it.
std::string limited(Session& session, const std::string& sql, std::int64_t rows) {
  (void)check_outside_select(session, sql);
  const auto statements = sql_statements(sql, {});
  const bool cut = statements && statements->size() == 1;
  std::string out = "SELECT * FROM (\n" + (cut ? statements->front().text : sql) + "\n) LIMIT " +
                    std::to_string(rows);
  (void)check_outside_select(session, out);
  return out;
}

// What the task returns, as JSON.
std::string write_statement(Session& session, const Question& question, std::int64_t limit,
                            StatementProgress& progress) {
  // One more than may be tells that there are more.
  const std::string select = limited(session, quote_pinned_names(question.sql), limit + 1);
  std::string sql;
  json told = json::array();
  const auto read = let_in(session, question, sql);
  for (const ReadTable& one : read) told.push_back(read_json(one));
  ExportOptions to = question.to;
  to.masked = masked_names(read);
  progress.begin();
  const Exported out = export_rows(session, {select, {}, {}}, to);
  if (out.rows > limit)
    throw plugin::FinalError("there are more than " + std::to_string(limit) +
                             " rows, and a file has all of them or is none: raise limit, or select "
                             "fewer");
  return json_text(
      {{"rows", out.rows}, {"bytes", out.bytes}, {"file", out.file}, {"tables", std::move(told)}});
}

// What the task returns, as JSON.
std::string explained(Session& session, const Question& question, StatementProgress& progress) {
  std::string sql;
  const auto tables = let_in(session, question, sql);
  PlanQuestion plan{question.analyze, false, question.lake.folder()};
  json told = json::array();
  for (const ReadTable& one : tables) {
    plan.hides = plan.hides || !one.masked.empty();
    told.push_back(read_json(one));
  }
  progress.begin();
  json out = query_plan(session, sql, plan);
  out["hidden"] = plan.hides;
  out["tables"] = std::move(told);
  return json_text(out);
}

// The same.
std::string compared(Session& session, Question question, std::size_t bytes) {
  question.diff.answer_bytes = bytes;
  ReadTable read;
  json out = version_diff(session, question.lake, question.masks, question.diff, read);
  return json_text({{"diff", std::move(out)}, {"tables", json::array({read_json(read)})}});
}

void ask(Session& session, const Question& question, std::int64_t limit, Answer& answer,
         StatementProgress& progress) {
  std::string sql;
  std::vector<Param> params;
  if (question.operation == "head") {
    const OneTable one = open_one(session, question);
    answer.tables({one.told});
    sql = "SELECT * FROM " + quoted_name(one.view);
  } else if (question.operation == "rows") {
    const OneTable one = open_one(session, question);
    answer.tables({one.told});
    auto select = bound_select(session, one.view, one.columns, question.chosen);
    // One more than there is room for tells that there are more.
    sql = select.sql + " LIMIT " + std::to_string(limit + 1) + " OFFSET " +
          std::to_string(question.offset);
    params = std::move(select.params);
  } else {
    answer.tables(let_in(session, question, sql));
  }
  if (question.operation != "sql") lock_down(session, question.lake.folder());
  progress.begin();
  const bool all_fit = session.stream_select(
      sql, [&answer](const std::vector<std::string>& names) { answer.columns(names); },
      [&answer](std::vector<Cell>&& row) { return answer.row(row); },
      [&answer] { return answer.room(); }, params);
  if (!all_fit) answer.too_large();
}

std::string error_text(const char* kind, const std::string& text, const std::string& sql) {
  json error{{"kind", kind}, {"text", text}, {"line", nullptr}, {"column", nullptr}};
  // Where a name is pinned to a version, what the engine read is longer than what was written.
  const auto at = sql_position(text, quote_pinned_names(sql));
  if (at) error["line"] = at->line;
  if (at && at->column > 0 && quote_pinned_names(sql) == sql) error["column"] = at->column;
  return json_text({{"error", std::move(error)}});
}

}  // namespace

struct LakeSql {
  static constexpr auto name = "lake_sql";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Reads tables of the lake: one SELECT or a table's first rows";
  static constexpr batuta_param params[] = {
      plugin::optional(BATUTA_PARAM_STRING, "operation", "sql, explain, head, rows, export or diff",
                       "\"sql\""),
      plugin::optional(BATUTA_PARAM_STRING, "sql", "one SELECT over layer.table"),
      plugin::optional(BATUTA_PARAM_STRING, "table", "such as silver/financial/quotes; not sql"),
      plugin::optional(BATUTA_PARAM_ARRAY, "columns", "rows, export: these only"),
      plugin::optional(BATUTA_PARAM_ARRAY, "where", "rows, export: such as amount >= 10"),
      plugin::optional(BATUTA_PARAM_ARRAY, "order_by", "rows, export: columns, -day falling"),
      plugin::optional(BATUTA_PARAM_INTEGER, "offset", "rows: from there on", "0"),
      plugin::optional(BATUTA_PARAM_STRING, "format", "export: parquet, csv, jsonl", "\"parquet\""),
      plugin::optional(BATUTA_PARAM_STRING, "result_folder",
                       "export: an empty folder; sql: the same, for its rows as Parquet"),
      plugin::optional(BATUTA_PARAM_ARRAY, "partition_by", "export: folders of these columns"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "by_partitions",
                       "export: folders of the table's own partitions", "false"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "tar", "export: those folders as one file, rows.tar",
                       "false"),
      plugin::optional(BATUTA_PARAM_INTEGER, "most_bytes",
                       "export: of the file; diff: of the files that are compared", "1073741824"),
      plugin::optional(BATUTA_PARAM_INTEGER, "most_files",
                       "export: files below folders by partition", "20000"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "analyze", "explain: run it and measure", "false"),
      plugin::optional(BATUTA_PARAM_INTEGER, "from_version",
                       "diff: the older version; the one before version unless given"),
      plugin::optional(BATUTA_PARAM_ARRAY, "key", "diff: by which columns rows are told apart"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "key_is_asked",
                       "diff: it is an error where the key is none", "false"),
      plugin::optional(BATUTA_PARAM_INTEGER, "version", "an older version of the table"),
      plugin::optional(BATUTA_PARAM_STRING, "at", "the tables as they were at that time"),
      plugin::optional(BATUTA_PARAM_INTEGER, "limit", "rows at most", "1000"),
      plugin::optional(BATUTA_PARAM_STRING, "timeout", "of the query", "\"30s\""),
      plugin::optional(BATUTA_PARAM_INTEGER, "bytes", "of the returned answer", "61440"),
      plugin::optional(BATUTA_PARAM_ARRAY, "readable",
                       "sql: the only layers that may be read, as domain/layer"),
      plugin::optional(BATUTA_PARAM_OBJECT, "masks",
                       "what contracts hide of their tables, and the layers where it is shown"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "return_errors",
                       "what is wrong with the question is an answer, too", "false"),
      plugin::optional(BATUTA_PARAM_OBJECT, "mngt",
                       "control tables: {name: {columns: [{name, type}], rows: [[…]]}}"),
      plugin::optional(BATUTA_PARAM_STRING, "result_file", "a new file outside of the lake")};

  void execute(plugin::Context& context) {
    const Question question = question_of(context);
    if (!context.boolean("return_errors", false))
      return context.return_json(answer_of(context, question));
    std::string out;
    try {
      out = answer_of(context, question);
    } catch (const NotReadable& refused) {
      out = error_text("right", refused.what(), question.sql);
    } catch (const TooSlow& late) {
      out = error_text("time", late.what(), question.sql);
    } catch (const plugin::FinalError& error) {
      out = error_text("sql", error.what(), question.sql);
    }
    context.return_json(out);
  }

 private:
  struct TooSlow : plugin::FinalError {
    using FinalError::FinalError;
  };

  static std::string answer_of(const plugin::Context& context, const Question& question) {
    const bool exports = !question.to.folder.empty();
    const bool explains = question.operation == "explain", differs = question.operation == "diff";
    const std::int64_t limit = context.integer("limit", 1000);
    if (!differs && (limit < 1 || limit > max_rows))
      throw plugin::FinalError("parameter limit: 1 to " + std::to_string(max_rows));
    const bool whole = exports || explains || differs;  // an answer of its own, in one piece
    const auto answer = whole ? nullptr : make_answer(context, static_cast<std::size_t>(limit));
    const auto timeout = context.duration("timeout", std::chrono::seconds(30));
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    auto options = session_options(context);
    std::atomic<Outgrown> outgrown = Outgrown::no;
    StatementProgress progress;
    if (exports) {
      options.scratch = question.to.folder;
      options.threads = 1;
    }
    options.cancelled = [&context, &question, &outgrown, deadline, exports] {
      if (exports && outgrown == Outgrown::no) outgrown = export_outgrows(question.to);
      return outgrown != Outgrown::no || context.cancelled() ||
             std::chrono::steady_clock::now() > deadline;
    };
    options.progress = [&progress](double share) { progress.note(share); };
    std::string told;
    const auto work = [&] {
      Session session(options);
      if (exports) {
        told = question.operation == "sql" ? write_statement(session, question, limit, progress)
                                           : write_export(session, question, progress);
      } else if (explains) {
        told = explained(session, question, progress);
      } else if (differs) {
        told = compared(session, question, returned_bytes(context));
      } else {
        ask(session, question, limit, *answer, progress);
      }
    };
    try {
      confined(options, question.lake, work, [&] { progress.tell(context); });
    } catch (const SqlError& error) {
      if (answer) answer->fail(error.what());
      throw plugin::FinalError(error.what());
    } catch (const std::bad_alloc&) {
      const std::string why =
          "the query needs more memory than its process may have: the setting lake.memory "
          "(BATUTA_LAKE_MEMORY) gives it more";
      if (answer) answer->fail(why);
      throw plugin::FinalError(why);
    } catch (const plugin::RetryableError&) {
      if (outgrown != Outgrown::no)
        throw plugin::FinalError(outgrown_export(question.to, outgrown));
      if (context.cancelled() || std::chrono::steady_clock::now() <= deadline) throw;
      throw TooSlow("the query took longer than its time-out of " +
                    std::to_string(timeout / std::chrono::milliseconds(1)) +
                    " ms (parameter timeout; on the command line and the page the setting "
                    "lake.sql_timeout)");
    }
    return whole ? told : answer->finish();
  }
};

}  // namespace batuta::lake

BATUTA_PLUGIN(batuta::lake::LakeSql)
