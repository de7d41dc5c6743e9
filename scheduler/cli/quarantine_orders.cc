// lake quarantine repair, replay, discard: rows that contracts rejected are corrected, judged again
// or given up. The server makes a run of it, which is watched to its end.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/cli/follow.h"
#include "scheduler/cli/lake_access.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr const char* row_id_column = "_row_id";
constexpr std::size_t max_order_bytes = 900 << 10;  // a request has a megabyte

struct OrderArguments {
  std::string table, reason, run, since, until, note, operation, dag_id, file;
  std::vector<std::string> rows, set;
  int limit = 1000, max_attempts = 5;
  bool all = false, dry_run = false, yes = false;
};

std::string order_file_text(const std::string& path) {
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw Failure("--file: " + path + " cannot be read", 2);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  if (text.size() > max_order_bytes)
    throw Failure("--file: more than 900 KiB are too much at once: correct fewer rows", 2);
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);  // as spreadsheets write it
  return text;
}

// Rows of cells by RFC 4180.
std::vector<std::vector<std::string>> order_csv_rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false, any = false;
  const auto end_row = [&] {
    if (!any && row.empty()) return;
    row.push_back(std::move(cell));
    rows.push_back(std::move(row));
    row.clear();
    cell.clear();
    any = false;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      cell += '"';
      ++i;
    } else if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if (!quoted && c == ',') {
      row.push_back(std::move(cell));
      cell.clear();
      any = true;
    } else if (!quoted && (c == '\n' || c == '\r')) {
      end_row();
    } else {
      cell += c;
      any = true;
    }
  }
  if (quoted) throw Failure("--file: a quoted cell does not end", 2);
  end_row();
  return rows;
}

json order_csv_objects(const std::string& text) {
  const auto rows = order_csv_rows(text);
  json out = json::array();
  for (std::size_t i = 1; i < rows.size(); ++i) {
    if (rows[i].size() != rows[0].size())
      throw Failure("--file: row " + std::to_string(i + 1) + " has " +
                        std::to_string(rows[i].size()) + " cells, and the head has " +
                        std::to_string(rows[0].size()),
                    2);
    json one = json::object();
    for (std::size_t c = 0; c < rows[0].size(); ++c)
      if (!one.emplace(rows[0][c], rows[i][c]).second)
        throw Failure("--file: the head has " + rows[0][c] + " twice", 2);
    out.push_back(std::move(one));
  }
  return out;
}

// {"<row>": {"column": "text"}} of a JSON list of objects, one object, or CSV with a head.
json corrections_of(const std::string& path) {
  const std::string text = order_file_text(path);
  const auto first = text.find_first_not_of(" \t\r\n");
  json rows;
  if (first != text.npos && (text[first] == '[' || text[first] == '{')) {
    auto parsed = parse_untrusted(text);
    if (!parsed) throw Failure("--file: " + parsed.error().message, 2);
    rows = parsed->is_object() ? json::array({*std::move(parsed)}) : *std::move(parsed);
  } else {
    rows = order_csv_objects(text);
  }
  json out = json::object();
  for (json& row : rows) {
    const auto id = row.is_object() ? row.find(row_id_column) : row.end();
    if (!row.is_object() || id == row.end() || !id->is_string())
      throw Failure("--file: each row needs its _row_id, as `batuta lake quarantine show` tells it",
                    2);
    const std::string name = id->get<std::string>();
    row.erase(row_id_column);
    if (!out.emplace(name, std::move(row)).second)
      throw Failure("--file: row " + name + " is there twice", 2);
  }
  if (out.empty()) throw Failure("--file: there is no row in it", 2);
  return out;
}

json order_set_of(const std::vector<std::string>& written) {
  json out = json::object();
  for (const std::string& one : written) {
    const auto equal = one.find('=');
    if (equal == one.npos || equal == 0)
      throw Failure("--set: \"" + one + "\" is not column=value", 2);
    out[one.substr(0, equal)] = one.substr(equal + 1);
  }
  return out;
}

json order_body(const std::string& action, const OrderArguments& a) {
  json body{{"action", action}, {"dry_run", a.dry_run}, {"limit", a.limit}};
  for (const auto& [name, value] :
       {std::pair{"reason", a.reason}, std::pair{"run_id", a.run}, std::pair{"since", a.since},
        std::pair{"until", a.until}, std::pair{"note", a.note}, std::pair{"operation", a.operation},
        std::pair{"dag_id", a.dag_id}})
    if (!value.empty()) body[name] = value;
  if (!a.rows.empty()) body["rows"] = a.rows;
  if (a.all) body["all"] = true;
  if (action == "replay") body["max_attempts"] = a.max_attempts;
  if (action == "repair") {
    if (a.file.empty() == a.set.empty())
      throw Failure("which values? Give --set column=value, or --file FILE (CSV or JSON)", 2);
    if (!a.file.empty() && !a.rows.empty())
      throw Failure("--file names the rows itself, by _row_id", 2);
    if (!a.file.empty()) body["corrections"] = corrections_of(a.file);
    if (!a.set.empty()) body["set"] = order_set_of(a.set);
  }
  const bool chosen = a.all || !a.rows.empty() || !a.file.empty() || !a.reason.empty() ||
                      !a.run.empty() || !a.since.empty() || !a.until.empty();
  if (!chosen)
    throw Failure(
        "which rows? Name them by _row_id, or say --reason, --run, --since, --until or --all", 2);
  if (action == "discard" && a.note.empty())
    throw Failure("why are they given up? Say it with --note", 2);
  return body;
}

std::int64_t order_number(const json& told, const char* name) {
  return json_int(told.value(name, json())).value_or(0);
}

void print_order_told(Session& session, const OrderArguments& a, const json& told) {
  if (session.format().data()) return print_object(session.format(), told);
  if (a.dry_run || order_number(told, "kept") > 0)
    print_rows(session.format(), told.value("rows", json::array()),
               {{"row", "row"}, {"outcome", "outcome"}, {"reasons", "reasons"}});
  if (told.value("done_before", false)) {
    std::printf("%s was done before: nothing was changed\n", told.value("operation", "").c_str());
    return;
  }
  std::string line;
  for (const char* outcome : {"published", "superseded", "kept", "discarded"})
    if (const auto rows = order_number(told, outcome); rows > 0)
      line += (line.empty() ? "" : ", ") + std::to_string(rows) + " " + outcome;
  std::printf("%s%s\n", a.dry_run ? "would be: " : "",
              line.empty() ? "no row was chosen" : line.c_str());
  if (const auto more = order_number(told, "more"); more > 0)
    std::fprintf(stderr, "batuta: %lld more; --limit takes more at once\n",
                 static_cast<long long>(more));
  if (const auto given_up = order_number(told, "given_up"); given_up > 0)
    std::fprintf(stderr,
                 "batuta: %lld rows were judged again %d times or more and stay (--max-attempts): "
                 "repair or discard them\n",
                 static_cast<long long>(given_up), a.max_attempts);
}

void order_rows(Session& session, const std::string& action, const OrderArguments& a) {
  const json body = order_body(action, a);
  const std::string path = quarantine_path(a.table);
  if (action == "discard" && !a.dry_run)
    confirm("Give up rows of " + a.table + " in quarantine?", a.yes);
  const Client client = session.client();
  const json order = client.call("POST", path, body);
  const std::string dag_id = order["dag_id"], run_id = order["dag_run_id"];
  if (order.value("repeated", false))
    std::fprintf(stderr, "batuta: %s was given before, and is not done again: this became of it\n",
                 a.operation.c_str());
  const std::string state = follow_run(client, dag_id, run_id, false);
  const std::string task = "/api/v2/dags/" + percent_encoded(dag_id) + "/dagRuns/" +
                           percent_encoded(run_id) + "/taskInstances/" +
                           percent_encoded(order["task_id"].get<std::string>());
  if (state != "success") {
    const json why = client.get(task);
    const json reason = why.value("batuta", json::object()).value("reason", json());
    throw Failure(
        "the rows stay as they are: " + (reason.is_string() && !reason.get<std::string>().empty()
                                             ? reason.get<std::string>()
                                             : "the run " + run_id + " of " + dag_id + " " + state),
        1);
  }
  const json result = client.get(task + "/xcomEntries/return_value");
  const json value = result.value("value", json::object());
  const auto parsed =
      value.is_string() ? parse_untrusted(value.get<std::string>()) : Result<json>(value);
  if (!parsed) throw Failure("the run's result cannot be read: " + parsed.error().message, 1);
  print_order_told(session, a, *parsed);
}

}  // namespace

void add_quarantine_orders(CLI::App& quarantine, Session& session) {
  const auto a = std::make_shared<OrderArguments>();
  const auto add = [&](const char* name, const char* help) {
    CLI::App* verb = add_verb(quarantine, session, name, help,
                              [&session, a, name] { order_rows(session, name, *a); });
    verb->add_option("table", a->table, "domain/table, such as shop/orders")->required();
    verb->add_option("rows", a->rows, "by _row_id, as `show` tells them");
    verb->add_option("--reason", a->reason, "rows that have this reason among theirs");
    verb->add_option("--run", a->run, "the execution_id of the run that rejected them");
    verb->add_option("--since", a->since, "received then or later: 2026-11-20T10:00:00Z");
    verb->add_option("--until", a->until, "received before");
    verb->add_flag("--all", a->all, "all that are open");
    verb->add_option("--limit", a->limit, "so many at once (1000)")->check(whole_number(1, 10'000));
    verb->add_option("--note", a->note, "why");
    verb->add_option("--operation", a->operation,
                     "its id: what was done under it is not done again");
    verb->add_option("--dag", a->dag_id, "the DAG that judges them, where several make the table");
    verb->add_flag("--dry-run", a->dry_run, "say what would become of each row, change nothing");
    return verb;
  };
  CLI::App* repair = add("repair",
                         "Judge rows again with other values, and publish those that "
                         "are good");
  repair->add_option("--set", a->set, "column=value, for all that are chosen; may be repeated")
      ->allow_extra_args(false);
  repair->add_option(
      "--file", a->file,
      "CSV with a head, a JSON list or one object: _row_id and the columns to set; -: standard "
      "input");
  CLI::App* replay = add("replay", "Judge rows again as they are, after a change of the contract");
  replay->add_option("--max-attempts", a->max_attempts, "those judged again so often stay (5)")
      ->check(whole_number(1, 1'000'000));
  CLI::App* discard = add("discard", "Give rows up; the quarantine keeps who did, when and why");
  discard->add_flag("--yes", a->yes, "do not ask");
}

}  // namespace batuta::cli
