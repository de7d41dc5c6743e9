// lake diff and lake explain: what one version of a table has otherwise than another, and how the
// engine runs a statement. As a server tells it, or of the lake's own files.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/lake_server.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct LookArguments {
  std::string table, sql, plugins, at;
  std::vector<std::string> key;
  std::int64_t from = -1, to = -1;
  int limit = 20;
  bool analyze = false, files = false;
  bool of_server(const Session& session) const {
    return asks_server(session, files || !plugins.empty());
  }
};

// What the plugin lake_sql returns.
json told_by_engine(Session& session, const LookArguments& a, json params) {
  const LakeSettings settings = value_of(session.processes->lake_settings(session.home));
  SlotRun run = lake_slot(session, "lake_sql", a.plugins);
  params["timeout"] = std::to_string(settings.sql_timeout / std::chrono::milliseconds(1)) + "ms";
  run.params_json = json_text(params);
  run.patience = settings.sql_timeout + std::chrono::minutes(1);
  const auto done = run_in_slot(run);
  if (!done)
    throw Failure(done.error().message, done.error().message == interrupted ? interrupted_code : 1);
  const JsonLimits limits{8u << 20, 8192, 1'000'000, 8u << 20};  // it came from our own plugin
  return value_of(parse_untrusted(*done, limits));
}

std::string side_text(const json& side) {
  const json& rows = side["rows"];
  return "version " + side["version"].dump() + " (" +
         (rows.is_null() ? std::string("rows unknown") : rows.dump() + " rows") + ", " +
         side["files"].dump() + " files)";
}

std::string joined_names(const json& names) {
  std::string text;
  for (const json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text;
}

// One line for each value that differs: what, key, times, column, before, after.
json difference_lines(const json& diff) {
  json lines = json::array();
  for (const json& row : diff["rows"]) {
    json line{{"what", row["what"]}, {"times", row["times"]}, {"key", ""}};
    if (!row["key"].empty()) line["key"] = json_text(row["key"]);
    if (row["values"].empty()) lines.push_back(line);
    for (const auto& [column, values] : row["values"].items()) {
      line["column"] = column;
      line["from"] = values["from"];
      line["to"] = values["to"];
      lines.push_back(std::exchange(line, json::object()));
    }
  }
  return lines;
}

void print_difference(Session& session, const json& diff) {
  std::printf("%s to %s: %s files came, %s went\n", side_text(diff["from"]).c_str(),
              side_text(diff["to"]).c_str(), diff["files_added"].dump().c_str(),
              diff["files_removed"].dump().c_str());
  for (const auto& [member, words] :
       {std::pair{"columns_added", "new columns"}, {"columns_removed", "columns that are gone"}})
    if (!diff[member].empty()) std::printf("%s: %s\n", words, joined_names(diff[member]).c_str());
  for (const json& change : diff["columns_changed"])
    std::printf("%s: %s is now %s\n", change["column"].get<std::string>().c_str(),
                change["from"].get<std::string>().c_str(), change["to"].get<std::string>().c_str());
  if (diff["not_compared"].is_string()) {
    std::printf("rows were not compared: %s\n", diff["not_compared"].get<std::string>().c_str());
    return;
  }
  const bool whole = diff["key"].empty();
  std::printf("%s added, %s removed", diff["added"].dump().c_str(), diff["removed"].dump().c_str());
  if (!whole) std::printf(", %s changed", diff["changed"].dump().c_str());
  std::printf(", %s the same%s\n",
              diff["unchanged"].is_null() ? "unknown" : diff["unchanged"].dump().c_str(),
              whole ? " (whole rows; --key tells rows apart by columns)" : "");
  print_rows(session.format(), difference_lines(diff),
             {{"what", "what"},
              {"times", "times"},
              {"key", "key"},
              {"column", "column"},
              {"from", "from"},
              {"to", "to"}});
  if (diff.value("cut", false))
    std::fprintf(stderr, "batuta: there are more rows than these %zu; --limit shows up to 200\n",
                 diff["rows"].size());
}

json diff_of_files(Session& session, const LookArguments& a, const std::string& table) {
  json params{{"operation", "diff"},
              {"table", table},
              {"key", a.key},
              {"key_is_asked", !a.key.empty()},
              {"limit", a.limit}};
  if (a.from >= 0) params["from_version"] = a.from;
  if (a.to >= 0) params["version"] = a.to;
  json diff = told_by_engine(session, a, std::move(params))["diff"];
  diff["table"] = table;
  return diff;
}

void diff_versions(Session& session, const LookArguments& a) {
  const std::string table = table_argument(a.table);
  const json diff = a.of_server(session)
                        ? diff_of_server(session, {table, a.key, a.from, a.to, a.limit})
                        : diff_of_files(session, a, table);
  if (!session.format().data()) return print_difference(session, diff);
  print_object(session.format(), diff);
}

json plan_of_files(Session& session, const LookArguments& a) {
  json params{{"operation", "explain"}, {"sql", a.sql}, {"analyze", a.analyze}};
  if (!a.at.empty()) params["at"] = a.at;
  return told_by_engine(session, a, std::move(params));
}

void explain_sql(Session& session, const LookArguments& a) {
  if (!a.at.empty()) (void)parse_moment("--at", a.at);
  const json told = a.of_server(session) ? plan_of_server(session, a.sql, a.at, a.analyze)
                                         : plan_of_files(session, a);
  if (session.format().data()) return print_object(session.format(), told);
  std::printf("%s", told.value("text", "").c_str());
  if (told.value("hidden", false))
    std::fprintf(stderr,
                 "batuta: a table of this statement is masked for you: what the plan would tell of "
                 "its values is left out\n");
  if (a.analyze && !told.value("analyzed", true))
    std::fprintf(stderr,
                 "batuta: the engine measured no step of this statement: rows are as it expects "
                 "them\n");
}

}  // namespace

void add_lake_looks(CLI::App& lake, Session& session) {
  auto a = std::make_shared<LookArguments>();
  CLI::App* diff =
      add_verb(lake, session, "diff", "What one version of a table has otherwise than another",
               [&session, a] { diff_versions(session, *a); });
  diff->add_option("table", a->table, "such as gold/ecommerce/sales_daily")->required();
  diff->add_option("--from", a->from, "the older version; the one before --to unless given")
      ->check(whole_number(0));
  diff->add_option("--to", a->to, "the newer version; the newest unless given")
      ->check(whole_number(0));
  diff->add_option("--key", a->key,
                   "columns that tell rows apart; the contract's unless given, of files whole rows")
      ->delimiter(',');
  diff->add_option("--limit", a->limit, "rows at most of those that differ")
      ->check(whole_number(0, 200))
      ->capture_default_str();
  CLI::App* explain = add_verb(lake, session, "explain", "How the engine runs a query",
                               [&session, a] { explain_sql(session, *a); });
  explain->add_option("query", a->sql)->required();
  explain->add_flag("--analyze", a->analyze, "run it, and tell what each step took");
  explain->add_option("--at", a->at, "a time: the tables as they were then");
  for (CLI::App* verb : {diff, explain}) {
    verb->add_option("--plugins", a->plugins, "folder of plugins, for the files as by --files");
    verb->add_flag("--files", a->files,
                   "the files themselves, as their owner: no rights and no masks, as where no "
                   "server is named or running");
  }
}

}  // namespace batuta::cli
