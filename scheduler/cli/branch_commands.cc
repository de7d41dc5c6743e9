// lake branch: branches of the lake, as the server keeps them.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/number_range.h"
#include "common/url.h"
#include "scheduler/cli/lake_access.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr const char* branches_path = "/api/lake/branches";

struct BranchArguments {
  std::string name, note, table;
  std::vector<std::string> key;
  int limit = 20;
  bool yes = false;
};

std::string branch_path(const std::string& name) {
  return std::string(branches_path) + "/" + percent_encoded(name);
}

void create_branch(Session& session, const BranchArguments& a) {
  json body = {{"name", a.name}};
  if (!a.note.empty()) body["note"] = a.note;
  const json made = session.client().call("POST", branches_path, body);
  if (session.format().data()) return print_object(session.format(), made);
  std::printf(
      "the branch %s reads the lake as it is; run something on it:\n"
      "  batuta dags trigger DAG --branch %s\n",
      a.name.c_str(), a.name.c_str());
}

void list_branches(Session& session) {
  print_rows(session.format(), session.client().get(branches_path)["branches"],
             {{"name", "name"},
              {"created by", "created_by"},
              {"created", "created_at"},
              {"dropping", "is_dropping"},
              {"note", "note"}});
}

void show_branch(Session& session, const BranchArguments& a) {
  const json branch = session.client().get(branch_path(a.name));
  if (session.format().data()) return print_object(session.format(), branch);
  print_rows(session.format(), branch["tables"],
             {{"table", "table"},
              {"from version", "base_version"},
              {"on the branch", "version"},
              {"in the lake", "lake_version"},
              {"lake moved", "has_moved"}});
  if (const auto hidden = branch.value("hidden", 0); hidden > 0)
    std::fprintf(stderr, "batuta: there are %d more that you may not read\n", hidden);
}

std::string rows_text(const json& side) {
  if (side.is_null()) return "no such table";
  const json& rows = side["rows"];
  return "version " + side["version"].dump() + ", " +
         (rows.is_null() ? "rows unknown" : rows.dump() + " rows");
}

std::string names_text(const json& names) {
  std::string text;
  for (const json& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text;
}

// One line for each value that differs: key, what, column, the lake's, the branch's.
json diff_lines(const json& diff) {
  json lines = json::array();
  for (const json& row : diff["rows"]) {
    const std::string key = row["key"].dump(-1, ' ', false, json::error_handler_t::replace);
    bool first = true;
    for (const auto& [column, values] : row["values"].items()) {
      lines.push_back({{"what", row["what"]},
                       {"key", first ? key : ""},
                       {"column", column},
                       {"lake", values["lake"]},
                       {"branch", values["branch"]}});
      first = false;
    }
    if (first) lines.push_back({{"what", row["what"]}, {"key", key}});
  }
  return lines;
}

void diff_branch(Session& session, const BranchArguments& a) {
  std::string query =
      "?table=" + percent_encoded(table_argument(a.table)) + "&limit=" + std::to_string(a.limit);
  for (const std::string& name : a.key) query += "&key=" + percent_encoded(name);
  const json diff = session.client().get(branch_path(a.name) + "/diff" + query);
  if (session.format().data()) return print_object(session.format(), diff);
  std::printf("lake: %s; branch: %s\n", rows_text(diff["lake"]).c_str(),
              rows_text(diff["on_branch"]).c_str());
  for (const auto& [member, words] : {std::pair{"columns_added", "columns only on the branch"},
                                      {"columns_removed", "columns only in the lake"},
                                      {"masked", "compared as they are masked for you"}})
    if (!diff[member].empty()) std::printf("%s: %s\n", words, names_text(diff[member]).c_str());
  if (diff["lake"].is_null()) return;
  std::printf("%s added, %s removed, %s changed, %s the same\n", diff["added"].dump().c_str(),
              diff["removed"].dump().c_str(), diff["changed"].dump().c_str(),
              diff["unchanged"].dump().c_str());
  print_rows(session.format(), diff_lines(diff),
             {{"what", "what"},
              {"key", "key"},
              {"column", "column"},
              {"lake", "lake"},
              {"branch", "branch"}});
  if (diff.value("cut", false))
    std::fprintf(stderr, "batuta: there are more rows than these %zu; --limit shows up to 200\n",
                 diff["rows"].size());
}

void drop_branch(Session& session, const BranchArguments& a) {
  confirm("Drop the branch " + a.name + " with all that was written on it?", a.yes);
  session.client().call("DELETE", branch_path(a.name), nullptr);
  std::printf("the branch %s is gone; the lake is as it was\n", a.name.c_str());
}

}  // namespace

void add_branch_commands(CLI::App& lake, Session& session) {
  CLI::App* branch = lake.add_subcommand(
      "branch", "Branches of the lake: runs on one write beside the tables that others read");
  branch->require_subcommand(1);
  const auto a = std::make_shared<BranchArguments>();
  const auto named = [&](const char* name, const char* help, auto run) {
    CLI::App* verb =
        add_verb(*branch, session, name, help, [&session, a, run] { run(session, *a); });
    verb->add_option("name", a->name, "1 to 64 of a-z 0-9 - _")->required();
    return verb;
  };
  named("create", "A new one; nothing is copied", create_branch)
      ->add_option("--note", a->note, "what it is for");
  add_verb(*branch, session, "list", "Which there are", [&session] { list_branches(session); });
  named("show", "Its tables, and whether the lake's have moved since they left", show_branch);
  CLI::App* diff =
      named("diff", "What its table has otherwise than the lake's that it left from", diff_branch);
  diff->add_option("table", a->table, "such as silver/shop/orders")->required();
  diff->add_option("--key", a->key, "columns that tell rows apart; those of the contract")
      ->delimiter(',');
  diff->add_option("--limit", a->limit, "rows that differ, at most")
      ->check(whole_number(0, 200))
      ->capture_default_str();
  named("drop", "Take it away with all that was written on it", drop_branch)
      ->add_flag("-y,--yes", a->yes, "without asking");
}

}  // namespace batuta::cli
