// lake quarantine: what contracts rejected, as the server shows it to whoever asks.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "common/number_range.h"
#include "common/url.h"
#include "scheduler/cli/lake_access.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct QuarantineArguments {
  std::string table, reason, run, since, until, status;
  int limit = 50;
};

std::string filters_of(const QuarantineArguments& a) {
  std::string query;
  for (const auto& [name, value] :
       {std::pair{"reason", a.reason}, std::pair{"run_id", a.run}, std::pair{"since", a.since},
        std::pair{"until", a.until}, std::pair{"status", a.status}}) {
    if (!value.empty())
      query += (query.empty() ? "?" : "&") + std::string(name) + "=" + percent_encoded(value);
  }
  return query;
}

void list_quarantine(Session& session, const QuarantineArguments& a) {
  if (a.table.empty()) {
    if (!filters_of(a).empty()) throw Failure("--reason and the like are of one table: name it", 2);
    const json answer = session.client().get("/api/lake/quarantine");
    return print_rows(session.format(), answer["tables"],
                      {{"domain", "domain"},
                       {"table", "table"},
                       {"rows", "rows"},
                       {"version", "version"},
                       {"modified", "modified"},
                       {"problem", "problem"}});
  }
  const json answer = session.client().get(quarantine_path(a.table) + filters_of(a));
  print_rows(session.format(), answer["groups"],
             {{"reason", "reason"},
              {"run", "run_id"},
              {"rows", "rows"},
              {"first seen", "first_seen"},
              {"last seen", "last_seen"}});
  if (answer.value("more", false))
    std::fprintf(stderr, "batuta: there are more reasons and runs than these %zu\n",
                 answer["groups"].size());
}

void show_quarantine(Session& session, const QuarantineArguments& a) {
  const std::string filters = filters_of(a);
  const json answer =
      session.client().get(quarantine_path(a.table) + "/rows" + filters +
                           (filters.empty() ? "?" : "&") + "limit=" + std::to_string(a.limit));
  json rows = json::array();
  std::vector<Column> columns;
  for (const json& name : answer["columns"])
    columns.push_back({name.get<std::string>(), name.get<std::string>()});
  for (const json& values : answer["rows"]) {
    json row = json::object();
    for (std::size_t i = 0; i < columns.size(); ++i) row[columns[i].field] = values.at(i);
    rows.push_back(std::move(row));
  }
  print_rows(session.format(), rows, columns);
  if (answer.value("cut", false))
    std::fprintf(stderr, "batuta: there are more rows than these %zu\n", rows.size());
}

}  // namespace

// Also quarantine/shop/orders, quarantine.shop.orders.
std::string quarantine_path(const std::string& table) {
  std::string name = table;
  for (char& c : name) c = c == '.' ? '/' : c;
  const std::string layer = "quarantine/";
  if (name.starts_with(layer)) name = name.substr(layer.size());
  const auto slash = name.find('/');
  if (slash == name.npos || slash == 0 || slash + 1 == name.size() ||
      name.find('/', slash + 1) != name.npos)
    throw Failure("\"" + table + "\" names no table: write domain/table, such as shop/orders", 2);
  return "/api/lake/quarantine/" + percent_encoded(name.substr(0, slash)) + "/" +
         percent_encoded(name.substr(slash + 1));
}

void add_quarantine_commands(CLI::App& lake, Session& session) {
  CLI::App* quarantine = lake.add_subcommand(
      "quarantine", "Rows that contracts rejected, as the server shows them to you");
  quarantine->require_subcommand(1);
  const auto a = std::make_shared<QuarantineArguments>();
  CLI::App* list = add_verb(*quarantine, session, "list",
                            "Tables with such rows; of one table its reasons and runs",
                            [&session, a] { list_quarantine(session, *a); });
  list->add_option("table", a->table, "domain/table, such as shop/orders");
  CLI::App* show = add_verb(*quarantine, session, "show", "The rows, the newest first",
                            [&session, a] { show_quarantine(session, *a); });
  show->add_option("table", a->table, "domain/table, such as shop/orders")->required();
  show->add_option("--limit", a->limit, "rows at most")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  for (CLI::App* verb : {list, show}) {
    verb->add_option("--reason", a->reason, "rows that have this reason among theirs");
    verb->add_option("--run", a->run, "the execution_id of the run that rejected them");
    verb->add_option("--since", a->since, "received then or later: 2026-11-20T10:00:00Z");
    verb->add_option("--until", a->until, "received before");
    verb->add_option("--status", a->status,
                     "open (the default), published, superseded, discarded or all");
  }
  add_quarantine_orders(*quarantine, session);
}

}  // namespace batuta::cli
