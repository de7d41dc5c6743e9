// contracts new, convert: contracts made from what is there, to begin with.
#include "scheduler/cli/contract_new.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/safe_json.h"
#include "contract/draft.h"
#include "scheduler/cli/client.h"
#include "scheduler/cli/output.h"
#include "scheduler/cli/plugin_scan.h"
#include "scheduler/cli/slot_run.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;
using contract::SeenColumn;
using nlohmann::json;
using Columns = std::vector<SeenColumn>;

constexpr std::size_t max_looked_bytes = std::size_t{8} << 20;
constexpr std::size_t max_looked_rows = 20'000;
constexpr std::size_t most_columns = 2000;

[[noreturn]] void refuse(const std::string& why) {
  throw Failure(shown_text(why), 1);
}

std::string beginning_of(const std::string& file) {
  if (!fs::is_regular_file(file)) refuse(file + ": is not a regular file");
  std::ifstream in(file, std::ios::binary);
  std::string text(max_looked_bytes, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.empty()) refuse(file + ": is empty or cannot be read");
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return text;
}

// One record of CSV from `at` on; at its end `at` stands behind the line. False: the text ends
// within it.
bool csv_record(const std::string& text, char delimiter, std::size_t& at,
                std::vector<std::string>& fields) {
  fields.assign(1, "");
  for (bool quoted = false; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c != '"') {
        fields.back() += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        fields.back() += text[++at];
      } else {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == delimiter) {
      fields.emplace_back();
    } else if (c == '\n') {
      ++at;
      return true;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return false;
}

Columns columns_named(const std::vector<std::string>& names, const std::string& file) {
  if (names.size() > most_columns) refuse(file + ": has more than 2,000 columns");
  Columns columns;
  for (const std::string& name : names) {
    if (name.empty()) refuse(file + ": a column has no name");
    columns.emplace_back(name);
  }
  return columns;
}

Columns look_at_csv(const std::string& file, json& server) {
  std::string text = beginning_of(file);
  const bool whole = text.size() < max_looked_bytes;
  if (whole && text.back() != '\n') text += '\n';
  const std::string head = text.substr(0, text.find('\n'));
  char delimiter = ',';
  for (const char each : {';', '\t', '|'}) {
    if (std::count(head.begin(), head.end(), each) >
        std::count(head.begin(), head.end(), delimiter))
      delimiter = each;
  }
  std::size_t at = 0;
  std::vector<std::string> fields;
  if (!csv_record(text, delimiter, at, fields)) refuse(file + ": has no line of names");
  Columns columns = columns_named(fields, file);
  for (std::size_t row = 0; row < max_looked_rows && csv_record(text, delimiter, at, fields);
       ++row) {
    for (std::size_t i = 0; i < columns.size(); ++i)
      columns[i].add(i < fields.size() ? std::optional(fields[i]) : std::nullopt);
  }
  server["format"] = "csv";
  if (delimiter != ',')
    server["customProperties"] = json::array(
        {{{"property", "batuta.delimiter"},
          {"value", delimiter == '\t' ? std::string("tab") : std::string(1, delimiter)}}});
  return columns;
}

void add_record(const json& record, Columns& columns) {
  if (!record.is_object()) refuse("a record is no JSON object");
  for (const auto& [name, value] : record.items()) {
    const bool known = std::any_of(
        columns.begin(), columns.end(),
        [&name = name](const SeenColumn& column) { return column.source_name() == name; });
    if (!known && columns.size() < most_columns) columns.emplace_back(name);
  }
  for (SeenColumn& column : columns) {
    const auto value = record.find(column.source_name());
    if (value == record.end() || value->is_null()) {
      column.add(std::nullopt);
    } else if (value->is_structured()) {
      column.declare(value->is_array() ? "array" : "object", "");
    } else {
      column.add(value->is_string() ? value->get<std::string>() : json_text(*value));
    }
  }
}

Columns look_at_json(const std::string& file, bool lines, json& server) {
  const std::string text = beginning_of(file);
  Columns columns;
  JsonLimits limits;
  limits.bytes = max_looked_bytes;
  limits.tokens = 5'000'000;
  if (lines) {
    std::istringstream in(text);
    std::string line;
    for (std::size_t row = 0; row < max_looked_rows && std::getline(in, line); ++row) {
      if (line.find_first_not_of(" \r\t") == line.npos) continue;
      const auto record = parse_untrusted(line, limits);
      if (!record && in.eof()) break;  // what was looked at ends within it
      if (!record)
        refuse(file + ": line " + std::to_string(row + 1) + ": " + record.error().message);
      add_record(*record, columns);
    }
  } else {
    const auto list = parse_untrusted(text, limits);
    if (!list) refuse(file + ": " + list.error().message);
    if (!list->is_array()) refuse(file + ": is no list of records");
    for (std::size_t i = 0; i < list->size() && i < max_looked_rows; ++i)
      add_record((*list)[i], columns);
  }
  server["format"] = lines ? "jsonl" : "json";
  return columns;
}

struct CloseSqlite {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseSqlite>;
using Statement = std::unique_ptr<sqlite3_stmt, CloseSqlite>;

Statement prepared(sqlite3* db, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK)
    refuse(sqlite3_errmsg(db));
  return Statement(statement);
}

std::string column_text(sqlite3_stmt* statement, int column) {
  const auto* text = sqlite3_column_text(statement, column);
  return text == nullptr ? "" : reinterpret_cast<const char*>(text);
}

Columns look_at_sqlite(const std::string& file, std::string& table, std::vector<std::string>& keys,
                       json& server) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
  const Database db(opened);
  if (code != SQLITE_OK) refuse(file + ": " + sqlite3_errmsg(opened));
  const auto tables =
      prepared(db.get(),
               "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE "
               "'sqlite_%' ORDER BY name");
  std::vector<std::string> names;
  while (sqlite3_step(tables.get()) == SQLITE_ROW && names.size() < 10'000)
    names.push_back(column_text(tables.get(), 0));
  if (table.empty() && names.size() == 1) table = names[0];
  if (std::find(names.begin(), names.end(), table) == names.end()) {
    std::string list;
    for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
    refuse(file + ": name a table with --table; there is " + (list.empty() ? "none" : list));
  }
  std::string quoted = "\"";
  for (const char c : table) quoted += c == '"' ? "\"\"" : std::string(1, c);
  quoted += "\"";
  const auto keyed =
      prepared(db.get(), "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk");
  sqlite3_bind_text(keyed.get(), 1, table.c_str(), -1, SQLITE_TRANSIENT);
  while (sqlite3_step(keyed.get()) == SQLITE_ROW) keys.push_back(column_text(keyed.get(), 0));
  const auto rows =
      prepared(db.get(), "SELECT * FROM " + quoted + " LIMIT " + std::to_string(max_looked_rows));
  std::vector<std::string> columns_of_table;
  const int count = sqlite3_column_count(rows.get());
  for (int i = 0; i < count; ++i) columns_of_table.emplace_back(sqlite3_column_name(rows.get(), i));
  Columns columns = columns_named(columns_of_table, file);
  while (sqlite3_step(rows.get()) == SQLITE_ROW) {
    for (int i = 0; i < count; ++i)
      columns[static_cast<std::size_t>(i)].add(sqlite3_column_type(rows.get(), i) == SQLITE_NULL
                                                   ? std::nullopt
                                                   : std::optional(column_text(rows.get(), i)));
  }
  server["type"] = "custom";
  server["format"] = "sqlite";
  return columns;
}

// What the file says of its columns, asked of the engine in a slot.
Columns look_at_parquet(const std::string& file, const std::string& plugins, json& server) {
  SlotRun run;
  run.plugin = "sql";
  run.params_json =
      json_text({{"sql", "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM file)"},
                 {"files", {{"file", fs::absolute(file).string()}}},
                 {"result", "rows"}});
  run.lake_folder = fs::absolute(file).parent_path().string();
  run.plugins_folder = plugins.empty() ? default_plugins_folder() : plugins;
  const auto answer = run_in_slot(run);
  if (!answer) refuse(file + ": " + answer.error().message);
  const auto rows = parse_untrusted(*answer);
  if (!rows || !rows->is_array()) refuse(file + ": its columns cannot be read");
  Columns columns;
  for (const json& row : *rows) {
    SeenColumn column(row.value("column_name", ""));
    const std::string type = row.value("column_type", "");
    const auto starts = [&](const char* word) { return type.starts_with(word); };
    if (starts("DECIMAL")) {
      column.declare("number", type);
    } else if (type == "BIGINT" || type == "INTEGER" || type == "SMALLINT" || type == "TINYINT" ||
               type == "UTINYINT" || type == "USMALLINT" || type == "UINTEGER") {
      column.declare("integer", starts("U") ? "" : type);
    } else if (type == "DOUBLE" || type == "FLOAT") {
      column.declare("number", type);
    } else if (type == "BOOLEAN" || type == "DATE") {
      column.declare(type == "DATE" ? "date" : "boolean", "");
    } else if (starts("TIMESTAMP")) {
      column.declare("timestamp", "");
    } else {
      column.declare(type.ends_with("[]") ? "array" : starts("STRUCT") ? "object" : "string", "");
    }
    columns.push_back(std::move(column));
  }
  server["format"] = "parquet";
  return columns;
}

Columns look_at(const NewContract& what, std::string& table, std::vector<std::string>& keys,
                json& server) {
  std::string ending = fs::path(what.source).extension().string();
  for (char& c : ending) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (ending == ".csv" || ending == ".tsv" || ending == ".txt")
    return look_at_csv(what.source, server);
  if (ending == ".jsonl" || ending == ".ndjson") return look_at_json(what.source, true, server);
  if (ending == ".json") return look_at_json(what.source, false, server);
  if (ending == ".parquet") return look_at_parquet(what.source, what.plugins, server);
  if (ending == ".db" || ending == ".sqlite" || ending == ".sqlite3")
    return look_at_sqlite(what.source, table, keys, server);
  refuse(what.source +
         ": the ending tells what it is: .csv, .tsv, .json, .jsonl, .ndjson, .parquet, or .db, "
         ".sqlite, .sqlite3 for a database");
}

}  // namespace

std::string new_contract(const NewContract& what) {
  json server = {{"server", "source"},
                 {"type", "local"},
                 {"path", fs::absolute(what.source).lexically_normal().string()}};
  contract::DraftSource draft;
  std::string table = what.table;
  const Columns columns = look_at(what, table, draft.keys, server);
  if (columns.empty()) refuse(what.source + ": has no columns");
  draft.domain = what.domain;
  draft.physical_name = table;
  draft.table =
      what.name.empty()
          ? contract::lake_name(table.empty() ? fs::path(what.source).stem().string() : table)
          : what.name;
  if (draft.table.empty() || (draft.table[0] >= '0' && draft.table[0] <= '9'))
    draft.table.insert(0, "table_");
  draft.server_json = json_text(server);
  const std::string key = draft.keys.empty() ? contract::suggested_key(columns) : "";
  if (!key.empty())
    std::fprintf(stderr,
                 "no primary key is known, and none is written down; \"%s\" is another in each row "
                 "that was looked at: give it primaryKey: true if it always is\n",
                 shown_text(key).c_str());
  return contract::draft_contract(draft, columns);
}

void write_contract(const std::string& text, const std::string& to, bool overwrite) {
  if (to.empty()) {
    std::printf("%s", text.c_str());
    return;
  }
  const fs::path path(to);
  if (!overwrite && fs::exists(path))
    throw Failure(to + " is there already: --overwrite replaces it", 1);
  std::error_code failed;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), failed);
  // Beside its place and then there: a server that watches the folder never reads half of it.
  const fs::path staged = to + ".new";
  std::ofstream out(staged, std::ios::binary);
  out << text << std::flush;
  if (out) fs::rename(staged, path, failed);
  if (!out || failed) throw Failure("cannot write " + to, 1);
  std::printf("%s\n", to.c_str());
}

}  // namespace batuta::cli
