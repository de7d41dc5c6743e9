// Bundles of DAGs: which there are, what a revision would change, and switching to one.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/url.h"
#include "scheduler/cli/commands.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct BundleArguments {
  std::string name, revision;
  bool allow_errors = false;
};

std::string bundle_path(const BundleArguments& a, const char* verb) {
  return "/api/batuta/bundles/" + percent_encoded(a.name) + "/" + verb;
}

std::string short_revision(const json& object, const char* field) {
  const auto found = object.find(field);
  return found != object.end() && found->is_string() ? found->get<std::string>().substr(0, 12) : "";
}

void print_bundles(Session& session) {
  json rows = session.client().all("/api/batuta/bundles", "bundles");
  if (!session.format().data()) {
    for (json& row : rows) {
      for (const char* field : {"revision", "tip"}) row[field] = short_revision(row, field);
      if (!row["revisions"].empty()) {
        row["since"] = row["revisions"][0]["switched_at"];
        row["subject"] = row["revisions"][0]["subject"];
      }
    }
  }
  print_rows(session.format(), rows,
             {{"name", "name"},
              {"kind", "kind"},
              {"place", "place"},
              {"ref", "ref"},
              {"revision", "revision"},
              {"since", "since"},
              {"dags", "dags"},
              {"import errors", "import_errors"},
              {"problem", "problem"}});
}

void print_names(const json& diff, const char* field, char sign) {
  for (const json& id : diff.value(field, json::array()))
    std::printf("  %c DAG %s\n", sign, shown_text(id.get<std::string>()).c_str());
}

// A line for each DAG and file that differs, and the import errors behind.
void print_changes(const json& diff) {
  print_names(diff, "added", '+');
  print_names(diff, "changed", '~');
  print_names(diff, "removed", '-');
  for (const json& file : diff.value("files", json::array())) {
    std::printf("  %s %s\n", file.value("change", "").c_str(),
                shown_text(file.value("path", "")).c_str());
  }
  for (const json& error : diff.value("errors", json::array()))
    std::fprintf(stderr, "import error: %s\n", shown_text(error.get<std::string>()).c_str());
}

std::string way_of(const json& diff) {
  const std::string from = short_revision(diff, "from");
  return (from.empty() ? "nothing" : from) + " -> " + short_revision(diff, "to") + " " +
         shown_text(diff.value("subject", ""));
}

void print_switch(Session& session, const json& answer) {
  if (session.format().data()) return print_object(session.format(), answer);
  const std::string name = answer.value("bundle_name", "");
  if (!answer.value("switched", false)) {
    std::printf("%s is at %s already\n", name.c_str(), short_revision(answer, "to").c_str());
    return;
  }
  std::printf("%s: %s\n", name.c_str(), way_of(answer).c_str());
  print_changes(answer);
}

}  // namespace

void add_bundle_commands(CLI::App& app, Session& session) {
  CLI::App* bundles =
      app.add_subcommand("bundles", "Bundles: DAGs of folders, repositories and object stores");
  bundles->require_subcommand(1);
  auto a = std::make_shared<BundleArguments>();
  add_verb(*bundles, session, "list", "All bundles, what they are at and what is wrong with them",
           [&session] { print_bundles(session); });
  const auto on_bundle = [&](const char* verb, const char* help, const char* of_revision,
                             std::function<void()> action) {
    CLI::App* made = add_verb(*bundles, session, verb, help, std::move(action));
    made->add_option("name", a->name)->required();
    made->add_option("--revision", a->revision, of_revision);
    return made;
  };
  on_bundle("diff", "What a revision would change; exit code 2: something, 1: it has import errors",
            "commit, branch or tag (default: where the bundle's ref is now)", [&session, a] {
              const std::string query =
                  a->revision.empty() ? "" : "?revision=" + percent_encoded(a->revision);
              const json diff = session.client().get(bundle_path(*a, "diff") + query);
              const bool same = diff.value("from", json()) == diff.value("to", json());
              if (!same) session.exit_code = diff.value("errors", json::array()).empty() ? 2 : 1;
              if (session.format().data()) return print_object(session.format(), diff);
              if (same) {
                std::printf("%s is at %s already\n", a->name.c_str(),
                            short_revision(diff, "to").c_str());
                return;
              }
              std::printf("%s: %s\n", a->name.c_str(), way_of(diff).c_str());
              print_changes(diff);
            });
  on_bundle("deploy", "Switch a bundle to a revision, all of it at once",
            "commit, branch or tag (default: where the bundle's ref is now)",
            [&session, a] {
              json body{{"allow_errors", a->allow_errors}};
              if (!a->revision.empty()) body["revision"] = a->revision;
              print_switch(session, session.client().call("POST", bundle_path(*a, "deploy"), body));
            })
      ->add_flag("--allow-errors", a->allow_errors, "also a revision with import errors");
  on_bundle("rollback", "Switch a bundle back; its ref is not followed again before it moves",
            "one that was live before (default: the one before this)", [&session, a] {
              json body = json::object();
              if (!a->revision.empty()) body["revision"] = a->revision;
              print_switch(session,
                           session.client().call("POST", bundle_path(*a, "rollback"), body));
            });
}

}  // namespace batuta::cli
