#include "plugins/lake/session.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "plugins/lake/one_thread.h"
#include "plugins/lake/sql_error.h"
#include "plugins/lake/text_functions.h"
#include "plugins/lake/watcher.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

// How long an engine may have been there to be closed later: it holds little then.
constexpr auto brief = std::chrono::milliseconds(500);

thread_local int one_thread_wanted = 0;  // how many OneThread stand

// Destroys a DuckDB value however the scope is left.
class ValueHolder {
 public:
  ValueHolder(const DuckdbApi& api, duckdb_value value) : api_(api), value_(value) {}
  ~ValueHolder() { api_.destroy_value(&value_); }
  ValueHolder(const ValueHolder&) = delete;
  ValueHolder& operator=(const ValueHolder&) = delete;
  duckdb_value get() const { return value_; }

 private:
  const DuckdbApi& api_;
  duckdb_value value_;
};

duckdb_value list_value(const DuckdbApi& api, const std::vector<std::string>& items) {
  std::vector<duckdb_value> values;
  values.reserve(items.size());
  for (const std::string& item : items)
    values.push_back(api.create_varchar_length(item.data(), item.size()));
  duckdb_logical_type type = api.create_logical_type(DUCKDB_TYPE_VARCHAR);
  duckdb_value none = nullptr;  // an empty list, too, wants to be told where its values stand
  duckdb_value list =
      api.create_list_value(type, values.empty() ? &none : values.data(), values.size());
  api.destroy_logical_type(&type);
  for (duckdb_value& value : values) api.destroy_value(&value);
  return list;
}

duckdb_value to_value(const DuckdbApi& api, const Param& param) {
  if (const auto* flag = std::get_if<bool>(&param)) return api.create_bool(*flag);
  if (const auto* number = std::get_if<std::int64_t>(&param)) return api.create_int64(*number);
  if (const auto* text = std::get_if<std::string>(&param))
    return api.create_varchar_length(text->data(), text->size());
  if (const auto* time = std::get_if<Time>(&param))
    return api.create_timestamp_tz({time->time_since_epoch().count()});
  if (const auto* items = std::get_if<std::vector<std::string>>(&param))
    return list_value(api, *items);
  return api.create_null_value();
}

}  // namespace

// Closed with the last session over it.
struct Session::Database {
  explicit Database(const DuckdbApi& duckdb) : api(duckdb) {}
  ~Database() {
    if (handle != nullptr) api.close(&handle);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  const DuckdbApi& api;
  duckdb_database handle = nullptr;
};

struct Session::Handles {
  const DuckdbApi* api = nullptr;
  std::function<bool()> cancelled;
  std::function<void(double)> progress;
  std::int64_t memory_bytes = 0;
  int threads = 1;
  int threads_now = 1;
  bool has_text_functions = false;
  bool is_beside = false;  // threads are another session's to set
  std::shared_ptr<Database> database;
  duckdb_connection connection = nullptr;
  std::unique_ptr<Watcher> watcher;
  std::vector<std::shared_ptr<const void>> kept;
  std::string scratch;
  std::function<void(void (*)(void*), void*)> later;
  const std::chrono::steady_clock::time_point opened = std::chrono::steady_clock::now();

  ~Handles() {
    watcher.reset();  // before the connection it interrupts
    if (connection != nullptr) api->disconnect(&connection);
  }

  // Before a statement: as many threads as it is to have.
  void take_threads();

  // On the watcher's thread: tells how far the statement is, and whether it is to end.
  bool look() const {
    if (progress) {
      const double percent = api->query_progress(connection).percentage;
      if (percent >= 0) progress(percent / 100);
    }
    return cancelled();
  }

  [[noreturn]] void fail(const char* message) const {
    if (cancelled && cancelled()) throw plugin::RetryableError("cancelled");
    std::string text = message == nullptr ? "unknown error" : message;
    // The engine puts the line of a syntax error there twice.
    const auto line = text.find("\n\nLINE ");
    const auto again = line == std::string::npos ? line : text.find("\n\nLINE ", line + 1);
    if (again != std::string::npos && text.compare(line, again - line, text, again) == 0) {
      text.resize(again);
    }
    if (text.starts_with("Out of Memory"))
      text += "\nThe engine may use " + std::to_string(memory_bytes >> 20) +
              " MiB: the setting lake.memory (BATUTA_LAKE_MEMORY) of the worker gives it more.";
    throw SqlError(text);
  }
};

// One prepared statement with its result.
class Session::Statement {
 public:
  Statement(const Handles& handles, const std::string& sql, const std::vector<Param>& params)
      : handles_(handles), api_(*handles.api) {
    if (api_.prepare(handles.connection, sql.c_str(), &prepared_) != DuckDBSuccess) {
      const std::string reason = api_.prepare_error(prepared_);
      api_.destroy_prepare(&prepared_);
      handles_.fail(reason.c_str());
    }
    for (std::size_t i = 0; i < params.size(); ++i) {
      const ValueHolder value(api_, to_value(api_, params[i]));
      if (api_.bind_value(prepared_, i + 1, value.get()) != DuckDBSuccess) bind_failed(i + 1);
    }
  }
  ~Statement() {
    if (has_result_) api_.destroy_result(&result_);
    api_.destroy_prepare(&prepared_);
  }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  bool is_select() const {
    return api_.prepared_statement_type(prepared_) == DUCKDB_STATEMENT_TYPE_SELECT;
  }

  bool is_explain() const {
    return api_.prepared_statement_type(prepared_) == DUCKDB_STATEMENT_TYPE_EXPLAIN;
  }

  void execute() {
    has_result_ = true;
    if (api_.execute_prepared(prepared_, &result_) != DuckDBSuccess) result_failed();
  }

  void execute_streaming() {
    duckdb_pending_result pending = nullptr;
    if (api_.pending_prepared_streaming(prepared_, &pending) != DuckDBSuccess) {
      const std::string reason = api_.pending_error(pending);
      api_.destroy_pending(&pending);
      handles_.fail(reason.c_str());
    }
    has_result_ = true;
    const auto state = api_.execute_pending(pending, &result_);
    api_.destroy_pending(&pending);
    if (state != DuckDBSuccess) result_failed();
  }

  // Without `room` there is no end of it.
  void fetch(const ColumnSink& columns, const RowSink& row, const RoomSource& room = {}) {
    const idx_t width = api_.column_count(&result_);
    std::vector<std::string> names;
    Types types(api_);
    for (idx_t i = 0; i < width; ++i) {
      names.emplace_back(api_.column_name(&result_, i));
      types.all.push_back(api_.column_logical_type(&result_, i));
    }
    columns(names);
    bool more = true;
    while (more) {
      Chunk chunk(api_, api_.fetch_chunk(result_));
      if (chunk.chunk == nullptr) break;
      more = give_rows(chunk.chunk, types.all, row, room);
    }
    const char* error = api_.result_error(&result_);
    if (more && error != nullptr && *error != '\0') result_failed();
  }

 private:
  // Both let go of what they hold however the scope is left: a sink may throw.
  struct Types {
    explicit Types(const DuckdbApi& duckdb) : api(duckdb) {}
    ~Types() {
      for (duckdb_logical_type& type : all) api.destroy_logical_type(&type);
    }
    Types(const Types&) = delete;
    Types& operator=(const Types&) = delete;
    const DuckdbApi& api;
    std::vector<duckdb_logical_type> all;
  };
  struct Chunk {
    Chunk(const DuckdbApi& duckdb, duckdb_data_chunk fetched) : api(duckdb), chunk(fetched) {}
    ~Chunk() {
      if (chunk != nullptr) api.destroy_data_chunk(&chunk);
    }
    Chunk(const Chunk&) = delete;
    Chunk& operator=(const Chunk&) = delete;
    const DuckdbApi& api;
    duckdb_data_chunk chunk;
  };

  bool give_rows(duckdb_data_chunk chunk, const std::vector<duckdb_logical_type>& types,
                 const RowSink& sink, const RoomSource& room) {
    const idx_t size = api_.data_chunk_get_size(chunk);
    for (idx_t row = 0; row < size; ++row) {
      std::vector<Cell> cells;
      cells.reserve(types.size());
      std::size_t left = room ? room() : std::numeric_limits<std::size_t>::max();
      for (idx_t column = 0; column < types.size(); ++column)
        cells.push_back(
            read_cell(api_, api_.data_chunk_get_vector(chunk, column), types[column], row, left));
      if (!sink(std::move(cells))) return false;
    }
    return true;
  }
  [[noreturn]] void result_failed() { handles_.fail(api_.result_error(&result_)); }
  [[noreturn]] void bind_failed(std::size_t position) {
    api_.destroy_prepare(&prepared_);
    handles_.fail(("cannot bind parameter " + std::to_string(position)).c_str());
  }

  const Handles& handles_;
  const DuckdbApi& api_;
  duckdb_prepared_statement prepared_ = nullptr;
  duckdb_result result_{};
  bool has_result_ = false;
};

void Session::Handles::take_threads() {
  const int count = one_thread_wanted > 0 ? 1 : threads;
  if (is_beside || threads_now == count) return;
  Statement(*this, "SET threads = " + std::to_string(count), {}).execute();
  threads_now = count;
}

Session::Session(const SessionOptions& options) : handles_(std::make_unique<Handles>()) {
  Handles& handles = *handles_;
  handles.api = &load_duckdb(options.library);
  handles.cancelled = options.cancelled;
  handles.progress = options.progress;
  handles.scratch = options.scratch;
  handles.later = options.later;
  handles.memory_bytes = options.memory_bytes;
  handles.threads = handles.threads_now = options.threads;
  const DuckdbApi& api = *handles.api;
  duckdb_config config = nullptr;
  if (api.create_config(&config) != DuckDBSuccess) handles.fail("cannot configure the lake engine");
  const std::pair<const char*, std::string> settings[] = {
      {"threads", std::to_string(options.threads)},
      {"memory_limit", std::to_string(options.memory_bytes) + "B"},
      {"temp_directory", options.scratch + "/duckdb"},
      {"autoinstall_known_extensions", "false"},
      {"autoload_known_extensions", "false"},
  };
  for (const auto& [name, value] : settings) api.set_config(config, name, value.c_str());
  char* error = nullptr;
  handles.database = std::make_shared<Database>(api);
  const auto opened = api.open_ext(nullptr, &handles.database->handle, config, &error);
  api.destroy_config(&config);
  if (opened != DuckDBSuccess) {
    const std::string reason = error == nullptr ? "" : error;
    api.free(error);
    handles.fail(("cannot start the lake engine: " + reason).c_str());
  }
  connect();
}

Session::Session(std::unique_ptr<Handles> handles) : handles_(std::move(handles)) {
  connect();
}

void Session::connect() {
  Handles& handles = *handles_;
  if (handles.api->connect(handles.database->handle, &handles.connection) != DuckDBSuccess)
    handles.fail("cannot connect to the lake engine");
  run("SET TimeZone = 'UTC'");
  if (handles.progress) {
    run("SET enable_progress_bar = true");  // so is what the engine counts for it called
    run("SET enable_progress_bar_print = false");
  }
  if (handles.cancelled)
    handles.watcher =
        std::make_unique<Watcher>([&handles] { return handles.look(); }, [this] { interrupt(); });
}

std::unique_ptr<Session> Session::beside(std::function<bool()> stop) const {
  auto handles = std::make_unique<Handles>();
  handles->api = handles_->api;
  handles->cancelled = [all = handles_->cancelled, stop = std::move(stop)] {
    return stop() || (all && all());
  };
  handles->memory_bytes = handles_->memory_bytes;
  handles->threads = handles->threads_now = handles_->threads_now;
  handles->has_text_functions = handles_->has_text_functions;  // the engine's, once for all
  handles->is_beside = true;
  handles->database = handles_->database;
  return std::unique_ptr<Session>(new Session(std::move(handles)));
}

Session::~Session() {
  Handles& handles = *handles_;
  handles.watcher.reset();
  const std::string spilled = handles.scratch + "/duckdb";
  if (!handles.later || std::chrono::steady_clock::now() - handles.opened > brief ||
      ::access(spilled.c_str(), F_OK) == 0)
    return;
  // What is kept for files is others' to look at; only the engine itself waits.
  handles.kept.clear();
  handles.cancelled = nullptr;
  handles.later([](void* engine) { delete static_cast<Handles*>(engine); }, handles_.release());
}

OneThread::OneThread() {
  ++one_thread_wanted;
}
OneThread::~OneThread() {
  --one_thread_wanted;
}

void Session::run(const std::string& sql, const std::vector<Param>& params) {
  handles_->take_threads();
  Statement(*handles_, sql, params).execute();
}

Table Session::query(const std::string& sql, const std::vector<Param>& params,
                     std::size_t max_rows) {
  handles_->take_threads();
  Statement statement(*handles_, sql, params);
  statement.execute_streaming();
  Table table;
  statement.fetch([&table](const std::vector<std::string>& names) { table.columns = names; },
                  [&table, max_rows](std::vector<Cell>&& cells) {
                    table.cut = table.rows.size() == max_rows;
                    if (!table.cut) table.rows.push_back(std::move(cells));
                    return !table.cut;
                  });
  return table;
}

void Session::stream(const std::string& sql, const std::vector<Param>& params, const RowSink& row) {
  handles_->take_threads();
  Statement statement(*handles_, sql, params);
  statement.execute_streaming();
  statement.fetch([](const std::vector<std::string>&) {}, row);
}

bool Session::stream_select(const std::string& sql, const ColumnSink& columns, const RowSink& row,
                            const RoomSource& room, const std::vector<Param>& params) {
  handles_->take_threads();
  Statement statement(*handles_, sql, params);
  if (!statement.is_select()) throw SqlError("only one SELECT is allowed here");
  statement.execute_streaming();
  try {
    statement.fetch(columns, row, room);
  } catch (const TooLarge&) {
    return false;
  }
  return true;
}

std::string Session::explain(const std::string& sql, bool analyze) {
  handles_->take_threads();
  // The options stand in front, so that nothing of the statement can be taken for one.
  Statement statement(
      *handles_, std::string("EXPLAIN (") + (analyze ? "ANALYZE, " : "") + "FORMAT json) " + sql,
      {});
  if (!statement.is_explain()) throw SqlError("only one SELECT is allowed here");
  statement.execute();
  std::string out;
  statement.fetch([](const std::vector<std::string>&) {},
                  [&out](std::vector<Cell>&& row) {
                    if (row.size() == 2) out = row[1].text();
                    return true;
                  });
  return out;
}

void Session::check(const std::string& sql) {
  const Statement statement(*handles_, sql, {});
}

Cell Session::value(const std::string& sql, const std::vector<Param>& params) {
  Table table = query(sql, params, 2);
  if (table.rows.size() != 1 || table.rows[0].size() != 1)
    throw SqlError("expected one value from: " + sql);
  return std::move(table.rows[0][0]);
}

void Session::register_text_functions() {
  if (std::exchange(handles_->has_text_functions, true)) return;
  if (!lake::register_text_functions(*handles_->api, handles_->connection))
    handles_->fail("cannot register the text functions");
}

void Session::keep(std::shared_ptr<const void> needed) {
  auto& kept = handles_->kept;
  if (needed && std::find(kept.begin(), kept.end(), needed) == kept.end())
    kept.push_back(std::move(needed));
}

void Session::interrupt() {
  handles_->api->interrupt(handles_->connection);
}
const DuckdbApi& Session::api() const {
  return *handles_->api;
}
duckdb_connection Session::connection() const {
  return handles_->connection;
}
std::int64_t Session::memory_bytes() const {
  return handles_->memory_bytes;
}
int Session::threads() const {
  return handles_->threads;
}

std::vector<std::string> first_column(const Table& table) {
  std::vector<std::string> out;
  for (const auto& row : table.rows) out.push_back(row.at(0).text());
  return out;
}

namespace {

std::string quoted_by(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote) out += quote;
    out += c;
  }
  return out + quote;
}

}  // namespace

std::string quoted_literal(std::string_view text) {
  return quoted_by(text, '\'');
}
std::string exact_path(const std::string& path) {
  if (path.find_first_of("*?[") == std::string::npos) return path;  // then it is taken as it is
  if (path.find('\\') != std::string::npos)
    throw SqlError("the lake engine cannot read " + path + ": a backslash beside * ? or [");
  std::string out;
  for (const char c : path) {
    const bool special = c == '*' || c == '?' || c == '[';
    out += special ? std::string{'[', c, ']'} : std::string(1, c);
  }
  return out;
}
std::string quoted_name(std::string_view name) {
  return quoted_by(name, '"');
}

}  // namespace batuta::lake
