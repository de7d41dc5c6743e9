#include "scheduler/store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

namespace batuta {
namespace {

// One process writes and readers never block it, so a wait means that somebody else opened the
// file.
constexpr int busy_wait_ms = 250;
constexpr int progress_steps = 4'000;  // virtual machine steps between two looks at the deadline

bool out_of_space(sqlite3* db, int code) {
  // A failed fsync is never "full": what reached the disk is unknown.
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) return false;
  // SQLite extends the shared-memory file only; it keeps no errno for that.
  if (code == SQLITE_IOERR_SHMSIZE) return true;
  const int primary = code & 0xff;
  if (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN) return false;
  const int error = sqlite3_system_errno(db);
  return error == ENOSPC || error == EDQUOT;
}

[[noreturn]] void throw_damaged(const char* what) {
  throw StoreError(
      std::string("the database holds ") + what + " where there cannot be one; restore a backup",
      false, StoreFault::damaged);
}

// Asks for no time of change: a file whose times somebody has looked at gets a new one with the
// next write, and the fdatasync after it must wait for the inode as well (Linux 6.13 and later).
std::optional<FileMark> mark_of(const std::string& path) {
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO, &found) != 0) return std::nullopt;
  return FileMark{::makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino};
}

// A new database and its log belong to the owner alone, whatever the umask.
void create_private(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    const int error = errno;
    throw StoreError("cannot open " + path + ": " + std::strerror(error),
                     error == ENOSPC || error == EDQUOT);
  }
  ::close(fd);
}

}  // namespace

void throw_sqlite_error(sqlite3* db, int code, std::string_view doing) {
  code = db != nullptr ? sqlite3_extended_errcode(db) : code;
  const int primary = code & 0xff;
  const std::string text = std::string(doing) + ": " +
                           (db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code)) +
                           " (SQLite code " + std::to_string(code) + ")";
  BATUTA_CHECK(primary != SQLITE_CONSTRAINT, text);
  BATUTA_CHECK(primary != SQLITE_MISUSE, text);
  if (primary == SQLITE_INTERRUPT) {
    throw StoreError("the query took too long; ask for less", true, StoreFault::too_slow);
  }
  const bool full = primary == SQLITE_FULL || primary == SQLITE_BUSY || primary == SQLITE_LOCKED ||
                    out_of_space(db, code);
  const bool damaged = primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB;
  throw StoreError(text, full, damaged ? StoreFault::damaged : StoreFault::other);
}

// ---- rows -------------------------------------------------------------------------------------

Rows::~Rows() {
  if (statement_ != nullptr) statement_->reset();
}

bool Rows::next() {
  column_ = 0;
  return statement_->step();
}

void Rows::take(std::int64_t& out) {
  out = sqlite3_column_int64(statement_->handle_, column_++);
}

void Rows::take(std::int32_t& out) {
  std::int64_t wide = 0;
  take(wide);
  if (wide < std::numeric_limits<std::int32_t>::min() ||
      wide > std::numeric_limits<std::int32_t>::max()) {
    throw_damaged("a number over 32 bits");
  }
  out = static_cast<std::int32_t>(wide);
}

void Rows::take(std::uint32_t& out) {
  std::int64_t wide = 0;
  take(wide);
  if (wide < 0 || wide > std::numeric_limits<std::uint32_t>::max()) {
    throw_damaged("a number over 32 bits");
  }
  out = static_cast<std::uint32_t>(wide);
}

void Rows::take(bool& out) {
  out = take_code(1) != 0;
}

void Rows::take(std::string& out) {
  // For text this gives its UTF-8 bytes, embedded zeros included.
  const void* bytes = sqlite3_column_blob(statement_->handle_, column_);
  const int size = sqlite3_column_bytes(statement_->handle_, column_);
  ++column_;
  out.assign(size == 0 ? "" : static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

void Rows::take(Time& out) {
  std::int64_t us = 0;
  take(us);
  out = Time(Duration(us));
}

void Rows::take(Uuid& out) {
  const void* bytes = sqlite3_column_blob(statement_->handle_, column_);
  if (sqlite3_column_bytes(statement_->handle_, column_) != static_cast<int>(out.bytes.size())) {
    throw_damaged("a UUID of another size");
  }
  ++column_;
  std::memcpy(out.bytes.data(), bytes, out.bytes.size());
}

void Rows::take(MapIndex& out) {
  std::int32_t value = 0;
  take(value);
  out = MapIndex{value};
}

void Rows::take(RunSeq& out) {
  std::int64_t value = 0;
  take(value);
  out = RunSeq{value};
}

std::int64_t Rows::take_code(std::int64_t max) {
  std::int64_t value = 0;
  take(value);
  if (value < 0 || value > max) throw_damaged("an unknown code");
  return value;
}

bool Rows::take_null() {
  if (sqlite3_column_type(statement_->handle_, column_) != SQLITE_NULL) return false;
  ++column_;
  return true;
}

// ---- statements -------------------------------------------------------------------------------

Statement::Statement(sqlite3* db, std::string_view sql) : db_(db) {
  const int rc = sqlite3_prepare_v3(db, sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
  if (rc != SQLITE_OK) throw_sqlite_error(db, rc, sql);
  BATUTA_CHECK(handle_ != nullptr, "an empty SQL statement");
}

Statement::~Statement() {
  sqlite3_finalize(handle_);
}

void Statement::expect_parameters(std::size_t count) {
  BATUTA_CHECK(sqlite3_bind_parameter_count(handle_) == static_cast<int>(count),
               sqlite3_sql(handle_));
}

void Statement::bind(int index, std::int64_t value) {
  if (const int rc = sqlite3_bind_int64(handle_, index, value); rc != SQLITE_OK) {
    throw_sqlite_error(db_, rc, sqlite3_sql(handle_));
  }
}

void Statement::bind(int index, std::string_view value) {
  const char* data = value.data() != nullptr ? value.data() : "";
  const int rc =
      sqlite3_bind_text64(handle_, index, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
  if (rc != SQLITE_OK) throw_sqlite_error(db_, rc, sqlite3_sql(handle_));
}

void Statement::bind(int index, Blob value) {
  const char* data = value.bytes.data() != nullptr ? value.bytes.data() : "";
  const int rc = sqlite3_bind_blob64(handle_, index, data, value.bytes.size(), SQLITE_STATIC);
  if (rc != SQLITE_OK) throw_sqlite_error(db_, rc, sqlite3_sql(handle_));
}

void Statement::bind(int index, std::nullptr_t) {
  if (const int rc = sqlite3_bind_null(handle_, index); rc != SQLITE_OK) {
    throw_sqlite_error(db_, rc, sqlite3_sql(handle_));
  }
}

void Statement::bind(int index, const Uuid& value) {
  bind(index, Blob{{reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()}});
}

bool Statement::step() {
  const int rc = sqlite3_step(handle_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) {
    sqlite3_reset(handle_);
    return false;
  }
  // sql() is a constant of ours, without values: nothing secret gets into the message.
  const std::string doing = sqlite3_sql(handle_);
  try {
    throw_sqlite_error(db_, rc, doing);
  } catch (...) {
    sqlite3_reset(handle_);
    throw;
  }
}

std::int64_t Statement::finish() {
  while (step()) {
  }
  return sqlite3_changes64(db_);
}

void Statement::reset() {
  sqlite3_reset(handle_);
}

// ---- connection -------------------------------------------------------------------------------

Database::Database(const std::string& path, Mode mode) : path_(path) {
  if (sqlite3_libversion_number() < least_sqlite_version) {
    throw StoreError(std::string("SQLite ") + sqlite3_libversion() +
                         " can damage a database in WAL mode; 3.51.3 or newer is needed",
                     false);
  }
  if (mode == Mode::read_write) create_private(path);
  const int flags = (mode == Mode::read_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int rc = sqlite3_open_v2(path.c_str(), &db_, flags, nullptr);
  try {
    if (rc != SQLITE_OK) throw_sqlite_error(db_, rc, "cannot open " + path);
    sqlite3_busy_timeout(db_, busy_wait_ms);
    // A file that is refused must stay as it is: not even its log is copied in when we close it.
    sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    execute(
        "PRAGMA mmap_size = 0; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; "
        "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY");
    if (mode == Mode::read_only) execute("PRAGMA query_only = ON");
  } catch (...) {
    sqlite3_close(db_);
    throw;
  }
}

Database::~Database() {
  statements_.clear();
  const int rc = sqlite3_close(db_);
  BATUTA_CHECK(rc == SQLITE_OK, "a statement outlived its connection");
}

void Database::set_up_writer() {
  // auto_vacuum is for a file that has no tables yet; on any other it changes nothing.
  execute(
      "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
      "PRAGMA wal_autocheckpoint = 0; "
      "PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -4096");
  Rows mode = statement("PRAGMA journal_mode").query();
  std::string text;
  if (mode.next()) mode.read(text);
  if (text != "wal") {
    throw StoreError(
        "cannot switch " + path_ + " to write-ahead logging; is it on a network file system?",
        false);
  }
  Rows size = statement("PRAGMA page_size").query();
  if (size.next()) size.read(page_size_);
  sqlite3_wal_hook(db_, &Database::on_wal, this);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
}

Statement& Database::statement(const char* sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return found->second;
  return statements_.emplace(sql, Statement(db_, sql)).first->second;
}

void Database::execute(const std::string& sql) {
  const int rc = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) throw_sqlite_error(db_, rc, path_);
}

void Database::roll_back() noexcept {
  // A full disk may have rolled back already.
  if (sqlite3_get_autocommit(db_) == 0) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

void Database::watch_file(std::function<std::string(Database&)> rescue) {
  rescue_ = std::move(rescue);
  file_ = mark_of(path_);
  log_ = mark_of(path_ + "-wal");
}

void Database::expect_file() {
  if (!file_) return;
  const bool moved = mark_of(path_) != file_;
  if (!moved && mark_of(path_ + "-wal") == log_) return;
  file_.reset();  // once: what is tried below commits nothing here
  const std::string name = moved ? path_ : path_ + "-wal";
  throw StoreError(name + " was removed or replaced while it was in use; " + rescue_(*this), false,
                   StoreFault::missing);
}

int Database::on_wal(void* self, sqlite3*, const char*, int pages) {
  auto& db = *static_cast<Database*>(self);
  db.wal_bytes_ = pages * db.page_size_;
  return SQLITE_OK;
}

void Database::rebuild() {
  const std::size_t slash = path_.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  // Its temporary copy is as large as the database: neither memory nor /tmp need have room for it.
  sqlite3_temp_directory = sqlite3_mprintf("%s", folder.c_str());
  const auto back = [this] {
    sqlite3_free(std::exchange(sqlite3_temp_directory, nullptr));
    sqlite3_exec(db_, "PRAGMA temp_store = MEMORY", nullptr, nullptr, nullptr);
  };
  try {
    execute("PRAGMA temp_store = FILE; PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
  } catch (...) {
    back();
    throw;
  }
  back();
}

bool Database::checkpoint(bool truncate) {
  int frames = 0;
  int copied = 0;
  // Without this a reader could hold the control thread up for the whole busy wait.
  sqlite3_busy_timeout(db_, 0);
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  const int rc = sqlite3_wal_checkpoint_v2(db_, nullptr, mode, &frames, &copied);
  sqlite3_busy_timeout(db_, busy_wait_ms);
  if ((rc & 0xff) == SQLITE_BUSY) return false;
  if (rc != SQLITE_OK) throw_sqlite_error(db_, rc, "cannot checkpoint " + path_);
  const bool whole = frames == copied;
  if (whole) wal_bytes_ = 0;
  return whole;
}

int Database::on_progress(void* self) {
  return static_cast<const Database*>(self)->stop_() ? 1 : 0;
}

void Database::set_stop(std::function<bool()> stop) {
  stop_ = std::move(stop);
  sqlite3_progress_handler(db_, stop_ ? progress_steps : 0,
                           stop_ ? &Database::on_progress : nullptr, this);
}

void Database::set_deadline(std::optional<std::chrono::steady_clock::time_point> deadline) {
  if (!deadline) return set_stop({});
  set_stop([at = *deadline] { return std::chrono::steady_clock::now() >= at; });
}

// ---- transaction ------------------------------------------------------------------------------

Transaction::Transaction(Database& db) : db_(db) {
  db_.statement("BEGIN IMMEDIATE").run();
  try {
    db_.ask_guard();
  } catch (...) {
    db_.roll_back();
    throw;
  }
}

Transaction::~Transaction() {
  if (open_) db_.roll_back();
}

void Transaction::commit() {
  db_.statement("COMMIT").run();
  open_ = false;
  db_.expect_file();
}

Snapshot::Snapshot(Database& db) : db_(db) {
  db_.statement("BEGIN").run();
}

Snapshot::~Snapshot() {
  db_.roll_back();
}

}  // namespace batuta
