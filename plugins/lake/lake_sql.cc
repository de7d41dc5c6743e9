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
// With one it is a file of lines, at most 1 GiB, and the task returns
// {"rows","cut","cut_by","file"}:
//   {"columns":[…]}   then a line […] for each row, then   {"rows":n,"cut":bool,"cut_by":…}
//   or, at any place, {"error":"…"} as the last line: the engine's text with its lines.
// Of each table `masked` names the columns that are shown masked, `unmasked` those that are not
// because whoever asks has the right.
// What lies beyond a limit is left out, `cut` is true and `cut_by` tells which.
#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "common/safe_json.h"
#include "lakelog/path.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/cell_json.h"
#include "plugins/lake/column_query.h"
#include "plugins/lake/confinement.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/must.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/pinned_versions.h"
#include "plugins/lake/sql_error.h"
#include "plugins/lake/sql_position.h"
#include "plugins/lake/table_export.h"
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

json read_json(const ReadTable& one) {
  json told{{"table", one.name}, {"version", one.version}};
  if (!one.masked.empty()) told["masked"] = one.masked;
  if (!one.bare.empty()) told["unmasked"] = one.bare;
  return told;
}

// Takes rows until one of two limits.
class Answer {
 public:
  Answer(std::size_t rows, std::size_t bytes) : row_limit_(rows), byte_limit_(bytes) {}
  virtual ~Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  virtual void columns(const std::vector<std::string>& names) = 0;
  virtual void tables(const std::vector<ReadTable>&) {}
  // Bytes of the next row, at most.
  std::size_t room() const { return byte_limit_ - bytes_; }
  // It was larger than that, and nobody has copied it.
  void too_large() { cut(rows_ == row_limit_ ? "rows" : "bytes"); }
  bool row(const std::vector<Cell>& row) {
    if (rows_ == row_limit_) return cut("rows");
    json cells = json::array();
    for (const Cell& cell : row) cells.push_back(to_json(cell));
    const std::string text = json_text(cells);
    if (text.size() + 1 > room()) return cut("bytes");
    bytes_ += text.size() + 1;
    ++rows_;
    take(text);
    return true;
  }
  virtual void fail(const std::string&) {}
  // Ends it; what the task returns, as JSON.
  virtual std::string finish() = 0;

 protected:
  virtual void take(const std::string& row_json) = 0;
  json summary() const {
    json out = {{"rows", rows_}, {"cut", cut_ != nullptr}};
    if (cut_ != nullptr) out["cut_by"] = cut_;
    return out;
  }

 private:
  bool cut(const char* by) {
    cut_ = by;
    return false;
  }
  const std::size_t row_limit_, byte_limit_;
  std::size_t rows_ = 0, bytes_ = 0;
  const char* cut_ = nullptr;
};

class ReturnedAnswer : public Answer {
 public:
  ReturnedAnswer(std::size_t rows, std::size_t bytes) : Answer(rows, bytes) {}
  void columns(const std::vector<std::string>& names) override { columns_ = names; }
  void tables(const std::vector<ReadTable>& read) override { tables_ = read; }
  std::string finish() override {
    json out = summary();
    out["columns"] = columns_;
    out["tables"] = json::array();
    for (const ReadTable& one : tables_) out["tables"].push_back(read_json(one));
    // The rows are JSON already, and the most of it: they go in as they are.
    out.erase("rows");
    std::string text = json_text(out);
    text.back() = ',';
    text += "\"rows\":[" + std::exchange(rows_, {}) + "]}";
    return text;
  }

 private:
  void take(const std::string& row_json) override {
    if (!rows_.empty()) rows_ += ',';
    rows_ += row_json;
  }
  std::vector<std::string> columns_;
  std::string rows_;  // with commas between them
  std::vector<ReadTable> tables_;
};

class FileAnswer : public Answer {
 public:
  // Opened before the thread is confined, and made anew: nothing can be overwritten.
  FileAnswer(std::string path, std::size_t rows)
      : Answer(rows, max_file_bytes), path_(std::move(path)) {
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    file_ = fd < 0 ? nullptr : ::fdopen(fd, "w");
    if (file_ == nullptr) throw plugin::FinalError("parameter result_file: cannot create " + path_);
  }
  ~FileAnswer() override {
    if (file_ != nullptr) std::fclose(file_);
  }
  void columns(const std::vector<std::string>& names) override {
    line(json_text({{"columns", names}}));
  }
  void fail(const std::string& why) override { line(json_text({{"error", why}})); }
  std::string finish() override {
    json out = summary();
    line(json_text(out));
    if (std::fclose(std::exchange(file_, nullptr)) != 0)
      throw plugin::RetryableError("cannot write " + path_);
    out["file"] = path_;
    return json_text(out);
  }

 private:
  void take(const std::string& row_json) override { line(row_json); }
  void line(const std::string& text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() ||
        std::fputc('\n', file_) == EOF)
      throw plugin::RetryableError("cannot write " + path_);
  }
  std::string path_;
  std::FILE* file_ = nullptr;
};

// A new file outside of the lake.
std::unique_ptr<Answer> make_answer(const plugin::Context& context, std::size_t rows) {
  const std::string path = context.text("result_file", "");
  const std::int64_t bytes = context.integer("bytes", max_return_bytes);
  if (bytes < 1024 || bytes > most_return_bytes)
    throw plugin::FinalError("parameter bytes: 1024 to " + std::to_string(most_return_bytes));
  if (path.empty())
    return std::make_unique<ReturnedAnswer>(rows, static_cast<std::size_t>(bytes) - 1024);
  if (!path.starts_with('/') || !lakelog::valid_data_path(path.substr(1)) ||
      path.starts_with(context.lake() + "/"))
    throw plugin::FinalError("parameter result_file: must be a new file outside of the lake");
  return std::make_unique<FileAnswer>(path, rows);
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
};

// A new folder of its own: what is written is confined to it.
ExportOptions export_of(const plugin::Context& context) {
  ExportOptions to;
  to.folder = context.text("result_folder");
  to.format = context.text("format", "parquet");
  to.partition_by = context.texts("partition_by");
  to.most_bytes = context.integer("most_bytes", usual_export_bytes);
  (void)export_name(to);
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

Question question_of(const plugin::Context& context) {
  Question question;
  question.lake = lake_folder(context);
  question.operation = context.text("operation", "sql");
  question.travel = travel_of(context);
  if (context.has("masks")) question.masks = read_masks_of(context.json("masks"));
  const bool by_columns = question.operation == "rows" || question.operation == "export";
  if (by_columns || question.operation == "head") {
    question.table = context.text("table");
    if (!lakelog::valid_table_name(question.table))
      throw plugin::FinalError("parameter table: " + lakelog::no_table_name(question.table));
  } else if (question.operation == "sql") {
    question.sql = context.text("sql");
    if (question.sql.size() > max_sql_bytes) throw plugin::FinalError("parameter sql: too long");
    question.control_tables = control_tables_of(context);
    if (context.has("readable")) {
      const auto layers = context.texts("readable");
      question.readable.emplace(layers.begin(), layers.end());
    }
  } else {
    throw plugin::FinalError("parameter operation: sql, head, rows or export");
  }
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
std::string write_export(Session& session, const Question& question) {
  const OneTable one = open_one(session, question);
  ExportOptions to = question.to;
  if (question.by_partitions && to.partition_by.empty()) {
    to.partition_by = one.table.snapshot().metadata.partition_columns;
    if (to.partition_by.empty())
      throw plugin::FinalError("partition_by: " + question.table +
                               " has no partitions of its own: name the columns");
  }
  lock_down(session, question.lake.folder(), to.folder);
  const auto select = bound_select(session, one.view, one.columns, question.chosen);
  const Exported out = export_rows(session, select, to);
  return json_text({{"rows", out.rows},
                    {"bytes", out.bytes},
                    {"file", out.file},
                    {"columns", select.columns},
                    {"tables", json::array({read_json(one.told)})}});
}

void ask(Session& session, const Question& question, std::int64_t limit, Answer& answer) {
  std::string sql = question.sql;
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
    std::vector<std::string> control_tables;
    for (const auto& [name, rows] : question.control_tables) control_tables.push_back(name);
    sql = quote_pinned_names(sql);
    const auto tables = check_outside_select(session, sql);
    if (question.travel.version != lakelog::latest_version && tables.size() > 1)
      throw plugin::FinalError(
          "one version for several tables: write it behind each name, as in silver.orders@v12");
    answer.tables(attach_tables(session, question.lake, tables, control_tables, question.travel,
                                question.readable, question.masks));
    for (const auto& [name, rows] : question.control_tables) attach_rows(session, name, rows);
  }
  lock_down(session, question.lake.folder());
  const bool all_fit = session.stream_select(
      sql, [&answer](const std::vector<std::string>& names) { answer.columns(names); },
      [&answer](std::vector<Cell>&& row) { return answer.row(row); },
      [&answer] { return answer.room(); }, params);
  if (!all_fit) answer.too_large();
}

// Runs `work` on a thread of its own that reaches the lake and the scratch folder only.
void confined(const SessionOptions& options, const Lake& lake, const std::function<void()>& work) {
  (void)load_duckdb(options.library);  // its file is out of reach afterwards
  // And so is the store, for all but a thread that only answers for its objects.
  (void)must(lake.ask_elsewhere());
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      confine_thread(lake.folder(), options.scratch);
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
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
      plugin::optional(BATUTA_PARAM_STRING, "operation", "sql, head, rows or export", "\"sql\""),
      plugin::optional(BATUTA_PARAM_STRING, "sql", "one SELECT over layer.table"),
      plugin::optional(BATUTA_PARAM_STRING, "table", "such as silver/financial/quotes; not sql"),
      plugin::optional(BATUTA_PARAM_ARRAY, "columns", "rows, export: these only"),
      plugin::optional(BATUTA_PARAM_ARRAY, "where", "rows, export: such as amount >= 10"),
      plugin::optional(BATUTA_PARAM_ARRAY, "order_by", "rows, export: columns, -day falling"),
      plugin::optional(BATUTA_PARAM_INTEGER, "offset", "rows: from there on", "0"),
      plugin::optional(BATUTA_PARAM_STRING, "format", "export: parquet, csv, jsonl", "\"parquet\""),
      plugin::optional(BATUTA_PARAM_STRING, "result_folder", "export: an empty folder"),
      plugin::optional(BATUTA_PARAM_ARRAY, "partition_by", "export: folders of these columns"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "by_partitions",
                       "export: folders of the table's own partitions", "false"),
      plugin::optional(BATUTA_PARAM_INTEGER, "most_bytes", "export: of the file", "1073741824"),
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
    const std::int64_t limit = context.integer("limit", 1000);
    if (limit < 1 || limit > max_rows)
      throw plugin::FinalError("parameter limit: 1 to " + std::to_string(max_rows));
    const bool exports = question.operation == "export";
    const auto answer = exports ? nullptr : make_answer(context, static_cast<std::size_t>(limit));
    const auto timeout = context.duration("timeout", std::chrono::seconds(30));
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    auto options = session_options(context);
    std::atomic<bool> outgrown = false;
    if (exports) {
      options.scratch = question.to.folder;
      options.threads = 1;
    }
    options.cancelled = [&context, &question, &outgrown, deadline, exports] {
      if (exports && export_outgrows(question.to)) outgrown = true;
      return outgrown || context.cancelled() || std::chrono::steady_clock::now() > deadline;
    };
    std::string exported;
    try {
      confined(options, question.lake, [&] {
        Session session(options);
        if (exports) {
          exported = write_export(session, question);
        } else {
          ask(session, question, limit, *answer);
        }
      });
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
      if (outgrown) throw plugin::FinalError(too_large_export(question.to.most_bytes));
      if (context.cancelled() || std::chrono::steady_clock::now() <= deadline) throw;
      throw TooSlow("the query took longer than its time-out of " +
                    std::to_string(timeout / std::chrono::milliseconds(1)) +
                    " ms (parameter timeout; on the command line and the page the setting "
                    "lake.sql_timeout)");
    }
    return exports ? exported : answer->finish();
  }
};

}  // namespace batuta::lake

BATUTA_PLUGIN(batuta::lake::LakeSql)
