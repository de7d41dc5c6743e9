#include <algorithm>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <type_traits>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/cell.h"
#include "plugins/lake/cell_json.h"
#include "plugins/lake/session.h"
#include "plugins/lake/sql_error.h"
#include "plugins/sql/sql_engine.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

const char* reader_of(const std::string& path) {
  const auto ends = [&](const char* with) { return path.ends_with(with); };
  if (ends(".parquet")) return "read_parquet";
  if (ends(".csv") || ends(".csv.gz") || ends(".tsv")) return "read_csv";
  if (ends(".json") || ends(".jsonl") || ends(".ndjson") || ends(".json.gz")) return "read_json";
  return nullptr;
}

// A path as it is given: a text, or texts of the author's and values by turns, which begin with a
// text. A value names a part of one folder or file: it leads nowhere else.
std::string joined_path(const std::string& name, const json& given) {
  if (given.is_string()) return given.get<std::string>();
  if (!given.is_array()) throw FinalError("parameter files/" + name + ": not a path");
  std::string path;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::string piece =
        given[i].is_string() ? given[i].get<std::string>() : json_text(given[i]);
    if (i % 2 == 1 && piece.find_first_of("/*?[\\") != std::string::npos) {
      throw FinalError("files/" + name + ": the value " + json_text(piece.substr(0, 80)) +
                       " may not bring / * ? [ or a backslash into a path; where it shall, one "
                       "template is the whole path");
    }
    path += piece;
  }
  return path;
}

// What may be read for the sake of this path: everything below this folder.
std::string folder_of(const std::string& name, const std::string& path) {
  if (!path.starts_with('/'))
    throw FinalError("parameter files/" + name + ": not an absolute path");
  const std::string_view fixed = std::string_view(path).substr(0, path.find_first_of("*?["));
  const std::string_view folder = fixed.substr(0, fixed.rfind('/') + 1);
  bool root = true;
  for (std::size_t at = 0; at < path.size();) {
    const auto end = std::min(path.find('/', at), path.size());
    const auto part = std::string_view(path).substr(at, end - at);
    if (part == "..") {
      throw FinalError("files/" + name + ": " + path + " goes up by \"..\": write where it leads");
    }
    if (!part.empty() && part != "." && end < folder.size()) root = false;
    at = end + 1;
  }
  if (root) {
    throw FinalError("files/" + name + ": " + path +
                     " would open every file of the machine: name a folder below /");
  }
  return std::string(folder);
}

// One statement under way. Session::query() has all rows in memory before it gives the first; this
// gives them one by one, behind the names of their columns.
class Running {
 public:
  Running(const lake::Session& session, const std::string& sql, const std::vector<json>& values)
      : session_(session), api_(session.api()) {
    if (api_.prepare(session.connection(), sql.c_str(), &prepared_) != DuckDBSuccess) {
      const std::string why = text_of(api_.prepare_error(prepared_));
      api_.destroy_prepare(&prepared_);
      throw lake::SqlError(why);
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      duckdb_value value = bound(values[i]);
      const auto done = api_.bind_value(prepared_, i + 1, value);
      api_.destroy_value(&value);
      if (done == DuckDBSuccess) continue;
      api_.destroy_prepare(&prepared_);
      throw lake::SqlError("cannot bind parameter " + std::to_string(i + 1));
    }
  }
  ~Running() {
    for (duckdb_logical_type& type : types_) api_.destroy_logical_type(&type);
    if (executed_) api_.destroy_result(&result_);
    api_.destroy_prepare(&prepared_);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  bool is_select() const {
    return api_.prepared_statement_type(prepared_) == DUCKDB_STATEMENT_TYPE_SELECT;
  }

  // The names of the columns.
  std::vector<std::string> execute() {
    duckdb_pending_result pending = nullptr;
    if (api_.pending_prepared_streaming(prepared_, &pending) != DuckDBSuccess) {
      const std::string why = text_of(api_.pending_error(pending));
      api_.destroy_pending(&pending);
      fail(why);
    }
    executed_ = true;
    const auto state = api_.execute_pending(pending, &result_);
    api_.destroy_pending(&pending);
    if (state != DuckDBSuccess) fail(text_of(api_.result_error(&result_)));
    std::vector<std::string> names;
    for (idx_t i = 0; i < api_.column_count(&result_); ++i) {
      names.emplace_back(api_.column_name(&result_, i));
      types_.push_back(api_.column_logical_type(&result_, i));
    }
    return names;
  }

  // Each row until `row` returns false. Without one they are computed, and no cell is made.
  void fetch(const std::function<bool(std::vector<lake::Cell>&&)>& row) {
    for (;;) {
      duckdb_data_chunk fetched = api_.fetch_chunk(result_);
      if (fetched == nullptr) break;
      const auto destroy = [this](duckdb_data_chunk chunk) { api_.destroy_data_chunk(&chunk); };
      const std::unique_ptr<std::remove_pointer_t<duckdb_data_chunk>, decltype(destroy)> chunk(
          fetched, destroy);
      if (row && !give(fetched, row)) return;
    }
    if (const std::string why = text_of(api_.result_error(&result_)); !why.empty()) fail(why);
  }

 private:
  static std::string text_of(const char* text) { return text == nullptr ? "" : text; }

  [[noreturn]] void fail(std::string why) const {
    if (why.starts_with("Out of Memory")) {
      why += "\nThe engine may use " + std::to_string(session_.memory_bytes() >> 20) +
             " MiB: the setting lake.memory (BATUTA_LAKE_MEMORY) of the worker gives it more.";
    }
    throw lake::SqlError(why);
  }

  bool give(duckdb_data_chunk chunk, const std::function<bool(std::vector<lake::Cell>&&)>& row) {
    for (idx_t at = 0; at < api_.data_chunk_get_size(chunk); ++at) {
      std::vector<lake::Cell> cells;
      for (idx_t i = 0; i < types_.size(); ++i) {
        cells.push_back(lake::read_cell(api_, api_.data_chunk_get_vector(chunk, i), types_[i], at));
      }
      if (!row(std::move(cells))) return false;
    }
    return true;
  }

  // Numbers that are no integers as texts, for they are exact so.
  duckdb_value bound(const json& value) const {
    if (value.is_null()) return api_.create_null_value();
    if (value.is_boolean()) return api_.create_bool(value.get<bool>());
    if (const auto whole = json_int(value)) return api_.create_int64(*whole);
    const std::string text = value.is_string() ? value.get<std::string>() : json_text(value);
    return api_.create_varchar_length(text.data(), text.size());
  }

  const lake::Session& session_;
  const lake::DuckdbApi& api_;
  duckdb_prepared_statement prepared_ = nullptr;
  duckdb_result result_{};
  bool executed_ = false;
  std::vector<duckdb_logical_type> types_;
};

// DuckDB tells how many rows a statement changed in a column of this name; what RETURNING gives may
// be called so too.
bool tells_a_count(const SqlStatement& statement, const Running& running,
                   const std::vector<std::string>& columns) {
  if (columns != std::vector<std::string>{"Count"} || running.is_select()) return false;
  constexpr std::string_view word = "returning";
  return std::search(statement.text.begin(), statement.text.end(), word.begin(), word.end(),
                     [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; }) ==
         statement.text.end();
}

class Duckdb : public SqlEngine {
 public:
  explicit Duckdb(const SqlLimits& limits) : deadline_(limits), session_(options(limits)) {}

  std::string marker(std::size_t n, const json& value) const override {
    const std::string plain = "$" + std::to_string(n);
    return value.is_number_float() ? "CAST(" + plain + " AS DOUBLE)" : plain;
  }

  std::int64_t run(const SqlStatement& statement, const std::vector<json>& values,
                   SqlRows& rows) override {
    deadline_.restart();
    try {
      return execute(statement, values, rows);
    } catch (const lake::SqlError& error) {
      if (deadline_.over()) deadline_.fail();
      throw FinalError(error.what());
    }
  }

  // From here on nothing but these files' folders and the scratch folder can be reached.
  void attach(const std::string& files_json, const std::string& scratch) {
    const auto files = parse_untrusted(files_json);
    if (!files || !files->is_object()) throw FinalError("parameter files: not an object");
    std::set<std::string> folders{scratch + "/"};
    for (const auto& [name, path] : files->items()) {
      const std::string text = joined_path(name, path);
      folders.insert(folder_of(name, text));
      const char* reader = reader_of(text);
      if (reader == nullptr) {
        throw FinalError("parameter files/" + name +
                         ": a path that ends in .parquet, .csv, .tsv, .json or .jsonl (.gz too)");
      }
      try {
        session_.run("CREATE VIEW " + lake::quoted_name(name) + " AS SELECT * FROM " + reader +
                     "(" + lake::quoted_literal(text) + ")");
      } catch (const lake::SqlError& error) {
        throw FinalError("files/" + name + ": " + error.what());
      }
    }
    std::string list;
    for (const std::string& folder : folders) {
      list += (list.empty() ? "" : ", ") + lake::quoted_literal(folder);
    }
    session_.run("SET allowed_directories = [" + list + "]");
    session_.run("SET enable_external_access = false");
    session_.run("SET lock_configuration = true");
  }

 private:
  lake::SessionOptions options(const SqlLimits& limits) {
    auto options = lake::session_options(limits.context);
    options.cancelled = [this] { return deadline_.over(); };
    return options;
  }

  std::int64_t execute(const SqlStatement& statement, const std::vector<json>& values,
                       SqlRows& rows) {
    Running running(session_, statement.text, values);
    auto columns = running.execute();
    if (tells_a_count(statement, running, columns)) {
      std::int64_t changed = 0;
      running.fetch([&](std::vector<lake::Cell>&& cells) {
        changed = cells.front().integer();
        return false;
      });
      return changed;
    }
    if (columns.empty() || !rows.columns(std::move(columns))) {
      running.fetch({});
      return -1;
    }
    running.fetch([&](std::vector<lake::Cell>&& cells) {
      std::vector<json> values_of_row;
      values_of_row.reserve(cells.size());
      for (const lake::Cell& cell : cells) values_of_row.push_back(lake::to_json(cell));
      return rows.row(std::move(values_of_row));
    });
    return -1;
  }

  SqlDeadline deadline_;
  lake::Session session_;
};

}  // namespace

std::unique_ptr<SqlEngine> open_duckdb(const std::string& files_json, const SqlLimits& limits) {
  auto engine = std::make_unique<Duckdb>(limits);
  engine->attach(files_json, limits.context.scratch());
  return engine;
}

}  // namespace batuta::plugin
