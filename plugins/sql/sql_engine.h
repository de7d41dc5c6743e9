// A database that the sql task talks to: PostgreSQL, SQLite, DuckDB over files.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/sql_text.h"
#include "plugins/sdk/plugin.h"

namespace batuta::plugin {

// A field of a row that its database wrote as text.
struct SqlText {
  std::optional<std::string_view> text;  // a flag is "true" or "false"; without one it is NULL
  bool is_json = false;                  // it is a document of JSON as it stands, no string
};

// Takes the rows of one statement, or none of them.
class SqlRows {
 public:
  virtual ~SqlRows() = default;
  // Both: false when no more rows are wanted, so that none need be made.
  virtual bool columns(std::vector<std::string> names) = 0;
  // Before them: the columns' types as the database says, by the lake engine's names
  // ("DECIMAL(10,2)"). Empty where it says none, or one that the engine has not.
  virtual void types(const std::vector<std::string>& types) { (void)types; }
  virtual bool row(std::vector<nlohmann::json> values) = 0;
  // A row of SqlEngine::extract(), where the database writes its rows as texts: as row(), without a
  // value in between. What is viewed lasts until it returns.
  virtual bool texts(std::span<const SqlText> fields);
};

// What became of a statement is not known: the connection was lost after it was sent, or nothing
// was heard for so long that it was given up. Not to be told as a failure where it may have
// committed.
struct NoAnswer : RetryableError {
  using RetryableError::RetryableError;
};

// Failures throw RetryableError or FinalError. Used from one thread.
class SqlEngine {
 public:
  virtual ~SqlEngine() = default;
  // False: nothing more can be said to it, and what was not committed is undone by that.
  virtual bool connected() const { return true; }
  // How a transaction begins that can change nothing, where its opening has not seen to that.
  virtual const char* begin_read_only() const { return "BEGIN"; }
  // How its statements write the n-th parameter.
  virtual std::string marker(std::size_t n, const nlohmann::json& value) const = 0;
  // Runs one statement; `values` are bound, never pasted. The number of rows it changed, or -1.
  virtual std::int64_t run(const SqlStatement& statement, const std::vector<nlohmann::json>& values,
                           SqlRows& rows) = 0;
  // All rows of one SELECT without parameters and semicolon, the quickest way that the database
  // has: PostgreSQL's by COPY … TO STDOUT, to SqlRows::texts().
  virtual void extract(const std::string& select, SqlRows& rows);
  // One COPY … FROM STDIN that takes `data`, which is in the format that it names; the number of
  // its rows. PostgreSQL's alone: FinalError elsewhere.
  virtual std::int64_t copy(const std::string& statement, const std::string& data);
};

// When a statement has to end, and who wants it to: asked by the engines while they wait.
struct SqlLimits {
  const Context& context;
  Duration timeout{};      // of a statement
  bool read_only = false;  // nothing may be changed; a time-out may be another time's luck
};
class SqlDeadline {
 public:
  explicit SqlDeadline(const SqlLimits& limits);
  void restart();     // for the next statement
  bool over() const;  // time is up, or the attempt is cancelled; any thread
  // Throws what over() was about.
  [[noreturn]] void fail() const;

 private:
  const SqlLimits* limits_;
  std::atomic<std::chrono::steady_clock::time_point> until_;  // DuckDB's watcher asks meanwhile
};

std::unique_ptr<SqlEngine> open_postgres(const Connection& connection, const SqlLimits& limits);
// An absolute path, in the connection's host.
std::unique_ptr<SqlEngine> open_sqlite(const Connection& connection, const SqlLimits& limits);
// Views over files, by name; `files_json`: {"orders": "/data/orders/*.parquet"}.
std::unique_ptr<SqlEngine> open_duckdb(const std::string& files_json, const SqlLimits& limits);

}  // namespace batuta::plugin
