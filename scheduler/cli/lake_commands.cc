// The lake from the command line, with or without a running server: names, descriptions and history
// from the Delta logs; rows through DuckDB in a slot, read-only.
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "lakelog/branch.h"
#include "lakelog/storage.h"
#include "lakelog/table.h"
#include "scheduler/cli/control_tables.h"
#include "scheduler/cli/follow.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/lake_server.h"
#include "scheduler/cli/new_file.h"
#include "scheduler/cli/row_printer.h"
#include "scheduler/cli/statement_wait.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct LakeArguments {
  std::string table, sql;
  int limit = 20;
  std::int64_t version = -1;
  std::string at;  // a time; empty = now
  std::string plugins, branch, to;
  bool files = false;  // the files themselves, whatever server there is

  bool of_server(const Session& session) const {
    return asks_server(session, files || !plugins.empty());
  }
};

std::string time_text(std::int64_t ms) {
  return to_iso(Time(std::chrono::milliseconds(ms)));
}

json table_row(const lakelog::TableInfo& info) {
  return {{"table", info.name},
          {"version", info.version},
          {"rows", info.rows ? json(*info.rows) : json(nullptr)},
          {"files", info.files},
          {"bytes", info.bytes},
          {"modified", time_text(info.modified_ms)}};
}

json tables_of_files(const Session& session) {
  const auto lake = open_lake(session);
  json rows = json::array();
  const auto tables = value_of(lakelog::list_tables(*lake));
  for (const std::string& reason : tables.unreadable)
    std::fprintf(stderr, "batuta: left out: %s\n", reason.c_str());
  if (tables.cut)
    std::fprintf(stderr, "batuta: there are more tables than these %zu\n", tables.names.size());
  for (const std::string& name : tables.names) {
    const auto info = lakelog::describe_table(*lake, name);
    rows.push_back(info ? table_row(*info) : json{{"table", name}, {"rows", info.error().message}});
  }
  return rows;
}

void list_tables(Session& session, const LakeArguments& a) {
  const bool of_server = a.of_server(session);
  json rows = of_server ? tables_of_server(session) : tables_of_files(session);
  try {
    for (const ControlTable& table : read_control_tables(session.home))
      rows.push_back({{"table", "mngt." + table.name}, {"rows", table.rows.size()}});
  } catch (const Failure& refused) {
    // Who may read tables need not see what DAGs ran.
    if (!of_server) throw;
    std::fprintf(stderr, "batuta: left out: the control tables of mngt: %s\n", refused.what());
  }
  print_rows(session.format(), rows,
             {{"table", "table"},
              {"version", "version"},
              {"rows", "rows"},
              {"files", "files"},
              {"bytes", "bytes"},
              {"modified", "modified"}});
}

// SQL's names have no case.
std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// The control table that `name` names; nullopt for a table of the lake.
std::optional<ControlTable> control_table(const Session& session, const std::string& name) {
  const std::string folded = lower(name);
  if (!folded.starts_with("mngt.")) return std::nullopt;
  std::string known;
  for (ControlTable& table : read_control_tables(session.home)) {
    if (folded == "mngt." + table.name) return std::move(table);
    known += (known.empty() ? "mngt." : " and mngt.") + table.name;
  }
  throw Failure("no control table " + name + "; there are " + known, 1);
}

const std::vector<Column> column_columns{
    {"column", "column"}, {"type", "type"}, {"nullable", "nullable"}};

void describe_control(Session& session, const ControlTable& table) {
  json columns = json::array();
  for (const auto& [name, type] : table.columns) {
    columns.push_back({{"column", name}, {"type", type}, {"nullable", true}});
  }
  json head{{"table", "mngt." + table.name}, {"rows", table.rows.size()}};
  if (session.format().data()) {
    head["columns"] = columns;
    return print_object(session.format(), head);
  }
  head["kept in"] = "the store: it has no versions and no files";
  print_object(session.format().format, head);
  std::printf("\n");
  print_rows(session.format(), columns, column_columns);
}

void print_described(Session& session, json whole) {
  if (session.format().data()) return print_object(session.format(), whole);
  json head{{"partitioned by", json_text(whole["partition_columns"])}};
  for (const char* name : {"table", "version", "rows", "files", "bytes", "modified"})
    if (whole.contains(name)) head[name] = whole[name];
  print_object(session.format().format, head);
  std::printf("\n");
  print_rows(session.format(), whole["columns"], column_columns);
}

void describe(Session& session, const LakeArguments& a) {
  if (const auto table = control_table(session, a.table)) return describe_control(session, *table);
  if (a.of_server(session)) {
    return print_described(session, table_of_server(session, table_argument(a.table)));
  }
  const auto info = value_of(lakelog::describe_table(*open_lake(session), table_argument(a.table)));
  json columns = json::array();
  for (const lakelog::Column& column : info.columns) {
    columns.push_back(
        {{"column", column.name}, {"type", column.type}, {"nullable", column.nullable}});
  }
  json whole = table_row(info);
  whole["id"] = info.id;
  whole["description"] = info.description;
  whole["partition_columns"] = info.partition_columns;
  whole["columns"] = std::move(columns);
  print_described(session, std::move(whole));
}

json history_of_files(const Session& session, const LakeArguments& a, bool& cut) {
  json rows = json::array();
  const auto lake = open_lake(session);
  const auto shown = static_cast<std::size_t>(a.limit);
  auto entries = value_of(lakelog::table_history(*lake, table_argument(a.table), shown + 1));
  cut = entries.size() > shown;
  if (cut) entries.pop_back();
  for (const auto& entry : entries) {
    json row{{"version", entry.version},
             {"time", time_text(entry.timestamp_ms)},
             {"operation", entry.operation},
             {"added", entry.added_files},
             {"removed", entry.removed_files}};
    if (const auto info = parse_untrusted(entry.info_json.empty() ? "{}" : entry.info_json))
      row["info"] = *info;
    rows.push_back(std::move(row));
  }
  return rows;
}

void history(Session& session, const LakeArguments& a) {
  if (control_table(session, a.table)) {
    throw Failure(a.table + " is kept in the store, not as a Delta table, and has no history", 1);
  }
  bool cut = false;
  const auto shown = static_cast<std::size_t>(a.limit);
  const json rows = a.of_server(session)
                        ? history_of_server(session, table_argument(a.table), a.limit, cut)
                        : history_of_files(session, a, cut);
  print_rows(session.format(), rows,
             {{"version", "version"},
              {"time", "time"},
              {"operation", "operation"},
              {"added", "added"},
              {"removed", "removed"},
              {"dag", "info.batuta.dag_id"},
              {"run", "info.batuta.run_id"},
              {"task", "info.batuta.task_id"}});
  if (cut) say_cut(session, "versions", shown);
}

// A folder for the result of one query; gone with the object, an interrupt included.
class ResultFolder {
 public:
  ResultFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "batuta-result-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw Failure("cannot make a folder in " + std::filesystem::temp_directory_path().string(),
                    1);
    path_ = name;
  }
  ~ResultFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ResultFolder(const ResultFolder&) = delete;
  ResultFolder& operator=(const ResultFolder&) = delete;
  std::string folder() const { return path_; }
  std::string file() const { return path_ + "/rows.jsonl"; }

 private:
  std::string path_;
};

json control_tables_json(const std::string& home) {
  json tables = json::object();
  for (const ControlTable& table : read_control_tables(home)) {
    json columns = json::array();
    for (const auto& [name, type] : table.columns)
      columns.push_back({{"name", name}, {"type", type}});
    json rows = json::array();
    for (const std::string& row : table.rows) rows.push_back(value_of(parse_untrusted(row)));
    tables[table.name] = {{"columns", columns}, {"rows", rows}};
  }
  return tables;
}

JsonLimits line_limits() {
  JsonLimits limits;
  limits.bytes = limits.string_bytes = 2u << 30;
  limits.tokens = 100'000'000;
  return limits;
}

// What the engine said about a query that failed, with its lines; empty when it said nothing.
std::string engine_error(const std::string& file) {
  std::ifstream in(file);
  std::string last;
  for (std::string line; std::getline(in, line);) last = std::move(line);
  if (!last.starts_with("{\"error\":")) return {};
  const auto parsed = parse_untrusted(last, line_limits());
  return parsed ? parsed->value("error", "") : std::string();
}

// The file's lines are told in plugins/lake/lake_sql.cc.
void print_result(Session& session, const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::optional<RowPrinter> printer;
  json summary = json::object();
  while (std::getline(in, line)) {
    const json value = value_of(parse_untrusted(line, line_limits()));
    if (value.is_array() && printer) printer->row(value);
    if (!value.is_object()) continue;
    if (value.contains("columns")) {
      printer.emplace(session, value["columns"].get<std::vector<std::string>>());
    } else {
      summary = value;
    }
  }
  if (!printer) throw Failure("the query left no result", 1);
  printer->finish();
  if (!summary.value("cut", false)) return;
  if (summary.value("cut_by", "") == "rows") return say_cut(session, "rows", printer->count());
  throw Failure("only the first " + std::to_string(printer->count()) +
                    " rows are shown: a result may have 1 GiB; select fewer columns or rows",
                1);
}

// Without a slot: the rows are at hand.
void head_of_control(Session& session, const ControlTable& table, const LakeArguments& a) {
  if (a.version >= 0 || !a.at.empty()) {
    throw Failure(
        a.table + " is kept in the store and has no versions; leave --version and --at out", 1);
  }
  std::vector<std::string> names;
  for (const auto& [name, type] : table.columns) names.push_back(name);
  RowPrinter printer(session, names);
  for (const std::string& row : table.rows) {
    if (printer.count() == static_cast<std::size_t>(a.limit)) break;
    printer.row(value_of(parse_untrusted(row)));
  }
  printer.finish();
  if (printer.count() < table.rows.size()) say_cut(session, "rows", printer.count());
}

void run_sql(Session& session, const LakeArguments& a, const json& what) {
  constexpr int most_in_a_table = 100'000;
  if (a.to.empty() && !session.format().data() && a.limit > most_in_a_table)
    throw Failure("a table shows at most 100000 rows: take --output json for more", 2);
  if (a.version >= 0 && !a.at.empty()) throw Failure("--version or --at: one of them", 2);
  if (a.of_server(session)) {
    if (!a.at.empty()) (void)parse_moment("--at", a.at);
    return print_rows_of_server(
        session, {what.value("table", ""), a.sql, a.limit, a.version, a.at, a.branch, a.to});
  }
  SlotRun run = lake_slot(session, "lake_sql", a.plugins);
  const LakeSettings settings = value_of(session.processes->lake_settings(session.home));
  if (!a.branch.empty())
    run.lake_branch = value_of(lakelog::find_branch(*open_lake(session), a.branch)).ref();
  const ResultFolder result;
  json params = what;
  if (a.version >= 0) params["version"] = a.version;
  if (!a.at.empty()) {
    (void)parse_moment("--at", a.at);
    params["at"] = a.at;
  }
  params["limit"] = a.limit;
  if (a.to.empty()) {
    params["result_file"] = result.file();
  } else {
    params["result_folder"] = result.folder();
  }
  params["timeout"] = std::to_string(settings.sql_timeout / std::chrono::milliseconds(1)) + "ms";
  if (what["operation"] == "sql" && lower(a.sql).find("mngt") != std::string::npos) {
    params["mngt"] = control_tables_json(session.home);
  }
  run.params_json = json_text(params);
  run.patience = settings.sql_timeout + std::chrono::minutes(1);
  ProgressLine line;
  run.progress = [&line](int percent) { line.show(statement_line(percent)); };
  const auto done = run_in_slot(run);
  line.clear();
  if (!done) {
    const std::string said = engine_error(result.file());
    throw Failure(said.empty() ? done.error().message : said,
                  done.error().message == interrupted ? interrupted_code : 1);
  }
  if (a.to.empty()) return print_result(session, result.file());
  NewFile file(a.to);
  file.add_file(result.folder() + "/rows.parquet");
  file.finish();
}

}  // namespace

void add_lake_commands(CLI::App& app, Session& session) {
  CLI::App* lake = app.add_subcommand("lake",
                                      "Tables: list, describe, history, rows; of the server by "
                                      "your rights, without one of the files");
  lake->require_subcommand(1);
  auto a = std::make_shared<LakeArguments>();
  CLI::App* tables =
      add_verb(*lake, session, "tables", "Every table that you may read, and the control tables",
               [&session, a] { list_tables(session, *a); });
  const auto on_table = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* verb = add_verb(*lake, session, name, help, std::move(action));
    verb->add_option("table", a->table,
                     "such as gold/financial/financial_data_hour, or a control table, mngt.…")
        ->required();
    return verb;
  };
  CLI::App* described =
      on_table("describe", "Columns, partitions, size", [&session, a] { describe(session, *a); });
  CLI::App* log = on_table("history", "Versions, newest first, and the runs that made them",
                           [&session, a] { history(session, *a); });
  log->add_option("--limit", a->limit)->check(whole_number(1, 10'000))->capture_default_str();
  CLI::App* head = on_table("head", "Some rows", [&session, a] {
    if (const auto table = control_table(session, a->table)) {
      return head_of_control(session, *table, *a);
    }
    run_sql(session, *a, {{"operation", "head"}, {"table", table_argument(a->table)}});
  });
  CLI::App* sql = add_verb(*lake, session, "sql",
                           "A query; tables are named layer.domain.table, control tables mngt.…",
                           [&session, a] {
                             run_sql(session, *a, {{"operation", "sql"}, {"sql", a->sql}});
                           });
  sql->add_option("--to", a->to, "a new file of Parquet for the rows: all of them, or none")
      ->check([](const std::string& path) {
        return path.ends_with(".parquet") ? std::string()
                                          : "a name that ends with .parquet, not " + path;
      });
  sql->add_option("query", a->sql)->required();
  for (CLI::App* verb : {head, sql}) {
    verb->add_option("--version", a->version, "of the one table: as it was then")
        ->check(whole_number(0));
    verb->add_option("--at", a->at, "a time: the tables as they were then");
    verb->add_option("--branch", a->branch, "the tables as this branch of the lake has them");
    verb->add_option("--limit", a->limit, "rows at most")
        ->check(whole_number(1, 10'000'000))
        ->capture_default_str();
    verb->add_option("--plugins", a->plugins, "folder of plugins, for the files as by --files");
  }
  sql->parse_complete_callback([a, sql] {
    if (!a->to.empty() && sql->count("--limit") == 0) a->limit = 10'000;
  });
  for (CLI::App* verb : {tables, described, log, head, sql})
    verb->add_flag("--files", a->files,
                   "the files themselves, as their owner: no rights and no masks, as where no "
                   "server is named or running");
  add_lake_rotate(*lake, session);
  add_lake_erase(*lake, session);
  add_lake_export(*lake, session);
  add_lake_looks(*lake, session);
  add_lake_maintenance(*lake, session);
  add_branch_commands(*lake, session);
  add_quarantine_commands(*lake, session);
  add_monitor_commands(app, session);
}

}  // namespace batuta::cli
