// lake branch: branches of the lake, as the server keeps them.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "common/url.h"
#include "scheduler/cli/lake_access.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr const char* branches_path = "/api/lake/branches";

struct BranchArguments {
  std::string name, note;
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
  named("drop", "Take it away with all that was written on it", drop_branch)
      ->add_flag("-y,--yes", a->yes, "without asking");
}

}  // namespace batuta::cli
