// The only users of SQLite's C API: a connection, a prepared statement, a transaction.
//
// Integers are bound and read as int64 only; times are microseconds since 1970 UTC, UUIDs are 16
// bytes. Every failure is a StoreError, except a violated constraint: the caller promised that it
// cannot happen, so it is a CHECK. One connection is used by one thread at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>

#include "common/ids.h"
#include "common/time.h"
#include "common/uuid.h"
#include "scheduler/store/store.h"

struct sqlite3;
struct sqlite3_stmt;

namespace batuta {

// 3.51.3 fixed the WAL-reset bug (a checkpoint racing a commit corrupts the file).
inline constexpr int least_sqlite_version = 3'051'003;

// Bytes for a BLOB column; text is bound as std::string_view.
struct Blob {
  std::string_view bytes;
};

// The largest number an enum may have in a row; specialised in codes.h for every stored enum.
template <class E>
inline constexpr std::int64_t enum_max = -1;

class Statement;

// The rows of one query under way. Ends the query when it goes.
class Rows {
 public:
  explicit Rows(Statement& statement) : statement_(&statement) {}
  Rows(Rows&& other) noexcept : statement_(other.statement_), column_(other.column_) {
    other.statement_ = nullptr;
  }
  Rows& operator=(Rows&&) = delete;
  ~Rows();

  // Moves to the next row and its first column; false after the last.
  bool next();

  // Takes the next columns, in order. A value that does not fit is a damaged file: StoreError.
  template <class... T>
  void read(T&... out) {
    (take(out), ...);
  }

 private:
  void take(std::int64_t& out);
  void take(std::int32_t& out);
  void take(std::uint32_t& out);
  void take(bool& out);
  void take(std::string& out);  // text or blob
  void take(Time& out);
  void take(Uuid& out);
  void take(RunSeq& out);
  void take(MapIndex& out);
  template <class E>
  requires std::is_enum_v<E>
  void take(E& out) {
    static_assert(enum_max<E> >= 0, "specialise enum_max in codes.h");
    out = static_cast<E>(take_code(enum_max<E>));
  }
  template <class T>
  void take(std::optional<T>& out) {
    if (take_null()) {
      out.reset();
    } else {
      take(out.emplace());
    }
  }
  std::int64_t take_code(std::int64_t max);
  bool take_null();  // true and one column further when the next column is NULL

  Statement* statement_;
  int column_ = 0;
};

// A prepared statement, move-only.
class Statement {
 public:
  Statement(sqlite3* db, std::string_view sql);
  ~Statement();
  Statement(Statement&& other) noexcept : db_(other.db_), handle_(other.handle_) {
    other.handle_ = nullptr;
  }
  Statement& operator=(Statement&&) = delete;

  // Binds all parameters in order (their count is CHECKed). The statement, texts and blobs must
  // live until the rows are read.
  template <class... T>
  Rows query(const T&... values) & {
    bind_all(values...);
    return Rows(*this);
  }
  // Runs a statement without rows to its end; the number of rows it changed.
  template <class... T>
  std::int64_t run(const T&... values) {
    bind_all(values...);
    return finish();
  }
  // For statements built at run time: bind one by one from 1, then query() without arguments.
  template <class T>
  void bind_at(int index, const T& value) {
    bind(index, value);
  }
  Rows bound_query() & { return Rows(*this); }

 private:
  friend class Rows;
  template <class... T>
  void bind_all(const T&... values) {
    expect_parameters(sizeof...(values));
    int index = 0;
    (bind(++index, values), ...);
  }
  void expect_parameters(std::size_t count);
  void bind(int index, std::int64_t value);
  void bind(int index, std::string_view value);
  void bind(int index, const std::string& value) { bind(index, std::string_view(value)); }
  void bind(int index, const char* value) { bind(index, std::string_view(value)); }
  void bind(int index, Blob value);
  void bind(int index, std::nullptr_t);
  void bind(int index, const Uuid& value);
  void bind(int index, Time value) { bind(index, value.time_since_epoch().count()); }
  template <class T>
  void bind(int index, const std::optional<T>& value) {
    value ? bind(index, *value) : bind(index, nullptr);
  }
  template <class T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, std::int64_t>) void bind(int index,
                                                                                T value) {
    static_assert(sizeof(T) < sizeof(std::int64_t) || std::is_signed_v<T>, "would narrow");
    bind(index, static_cast<std::int64_t>(value));
  }
  template <class E>
  requires std::is_enum_v<E>
  void bind(int index, E value) { bind(index, static_cast<std::int64_t>(value)); }
  void bind(int index, double value) = delete;

  bool step();  // true: a row is there; false: done, and the statement is reset
  std::int64_t finish();
  void reset();

  sqlite3* db_;
  sqlite3_stmt* handle_ = nullptr;
};

// Which file a name leads to.
struct FileMark {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileMark&) const = default;
};

class Database {
 public:
  enum class Mode { read_write, read_only };

  // Opens and sets what is safe to set on a file that may yet be refused: nothing is written.
  // read_write creates a missing file with mode 0600. StoreError when it cannot be opened, is not a
  // database, or the SQLite linked in is older than least_sqlite_version.
  Database(const std::string& path, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // The writer's settings: WAL, synchronous=FULL, checkpoints by hand, bounded waits.
  void set_up_writer();

  // A cached statement. `sql` must be a string constant: the cache goes by its address.
  Statement& statement(const char* sql);
  // A statement built at run time, not cached.
  Statement prepare(std::string_view sql) { return Statement(db_, sql); }
  // Several statements at once, none with parameters or rows: migrations, pragmas.
  void execute(const std::string& sql);

  // Asked inside every transaction that begins from now on; a StoreError of it ends that one.
  void set_guard(std::function<void()> guard) { guard_ = std::move(guard); }
  void ask_guard() const {
    if (guard_) guard_();
  }

  // From now on a commit after which the file or its log is no longer where it was throws: what it
  // wrote is where nobody would find it. `rescue` is asked first, once; what it says ends the
  // message. Call it after a first commit, for that makes the log.
  void watch_file(std::function<std::string(Database&)> rescue);
  // As after a commit.
  void expect_file();

  // Ends a transaction, if one is open, without effect. Never throws: what cannot be rolled back
  // now has no commit record and is gone at the next look.
  void roll_back() noexcept;

  // Bytes in the write-ahead log that the last commits left to be checkpointed.
  std::int64_t wal_bytes() const { return wal_bytes_; }
  // Writes the whole file anew, so that room in it can be given back from then on. Needs the room
  // of two more such files beside it for a while. Call it before there are other threads.
  void rebuild();
  // Copies the log into the file: `truncate` also empties the log. Never waits for readers: false
  // when some of it must stay. StoreError as for a commit.
  bool checkpoint(bool truncate);

  // From now to the next call, statements that are still running at `deadline` end with a
  // StoreError (full). Readers only.
  void set_deadline(std::optional<std::chrono::steady_clock::time_point> deadline);
  // The same for those that are running when `stop` says true.
  void set_stop(std::function<bool()> stop);

  const std::string& path() const { return path_; }
  sqlite3* handle() const { return db_; }

 private:
  static int on_wal(void* self, sqlite3* db, const char* name, int pages);
  static int on_progress(void* self);

  std::string path_;
  sqlite3* db_ = nullptr;
  std::int64_t page_size_ = 4096;
  std::int64_t wal_bytes_ = 0;
  std::function<bool()> stop_;
  std::optional<FileMark> file_, log_;  // of the watched file; none: not watched
  std::function<std::string(Database&)> rescue_;
  std::function<void()> guard_;
  std::unordered_map<const char*, Statement> statements_;
};

// BEGIN IMMEDIATE, if the connection's guard lets it; rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& db);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Durable on return. On StoreError nothing is changed, except after a failed fsync (not full),
  // whose outcome nobody knows: the process must end and look.
  void commit();

 private:
  Database& db_;
  bool open_ = true;
};

// Reads that belong together: what others commit meanwhile is not seen. No writing inside.
class Snapshot {
 public:
  explicit Snapshot(Database& db);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

 private:
  Database& db_;
};

// The failure of the last call on `db` as the exception above, or a CHECK for a constraint.
[[noreturn]] void throw_sqlite_error(sqlite3* db, int code, std::string_view doing);

}  // namespace batuta
