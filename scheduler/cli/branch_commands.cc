// lake branch: branches of the lake, as the server keeps them.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/number_range.h"
#include "common/url.h"
#include "scheduler/cli/follow.h"
#include "scheduler/cli/lake_access.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr const char* branches_path = "/api/lake/branches";

struct BranchArguments {
  std::string name, note, table;
  std::vector<std::string> key;
  int limit = 20;
  bool yes = false, dry_run = false, drop = false;
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

std::string promoted_text(const json& table) {
  if (table["is_done"] == true) return "nothing: the lake has it";
  if (table["moved"].is_null())
    return table["appends"] == true ? "goes, beside the lake's rows" : "goes";
  const json& moved = table["moved"];
  std::string text = "MOVED: ";
  if (!moved["version"].is_null()) text += "at version " + moved["version"].dump() + " ";
  text += moved["reason"].get<std::string>();
  if (moved["dag_run_id"].is_string())
    text += " (" + moved["dag_id"].get<std::string>() + " " +
            moved["dag_run_id"].get<std::string>() + ")";
  return text;
}

void print_promotion(Session& session, const json& told) {
  json rows = told["tables"];
  for (json& row : rows) row["what"] = promoted_text(row);
  print_rows(session.format(), rows,
             {{"table", "table"},
              {"from version", "base_version"},
              {"on the branch", "branch_version"},
              {"in the lake", "lake_version"},
              {"becomes", "expected_version"},
              {"files come", "added_files"},
              {"files leave", "removed_files"},
              {"what", "what"}});
  if (const auto hidden = told.value("hidden", 0); hidden > 0)
    std::fprintf(stderr, "batuta: there are %d more that you may not read\n", hidden);
}

// What a run wrote on the branch since it was looked at is nowhere else.
void drop_promoted(const Client& client, const std::string& name) {
  const json ahead = client.call("POST", branch_path(name) + "/promote", {{"dry_run", true}});
  std::string left;
  for (const json& table : ahead["tables"])
    if (table["is_done"] != true)
      left += (left.empty() ? "" : ", ") + table["table"].get<std::string>();
  if (!left.empty())
    throw Failure("the branch " + name +
                      " was promoted and not dropped, for it has gone on since: " + left +
                      "; promote it again, or drop it: batuta lake branch drop " + name,
                  1);
  client.call("DELETE", branch_path(name), nullptr);
}

// Of the run that was ordered: state and reason, once it has ended. Whoever promotes a branch may
// look at it, and perhaps at no run of the server's own DAG.
json promotion_end(const Client& client, const std::string& path, const std::string& run_id) {
  for (;; std::this_thread::sleep_for(std::chrono::seconds(1))) {
    json run = client.call("POST", path, {{"dry_run", true}})["last_run"];
    if (!run.is_object() || run["dag_run_id"] != run_id)
      throw Failure("the run " + run_id + " of lake_promotion promotes it, and is not to be found",
                    1);
    if (run["state"] == "success" || run["state"] == "failed") return run;
  }
}

void promote_branch(Session& session, const BranchArguments& a) {
  const Client client = session.client();
  const std::string path = branch_path(a.name) + "/promote";
  json body = {{"dry_run", true}};
  if (a.dry_run) {
    const json told = client.call("POST", path, body);
    if (session.format().data()) return print_object(session.format(), told);
    print_promotion(session, told);
    if (told["may_promote"] != true)
      std::fprintf(stderr, "batuta: nothing would be promoted as it is now\n");
    return;
  }
  confirm("Make what the branch " + a.name + " has made the lake's?", a.yes);
  body = json::object();
  if (!a.note.empty()) body["note"] = a.note;
  const json told = client.call("POST", path, body);
  const std::string dag_id = told["dag_id"], run_id = told["dag_run_id"];
  const std::string run =
      "/api/v2/dags/" + percent_encoded(dag_id) + "/dagRuns/" + percent_encoded(run_id);
  bool may_see = true;
  try {
    client.get(run);
  } catch (const Failure&) {
    may_see = false;
  }
  if (may_see) follow_run(client, dag_id, run_id, false);
  const json end = promotion_end(client, path, run_id);
  if (end["state"] != "success")
    throw Failure("the branch " + a.name + " was not promoted: " +
                      (end["reason"].is_string() ? end["reason"].get<std::string>()
                                                 : "the run " + run_id + " of " + dag_id + " " +
                                                       end["state"].get<std::string>()),
                  1);
  if (a.drop) drop_promoted(client, a.name);
  if (session.format().data()) return print_object(session.format(), told);
  print_promotion(session, told);
  std::printf("the lake has what the branch %s has made%s\n", a.name.c_str(),
              a.drop ? "; the branch is gone" : "; the branch stays until it is dropped");
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
  CLI::App* promote = named(
      "promote", "Make what it has made the lake's, all of its tables or none", promote_branch);
  promote->add_flag("--dry-run", a->dry_run, "say which tables would go, change nothing");
  promote->add_flag("--drop", a->drop, "and take the branch away afterwards");
  promote->add_option("--note", a->note, "why");
  promote->add_flag("-y,--yes", a->yes, "without asking");
  named("drop", "Take it away with all that was written on it", drop_branch)
      ->add_flag("-y,--yes", a->yes, "without asking");
}

}  // namespace batuta::cli
