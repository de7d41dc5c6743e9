#include "scheduler/cli/lake_server.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/cli/client.h"
#include "scheduler/cli/new_file.h"
#include "scheduler/cli/row_printer.h"
#include "scheduler/cli/statement_wait.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr std::int64_t page_rows = 1000;  // of one answer
// The server bounds a query by its own setting, after it has waited for its turn.
constexpr auto query_patience = std::chrono::hours(2);

json table_row(const json& told) {
  const std::string name = told["layer"].get<std::string>() + "/" +
                           told["domain"].get<std::string>() + "/" +
                           told["table"].get<std::string>();
  if (told["problem"].is_string()) return {{"table", name}, {"rows", told["problem"]}};
  return {{"table", name},          {"version", told["version"]}, {"rows", told["rows"]},
          {"files", told["files"]}, {"bytes", told["bytes"]},     {"modified", told["modified"]}};
}

// As the commit says it, as far as the server tells.
json info_of(const json& version) {
  json info = json::object();
  if (version["dag_id"].is_string()) {
    json& made = info["batuta"] = {{"dag_id", version["dag_id"]}};
    const std::pair<const char*, const char*> of_run[] = {{"dag_run_id", "run_id"},
                                                          {"task_id", "task_id"}};
    for (const auto& [from, to] : of_run)
      made[to] = version[from].is_string() ? version[from] : json("");
    for (const char* number : {"map_index", "try_number"})
      if (!version[number].is_null()) made[number] = version[number];
  }
  if (!version["engine"].is_null()) info["engineInfo"] = version["engine"];
  for (const char* name :
       {"contract", "contract_version", "rows_added", "rows_removed", "rows", "bytes"})
    if (!version[name].is_null()) info[name] = version[name];
  return info;
}

std::string joined(const json& names) {
  std::string text;
  for (const json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text;
}

void say_masked(const std::string& table, const json& columns) {
  if (columns.empty()) return;
  std::fprintf(stderr, "batuta: shown masked, as you may not unmask them: %s of %s\n",
               joined(columns).c_str(), table.c_str());
}

void say_cut_by_bytes(std::size_t shown) {
  throw Failure("only the first " + std::to_string(shown) +
                    " rows are shown: an answer of the server has at most lake.sql_bytes bytes; "
                    "select fewer columns or rows, or export them (batuta lake export)",
                1);
}

void print_table(Session& session, const AskedRows& asked) {
  const std::string path = table_path(asked.table) + "/rows";
  std::string more;
  if (asked.version >= 0) more += "&version=" + std::to_string(asked.version);
  if (!asked.at.empty()) more += "&at=" + percent_encoded(asked.at);
  const Client client = session.client().patient(query_patience);
  std::optional<RowPrinter> printer;
  for (bool goes_on = true; goes_on;) {
    const std::int64_t left =
        asked.limit - (printer ? static_cast<std::int64_t>(printer->count()) : 0);
    const json page =
        client.get(path + "?limit=" + std::to_string(std::min(left, page_rows)) + more);
    if (!printer) {
      printer.emplace(session, page["columns"].get<std::vector<std::string>>());
      say_masked(asked.table, page["masked"]);
    }
    for (const json& row : page["rows"]) printer->row(row);
    const bool enough = static_cast<std::int64_t>(printer->count()) >= asked.limit;
    goes_on = !enough && page["next_cursor"].is_string();
    // A page that goes on is of the version that the first one read.
    if (goes_on) more = "&cursor=" + percent_encoded(page["next_cursor"].get<std::string>());
    if (goes_on || page["cut"] != true) continue;
    printer->finish();
    if (!enough) say_cut_by_bytes(printer->count());
    return say_cut(session, "rows", printer->count());
  }
  printer->finish();
}

// The store's own tables are no files, and the server's SQL has files only.
void check_no_control_table(const std::string& sql) {
  std::string folded = sql;
  std::transform(folded.begin(), folded.end(), folded.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (folded.find("mngt.ingestion_job_") == std::string::npos) return;
  throw Failure(
      "mngt.ingestion_job_config and mngt.ingestion_job_execution are kept in the store, and a "
      "server's SQL reads tables of the lake only: ask with --files as the owner of the home, or "
      "see `batuta lake head mngt.ingestion_job_execution`",
      1);
}

void print_statement(Session& session, const AskedRows& asked) {
  check_no_control_table(asked.sql);
  const std::string id = new_query_id();
  json body{{"sql", asked.sql}, {"limit", asked.limit}, {"query_id", id}};
  if (asked.version >= 0) body["version"] = asked.version;
  if (!asked.at.empty()) body["at"] = asked.at;
  if (!asked.branch.empty()) body["branch"] = asked.branch;
  const Client client = session.client().patient(query_patience);
  if (!asked.to.empty()) {
    std::string bytes;
    Client::Headers headers;
    ask_with_progress(client, id, [&] {
      bytes = client.bytes_of("POST", "/api/lake/sql", body, "application/vnd.apache.parquet",
                              &headers);
    });
    write_parquet(asked.to, bytes);
    return say_masked_header(headers);
  }
  json answer;
  ask_with_progress(client, id, [&] { answer = client.call("POST", "/api/lake/sql", body); });
  RowPrinter printer(session, answer["columns"].get<std::vector<std::string>>());
  for (const json& table : answer["tables"])
    say_masked(table["table"].get<std::string>(), table["masked"]);
  for (const json& row : answer["rows"]) printer.row(row);
  printer.finish();
  if (answer["cut"] != true) return;
  if (answer["cut_by"] == "rows") return say_cut(session, "rows", printer.count());
  say_cut_by_bytes(printer.count());
}

}  // namespace

void say_masked_header(const Client::Headers& headers) {
  for (const auto& [name, value] : headers)
    if (name == "batuta-masked")
      std::fprintf(stderr, "batuta: written masked, as you may not unmask them: %s\n",
                   shown_text(value).c_str());
}

std::string table_path(const std::string& table) {
  std::string path = "/api/lake/tables";
  std::size_t parts = 0;
  for (std::size_t from = 0; from <= table.size(); ++parts) {
    const std::size_t end = std::min(table.find('/', from), table.size());
    path += "/" + percent_encoded(table.substr(from, end - from));
    from = end + 1;
  }
  if (parts == 3) return path;
  throw Failure("a server knows tables as layer/domain/table, and " + table +
                    " is none; who owns the files reads it with --files",
                1);
}

void write_parquet(const std::string& path, const std::string& bytes) {
  constexpr std::string_view mark = "PAR1";  // at both ends of every such file
  if (bytes.size() < 2 * mark.size() || !bytes.starts_with(mark) || !bytes.ends_with(mark))
    throw Failure("the server gave no Parquet file, and " + path +
                      " was not made: is it older than this command, which asks for one? Without "
                      "--to the rows are printed",
                  1);
  NewFile file(path);
  file.add(bytes);
  file.finish();
}

bool asks_server(const Session& session, bool files) {
  if (files) return false;
  // One that is named and does not answer is an error, not a reason to read other files.
  return Client::server_is_named() || Client::server_is_running(session.home);
}

json tables_of_server(const Session& session) {
  json rows = json::array();
  const Client client = session.client();
  for (const json& told : client.all("/api/lake/tables", "tables")) rows.push_back(table_row(told));
  const json first = client.get("/api/lake/tables?limit=1");
  for (const json& reason : first["left_out"])
    std::fprintf(stderr, "batuta: left out: %s\n", reason.get<std::string>().c_str());
  return rows;
}

json table_of_server(const Session& session, const std::string& table) {
  const json told = session.client().get(table_path(table));
  json out = table_row(told);
  out["id"] = told["id"];
  out["description"] = told["description"].is_null() ? json("") : told["description"];
  out["partition_columns"] = told["partition_columns"];
  out["columns"] = json::array();
  for (const json& column : told["columns"])
    out["columns"].push_back(
        {{"column", column["name"]}, {"type", column["type"]}, {"nullable", column["nullable"]}});
  return out;
}

json history_of_server(const Session& session, const std::string& table, std::int64_t limit,
                       bool& cut) {
  json rows = json::array();
  const Client client = session.client();
  const std::string path = table_path(table) + "/versions";
  for (bool goes_on = true; goes_on;) {
    const auto have = static_cast<std::int64_t>(rows.size());
    const json page =
        client.get(path + "?limit=" + std::to_string(std::min(limit - have, page_rows)) +
                   "&offset=" + std::to_string(have));
    for (const json& version : page["versions"])
      rows.push_back(
          {{"version", version["version"]},
           {"time", version["time"]},
           {"operation", version["operation"].is_null() ? json("") : version["operation"]},
           {"added", version["files_added"]},
           {"removed", version["files_removed"]},
           {"info", info_of(version)}});
    const auto now = static_cast<std::int64_t>(rows.size());
    cut = now < json_int(page["total_entries"]).value_or(now);
    goes_on = cut && now < limit && now > have;
  }
  return rows;
}

json diff_of_server(const Session& session, const AskedDiff& asked) {
  std::string query = "?limit=" + std::to_string(asked.limit);
  if (asked.from >= 0) query += "&from=" + std::to_string(asked.from);
  if (asked.to >= 0) query += "&to=" + std::to_string(asked.to);
  for (const std::string& name : asked.key) query += "&key=" + percent_encoded(name);
  json told =
      session.client().patient(query_patience).get(table_path(asked.table) + "/diff" + query);
  say_masked(asked.table, told["masked"]);
  return told;
}

json plan_of_server(const Session& session, const std::string& sql, const std::string& at,
                    bool analyze) {
  const std::string id = new_query_id();
  json body{{"sql", sql}, {"explain", true}, {"analyze", analyze}, {"query_id", id}};
  if (!at.empty()) body["at"] = at;
  const Client client = session.client().patient(query_patience);
  json plan;
  ask_with_progress(client, id, [&] { plan = client.call("POST", "/api/lake/sql", body); });
  return plan;
}

void print_rows_of_server(Session& session, const AskedRows& asked) {
  if (!asked.sql.empty()) return print_statement(session, asked);
  if (asked.branch.empty()) return print_table(session, asked);
  AskedRows on_branch = asked;
  std::string name;
  for (const char c : asked.table) name += c == '"' ? std::string("\"\"") : std::string(1, c);
  on_branch.sql = "SELECT * FROM \"" + name + "\"";
  print_statement(session, on_branch);
}

}  // namespace batuta::cli
