#include <sqlite3.h>

#include <cctype>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/sql/sql_engine.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

constexpr int steps_between_looks = 1000;

class Sqlite : public SqlEngine {
 public:
  Sqlite(const std::string& path, const SqlLimits& limits) : limits_(limits) {
    const int flags = limits.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (sqlite3_open_v2(path.c_str(), &db_, flags, nullptr) != SQLITE_OK) {
      const int code = sqlite3_errcode(db_);
      const std::string why =
          "the SQLite database cannot be opened: " + std::string(sqlite3_errmsg(db_));
      sqlite3_close(db_);
      if (is_away(code)) throw RetryableError(why);
      throw FinalError(why);
    }
    sqlite3_exec(db_, "PRAGMA foreign_keys = ON", nullptr, nullptr, nullptr);
    sqlite3_busy_handler(
        db_, [](void* self, int) { return static_cast<Sqlite*>(self)->wait(); }, this);
  }
  ~Sqlite() override { sqlite3_close(db_); }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  std::string marker(std::size_t n, const json&) const override { return "?" + std::to_string(n); }

  std::int64_t run(const SqlStatement& statement, const std::vector<json>& values,
                   SqlRows& rows) override {
    const SqlDeadline deadline(limits_);
    deadline_ = &deadline;
    sqlite3_progress_handler(
        db_, steps_between_looks,
        [](void* at) { return static_cast<const SqlDeadline*>(at)->over() ? 1 : 0; },
        const_cast<SqlDeadline*>(&deadline));
    sqlite3_stmt* prepared = nullptr;
    const char* rest = nullptr;
    if (sqlite3_prepare_v2(db_, statement.text.c_str(), -1, &prepared, &rest) != SQLITE_OK) {
      fail(deadline);
    }
    const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> owned(prepared,
                                                                           sqlite3_finalize);
    for (std::size_t i = 0; i < values.size(); ++i)
      bind(prepared, static_cast<int>(i) + 1, values[i]);
    const int columns = sqlite3_column_count(prepared);
    bool more = false;
    if (columns > 0) {
      std::vector<std::string> names, types;
      for (int i = 0; i < columns; ++i) {
        names.emplace_back(sqlite3_column_name(prepared, i));
        types.push_back(declared(sqlite3_column_decltype(prepared, i)));
      }
      rows.types(types);
      more = rows.columns(std::move(names));
    }
    const int before = sqlite3_total_changes(db_);
    for (;;) {
      const int code = sqlite3_step(prepared);
      if (code == SQLITE_DONE) break;
      if (code != SQLITE_ROW) fail(deadline);
      if (!more) continue;  // to its end, for what it changes
      std::vector<json> row;
      for (int i = 0; i < columns; ++i) row.push_back(cell(prepared, i));
      more = rows.row(std::move(row));
    }
    sqlite3_progress_handler(db_, 0, nullptr, nullptr);
    return sqlite3_stmt_readonly(prepared) != 0 ? -1 : sqlite3_total_changes(db_) - before;
  }

 private:
  // For who only looks, a file that is not there yet is a server that is away: its writer or its
  // mount may come. A WAL database whose last writer is gone says so with the first statement.
  bool is_away(int code) const {
    return limits_.read_only && (code == SQLITE_CANTOPEN || code == SQLITE_IOERR);
  }

  int wait() const {
    if (deadline_->over()) return 0;
    return sqlite3_sleep(10) > 0 ? 1 : 0;
  }

  [[noreturn]] void fail(const SqlDeadline& deadline) const {
    if (deadline.over()) deadline.fail();
    const int code = sqlite3_errcode(db_);
    const std::string why = sqlite3_errmsg(db_);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED || code == SQLITE_IOERR ||
        code == SQLITE_FULL || is_away(code)) {
      throw RetryableError(why);
    }
    throw FinalError(why);
  }

  void bind(sqlite3_stmt* statement, int at, const json& value) const {
    int code = SQLITE_OK;
    if (value.is_null()) {
      code = sqlite3_bind_null(statement, at);
    } else if (value.is_boolean()) {
      code = sqlite3_bind_int(statement, at, value.get<bool>() ? 1 : 0);
    } else if (const auto whole = json_int(value)) {
      code = sqlite3_bind_int64(statement, at, *whole);
    } else if (value.is_number()) {
      code = sqlite3_bind_double(statement, at, value.get<double>());
    } else {
      const std::string text = value.is_string() ? value.get<std::string>() : json_text(value);
      code = sqlite3_bind_text64(statement, at, text.data(), text.size(), SQLITE_TRANSIENT,
                                 SQLITE_UTF8);
    }
    if (code != SQLITE_OK) throw FinalError(sqlite3_errmsg(db_));
  }

  // By the engine's rules of affinity, of those that change what is stored: a column may still hold
  // a value of another type. Dates, decimals and booleans are what somebody calls them.
  static std::string declared(const char* type) {
    std::string name = type == nullptr ? "" : type;
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const auto says = [&](const char* word) { return name.find(word) != std::string::npos; };
    if (says("INT")) return "BIGINT";
    if (says("CHAR") || says("CLOB") || says("TEXT") || says("BLOB")) return {};
    return says("REAL") || says("FLOA") || says("DOUB") ? "DOUBLE" : "";
  }

  static json cell(sqlite3_stmt* statement, int i) {
    switch (sqlite3_column_type(statement, i)) {
      case SQLITE_NULL:
        return nullptr;
      case SQLITE_INTEGER:
        return sqlite3_column_int64(statement, i);
      case SQLITE_FLOAT:
        return sqlite3_column_double(statement, i);
      case SQLITE_BLOB:
        throw FinalError(std::string("column ") + sqlite3_column_name(statement, i) +
                         " holds bytes, which no result can: select hex() of it");
      default:
        return std::string(reinterpret_cast<const char*>(sqlite3_column_text(statement, i)),
                           static_cast<std::size_t>(sqlite3_column_bytes(statement, i)));
    }
  }

  const SqlLimits& limits_;
  const SqlDeadline* deadline_ = nullptr;
  sqlite3* db_ = nullptr;
};

}  // namespace

std::unique_ptr<SqlEngine> open_sqlite(const Connection& connection, const SqlLimits& limits) {
  if (!connection.host.starts_with('/')) {
    throw FinalError(
        "an SQLite connection's host is the absolute path of its file on the worker's machine");
  }
  return std::make_unique<Sqlite>(connection.host, limits);
}

}  // namespace batuta::plugin
