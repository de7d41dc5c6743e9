// One in-memory DuckDB for one attempt: no file of its own, no extension loading, UTC, and every
// value bound as a parameter, never pasted into SQL.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/time.h"
#include "plugins/lake/cell.h"

namespace batuta::lake {

struct SessionOptions {
  std::string library;  // path of libduckdb.so
  std::string scratch;  // folder for spilling, the attempt's own
  int threads = 1;
  // Of the engine; what does not fit is spilled to `scratch`. The process takes about 200 MiB more.
  std::int64_t memory_bytes = 640 << 20;
  std::function<bool()> cancelled;  // polled from a helper thread; true interrupts the query
  // Told from that thread as often how much of the running statement is done, 0 to 1, as far as the
  // engine knows; the next statement begins anew. Only where `cancelled` is polled. Empty: nobody
  // asks the engine, which then need not count.
  std::function<void(double share)> progress{};
  // Takes the closing of an engine that ran briefly, to be called with the pointer on this thread
  // when nobody waits any more: what it takes down lets go of nothing that others see. Empty: the
  // session closes it itself, as it does one that has run long or has files in `scratch`.
  std::function<void(void (*)(void*), void*)> later{};
};

using Param =
    std::variant<std::monostate, bool, std::int64_t, std::string, Time, std::vector<std::string>>;

struct Table {
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;
  bool cut = false;  // more rows than asked for were there
};

using ColumnSink = std::function<void(const std::vector<std::string>&)>;
using RowSink = std::function<bool(std::vector<Cell>&&)>;
using RoomSource = std::function<std::size_t()>;

// Used from one thread. Failures throw: plugin::RetryableError("cancelled") after an interrupt,
// else SqlError with DuckDB's text; where memory ran out it names the setting.
class Session {
 public:
  explicit Session(const SessionOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // A second session over the same engine, for another thread: it has this one's memory and shares
  // its threads, which stay as they are, and sees none of its temporary relations, macros and
  // variables. `stop` ends its statements as the attempt's cancelling does, and is asked from
  // another thread.
  std::unique_ptr<Session> beside(std::function<bool()> stop) const;

  // Runs one statement to its end; rows are dropped.
  void run(const std::string& sql, const std::vector<Param>& params = {});
  // Reads at most `max_rows` rows; the rest is not computed where DuckDB can stop early.
  Table query(const std::string& sql, const std::vector<Param>& params = {},
              std::size_t max_rows = 1'000'000);
  // Gives each row until `row` returns false; nothing is kept.
  void stream(const std::string& sql, const std::vector<Param>& params, const RowSink& row);
  // For SQL that check_outside_select() has looked at: anything but a SELECT is refused unexecuted.
  // `columns` is called once, then `row` for each row until it returns false. Nothing is kept.
  // `room` is asked before each row: one that is more bytes as JSON for certain is not copied, and
  // ends the stream with false.
  bool stream_select(const std::string& sql, const ColumnSink& columns, const RowSink& row,
                     const RoomSource& room, const std::vector<Param>& params = {});
  // How the engine runs such a SELECT, as its JSON has it; with `analyze` after having run it to
  // its end, its rows dropped.
  std::string explain(const std::string& sql, bool analyze);
  // Only what preparing says: throws SqlError for a statement that is wrong. Runs nothing.
  void check(const std::string& sql);
  // The single cell of a single row.
  Cell value(const std::string& sql, const std::vector<Param>& params = {});

  // Registers the pure text functions of plugins/lake/text_functions.h.
  void register_text_functions();
  // What its views need stays as long as the session; null is nothing. Each is kept once.
  void keep(std::shared_ptr<const void> needed);
  // Ends a running statement from any thread.
  void interrupt();

  const DuckdbApi& api() const;
  duckdb_connection connection() const;
  std::int64_t memory_bytes() const;
  int threads() const;

 private:
  class Statement;
  struct Database;
  struct Handles;
  explicit Session(std::unique_ptr<Handles> handles);
  void connect();
  std::unique_ptr<Handles> handles_;
};

// The texts of the first column.
std::vector<std::string> first_column(const Table& table);

// 'text' as an SQL literal: only where SQL takes no parameter, such as SET.
std::string quoted_literal(std::string_view text);
// The path as the engine's readers take it: they read every path as a pattern, and this one matches
// that file only. Throws SqlError for a path that no pattern can spell: one that holds a backslash
// beside * ? or [.
std::string exact_path(const std::string& path);
// "name" as an SQL identifier, quotes included. For names from our own schemas and the log.
std::string quoted_name(std::string_view name);

}  // namespace batuta::lake
