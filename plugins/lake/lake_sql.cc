// lake_sql: reads the lake for people: one SELECT, or the first rows of a table. Read-only in every
// form: the statement is looked at by the engine's own parser, the engine is locked to the lake's
// folder, and the thread that runs it can, where the kernel has Landlock, read the lake and write
// its scratch folder and nothing else.
//
// Without a result_file the answer is the task's return value, at most 60 KiB:
//   {"columns":[…],"rows":[[…]…],"cut":bool,"cut_by":"rows"|"bytes"}
// With one it is a file of lines, at most 1 GiB, and the task returns
// {"rows","cut","cut_by","file"}:
//   {"columns":[…]}   then a line […] for each row, then   {"rows":n,"cut":bool,"cut_by":…}
//   or, at any place, {"error":"…"} as the last line: the engine's text with its lines.
// What lies beyond a limit is left out, `cut` is true and `cut_by` tells which.
#include <fcntl.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "common/safe_json.h"
#include "lakelog/path.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/cell_json.h"
#include "plugins/lake/confinement.h"
#include "plugins/lake/delta_table.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/pinned_versions.h"
#include "plugins/lake/sql_error.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::int64_t max_rows = 10'000'000;
constexpr std::size_t max_file_bytes = 1u << 30;
constexpr std::size_t max_return_bytes = 60u << 10;
constexpr std::size_t max_sql_bytes = 256u << 10;

// Takes rows until one of two limits.
class Answer {
 public:
  Answer(std::size_t rows, std::size_t bytes) : row_limit_(rows), byte_limit_(bytes) {}
  virtual ~Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;

  virtual void columns(const std::vector<std::string>& names) = 0;
  bool row(const std::vector<Cell>& row) {
    if (rows_ == row_limit_) return cut("rows");
    json cells = json::array();
    for (const Cell& cell : row) cells.push_back(to_json(cell));
    const std::string text = json_text(cells);
    bytes_ += text.size() + 1;
    if (bytes_ > byte_limit_) return cut("bytes");
    ++rows_;
    take(text);
    return true;
  }
  virtual void fail(const std::string&) {}
  // Ends it; what the task returns.
  virtual json finish() = 0;

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
  explicit ReturnedAnswer(std::size_t rows) : Answer(rows, max_return_bytes - 1024) {}
  void columns(const std::vector<std::string>& names) override { columns_ = names; }
  json finish() override {
    json out = summary();
    out["columns"] = columns_;
    out["rows"] = json::array();
    for (const std::string& row : rows_) out["rows"].push_back(*parse_untrusted(row));
    return out;
  }

 private:
  void take(const std::string& row_json) override { rows_.push_back(row_json); }
  std::vector<std::string> columns_;
  std::vector<std::string> rows_;
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
  json finish() override {
    json out = summary();
    line(json_text(out));
    if (std::fclose(std::exchange(file_, nullptr)) != 0)
      throw plugin::RetryableError("cannot write " + path_);
    out["file"] = path_;
    return out;
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
  if (path.empty()) return std::make_unique<ReturnedAnswer>(rows);
  if (!path.starts_with('/') || !lakelog::valid_data_path(path.substr(1)) ||
      path.starts_with(lake_folder(context) + "/"))
    throw plugin::FinalError("parameter result_file: must be a new file outside of the lake");
  return std::make_unique<FileAnswer>(path, rows);
}

struct Question {
  std::string lake;
  std::string operation;
  std::string sql;
  std::string table;
  TimeTravel travel;
  std::vector<std::pair<std::string, std::string>> control_tables;  // name, JSON
};

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
  if (question.operation == "head") {
    question.table = context.text("table");
    if (!lakelog::valid_table_name(question.table))
      throw plugin::FinalError("parameter table: not a table name");
  } else if (question.operation == "sql") {
    question.sql = context.text("sql");
    if (question.sql.size() > max_sql_bytes) throw plugin::FinalError("parameter sql: too long");
    question.control_tables = control_tables_of(context);
  } else {
    throw plugin::FinalError("parameter operation: sql or head");
  }
  return question;
}

void ask(Session& session, const Question& question, Answer& answer) {
  std::string sql = question.sql;
  if (question.operation == "head") {
    const auto table = open_travelled(session, question.lake, question.table, question.travel);
    if (!table.exists()) throw plugin::FinalError("there is no table " + question.table);
    create_view(session, "head_rows", table);
    sql = "SELECT * FROM head_rows";
  } else {
    std::vector<std::string> control_tables;
    for (const auto& [name, rows] : question.control_tables) control_tables.push_back(name);
    sql = quote_pinned_names(sql);
    const auto tables = check_outside_select(session, sql);
    if (question.travel.version != lakelog::latest_version && tables.size() > 1)
      throw plugin::FinalError(
          "one version for several tables: write it behind each name, as in silver.orders@v12");
    attach_tables(session, question.lake, tables, control_tables, question.travel);
    for (const auto& [name, rows] : question.control_tables) attach_rows(session, name, rows);
  }
  lock_down(session, question.lake);
  session.stream_select(
      sql, [&answer](const std::vector<std::string>& names) { answer.columns(names); },
      [&answer](std::vector<Cell>&& row) { return answer.row(row); });
}

// Runs `work` on a thread of its own that reaches the lake and the scratch folder only.
void confined(const SessionOptions& options, const std::string& lake,
              const std::function<void()>& work) {
  (void)load_duckdb(options.library);  // its file is out of reach afterwards
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      confine_thread(lake, options.scratch);
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

struct LakeSql {
  static constexpr auto name = "lake_sql";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Reads tables of the lake: one SELECT or a table's first rows";
  static constexpr batuta_param params[] = {
      plugin::optional(BATUTA_PARAM_STRING, "operation", "sql or head", "\"sql\""),
      plugin::optional(BATUTA_PARAM_STRING, "sql", "one SELECT over layer.table"),
      plugin::optional(BATUTA_PARAM_STRING, "table", "head: such as silver/financial/quotes"),
      plugin::optional(BATUTA_PARAM_INTEGER, "version", "an older version of the table"),
      plugin::optional(BATUTA_PARAM_STRING, "at", "the tables as they were at that time"),
      plugin::optional(BATUTA_PARAM_INTEGER, "limit", "rows at most", "1000"),
      plugin::optional(BATUTA_PARAM_STRING, "timeout", "of the query", "\"30s\""),
      plugin::optional(BATUTA_PARAM_OBJECT, "mngt",
                       "control tables: {name: {columns: [{name, type}], rows: [[…]]}}"),
      plugin::optional(BATUTA_PARAM_STRING, "result_file", "a new file outside of the lake")};

  void execute(plugin::Context& context) {
    const std::int64_t limit = context.integer("limit", 1000);
    if (limit < 1 || limit > max_rows)
      throw plugin::FinalError("parameter limit: 1 to " + std::to_string(max_rows));
    const Question question = question_of(context);
    const auto answer = make_answer(context, static_cast<std::size_t>(limit));
    const auto timeout = context.duration("timeout", std::chrono::seconds(30));
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    auto options = session_options(context);
    options.cancelled = [&context, deadline] {
      return context.cancelled() || std::chrono::steady_clock::now() > deadline;
    };
    try {
      confined(options, question.lake, [&] {
        Session session(options);
        ask(session, question, *answer);
      });
    } catch (const SqlError& error) {
      answer->fail(error.what());
      throw plugin::FinalError(error.what());
    } catch (const plugin::RetryableError&) {
      if (context.cancelled() || std::chrono::steady_clock::now() <= deadline) throw;
      throw plugin::FinalError("the query took longer than its time-out of " +
                               std::to_string(timeout / std::chrono::milliseconds(1)) +
                               " ms (parameter timeout; on the command line the setting "
                               "lake.sql_timeout)");
    }
    context.return_json(json_text(answer->finish()));
  }
};

}  // namespace batuta::lake

BATUTA_PLUGIN(batuta::lake::LakeSql)
