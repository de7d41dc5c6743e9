// contracts validate, show, diff: contract files, without a server.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "contract/contract.h"
#include "contract/diff.h"
#include "contract/draft.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/contract_new.h"
#include "scheduler/dagfile/folder.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t max_contract_files = 10'000;

void say(const std::string& line) {
  std::fprintf(stderr, "%s\n", shown_text(line).c_str());
}

bool is_contract_file(const std::string& name) {
  return name.ends_with(".odcs.yaml") || name.ends_with(".odcs.yml");
}

contract::ContractResult read_file(const std::string& file) {
  const fs::path path(file);
  const auto text = read_below(path.has_parent_path() ? path.parent_path().string() : ".",
                               path.filename().string(), contract::max_contract_bytes);
  if (!text) return {std::nullopt, {{file, 0, 0, "", text.error().message}}, {}};
  return contract::read_contract(*text, file);
}

// The contract, or a Failure with everything that is wrong with it.
contract::Contract contract_of(const std::string& file) {
  auto read = read_file(file);
  std::string problems;
  for (const auto& each : read.problems) problems += (problems.empty() ? "" : "\n") + each.text();
  if (!read.contract) throw Failure(shown_text(problems), 1);
  return std::move(*read.contract);
}

std::vector<std::string> contract_files_in(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    const std::string name = at->path().filename().string();
    if (name.starts_with(".")) {
      at.disable_recursion_pending();
    } else if (is_contract_file(name)) {
      files.push_back(at->path().string());
    }
    if (files.size() > max_contract_files)
      throw Failure(folder + " holds more than 10,000 contracts", 1);
  }
  if (failed) throw Failure(folder + ": " + failed.message(), 1);
  std::sort(files.begin(), files.end());
  return files;
}

// Whether all is well with it.
bool validate_one(const std::string& file) {
  const auto read = read_file(file);
  for (const auto& problem : read.problems) say(problem.text());
  for (auto warning : read.warnings) {
    warning.message.insert(0, "warning: ");
    say(warning.text());
  }
  if (!read.contract) return false;
  std::string tables;
  for (const contract::Table& table : read.contract->tables) {
    tables += (tables.empty() ? "" : ", ") + table.name + " with " +
              std::to_string(table.columns.size()) + " columns";
  }
  std::printf("%s: ok, contract %s version %s%s\n", shown_text(file).c_str(),
              shown_text(read.contract->id).c_str(), shown_text(read.contract->version).c_str(),
              tables.empty() ? "" : (", " + tables).c_str());
  return true;
}

int validate_contracts(const std::vector<std::string>& paths) {
  bool good = true;
  for (const std::string& path : paths) {
    if (!fs::is_directory(path)) {
      good &= validate_one(path);
      continue;
    }
    const auto files = contract_files_in(path);
    if (files.empty()) {
      say(path + ": holds no contracts (*.odcs.yaml)");
      good = false;
    }
    for (const std::string& file : files) good &= validate_one(file);
  }
  return good ? 0 : 1;
}

void show_contract(const Session& session, const std::string& file) {
  const auto shown = parse_untrusted(contract::contract_json(contract_of(file)));
  if (!shown) throw Failure(shown.error().message, 1);
  if (session.format().data()) return print_object(session.format(), *shown);
  json head = *shown;
  head.erase("tables");
  print_object(session.format(), head);
  for (const json& table : (*shown)["tables"]) {
    json about = table;
    about.erase("columns");
    about.erase("quality");
    std::printf("\n");
    std::fflush(stdout);
    print_object(session.format(), about);
    std::printf("\n");
    std::fflush(stdout);
    print_rows(session.format(), table["columns"],
               {{"column", "name"},
                {"type", "type"},
                {"required", "required"},
                {"key", "primary_key"},
                {"partition", "partition"},
                {"at the source", "source_name"},
                {"description", "description"}});
    if (table["quality"].empty()) continue;
    std::printf("\n");
    std::fflush(stdout);
    print_rows(session.format(), table["quality"],
               {{"rule", "name"},
                {"column", "column"},
                {"metric", "metric"},
                {"expected", "expected"},
                {"blocking", "blocking"}});
  }
}

// 0: the tables that are there can follow; 1: they cannot.
int diff_contracts(const Session& session, const std::string& before, const std::string& after) {
  const auto changes = contract::diff(contract_of(before), contract_of(after));
  json rows = json::array();
  bool compatible = true;
  for (const contract::Change& change : changes) {
    compatible &= change.compatible;
    rows.push_back(
        {{"where", change.what}, {"compatible", change.compatible}, {"change", change.message}});
  }
  if (rows.empty() && !session.format().data()) {
    std::printf("no change\n");
  } else {
    print_rows(session.format(), rows,
               {{"where", "where"}, {"compatible", "compatible"}, {"change", "change"}});
  }
  if (!compatible) say("the tables that stand cannot follow every change");
  return compatible ? 0 : 1;
}

struct Made {
  NewContract what;
  std::string file, to;
  bool overwrite = false;
};

void convert_file(const Made& made) {
  const fs::path path(made.file);
  const auto text = read_below(path.has_parent_path() ? path.parent_path().string() : ".",
                               path.filename().string(), contract::max_contract_bytes);
  if (!text) throw Failure(made.file + ": " + text.error().message, 1);
  const auto converted = contract::convert_contract(*text);
  if (!converted) throw Failure(made.file + ": " + converted.error().message, 1);
  write_contract(converted->yaml, made.to, made.overwrite);
  if (converted->notes.empty()) return;
  say(made.file + ": what needs a hand");
  for (const std::string& note : converted->notes) say("  - " + note);
}

void add_making_commands(CLI::App& noun, Session& session) {
  auto made = std::make_shared<Made>();
  CLI::App* fresh = add_verb(
      noun, session, "new", "A contract to begin with, from a file or a table that is looked at",
      [made] { write_contract(new_contract(made->what), made->to, made->overwrite); });
  fresh
      ->add_option("source", made->what.source,
                   ".csv, .tsv, .json, .jsonl, .parquet, or .db and .sqlite with --table")
      ->required();
  fresh->add_option("--table", made->what.table, "of a database");
  fresh->add_option("--domain", made->what.domain, "that the table belongs to")
      ->capture_default_str();
  fresh->add_option("--name", made->what.name, "of the table in the lake");
  fresh->add_option("--plugins", made->what.plugins, "folder of plugins, for Parquet");
  CLI::App* convert =
      add_verb(noun, session, "convert",
               "A contract of the Data Contract Specification as one of the Open Data Contract "
               "Standard, and what needs a hand",
               [made] { convert_file(*made); });
  convert->add_option("file", made->file, "such as datacontract.yaml")->required();
  for (CLI::App* verb : {fresh, convert}) {
    verb->add_option("--to", made->to, "the file to write (default: standard output)");
    verb->add_flag("--overwrite", made->overwrite, "replace a file that is there");
  }
}

}  // namespace

void add_contract_commands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("contracts", "Data contracts: tables described in YAML");
  noun->require_subcommand(1);
  auto paths = std::make_shared<std::vector<std::string>>();
  add_verb(*noun, session, "validate",
           "Check contract files, with line and pointer; exit code 1 when one is wrong",
           [&session, paths] { session.exit_code = validate_contracts(*paths); })
      ->add_option("paths", *paths, "files, or folders of *.odcs.yaml")
      ->required();
  auto file = std::make_shared<std::string>();
  add_verb(*noun, session, "show", "What a contract says: tables, columns, keys, rules, source",
           [&session, file] { show_contract(session, *file); })
      ->add_option("file", *file, "such as contracts/brokerage/clients.odcs.yaml")
      ->required();
  auto pair = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App* verb = add_verb(
      *noun, session, "diff",
      "What changed, and whether the tables that stand can follow; exit code 1 when they cannot",
      [&session, pair] { session.exit_code = diff_contracts(session, pair->first, pair->second); });
  verb->add_option("old", pair->first, "the contract as it was")->required();
  verb->add_option("new", pair->second, "the contract as it is to be")->required();
  add_making_commands(*noun, session);
}

}  // namespace batuta::cli
