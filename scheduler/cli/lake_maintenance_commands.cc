// Looking after tables from the command line: ordered from the server where one runs, by the
// caller's rights, else one call of the plugin lake_maintenance in a slot of its own.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "common/counted.h"
#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/time.h"
#include "common/uuid.h"
#include "contract/retention.h"
#include "lakelog/snapshot.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/lake_server.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct MaintenanceArguments {
  std::string table, plugins, retain, log_retain, at, contract, operation, timeout = "6h";
  std::uint64_t target_bytes = 128u << 20;
  std::vector<std::string> cluster_by;
  std::int64_t version = -1, expected_version = -1;
  bool dry_run = false, force = false, files = false;

  bool of_server(const Session& session) const {
    return asks_server(session, files || !plugins.empty() || !contract.empty());
  }
};

// `params`: as the plugin takes them.
json run_by_server(const Session& session, const MaintenanceArguments& a, json params,
                   Duration patience) {
  params["action"] = params["operation"];
  params["operation"] =
      a.operation.empty() ? to_string(make_uuid_v7(read_clock().wall)) : a.operation;
  params["dry_run"] = a.dry_run;
  return upkeep_by_server(session, a.table, params, patience);
}

json run_maintenance(Session& session, const MaintenanceArguments& a, json params) {
  const auto patience = parse_duration(a.timeout);
  if (!patience) throw Failure("--timeout: \"" + a.timeout + "\" is no duration, such as 30m", 2);
  if (a.of_server(session)) return run_by_server(session, a, std::move(params), *patience);
  if (!a.operation.empty())
    throw Failure("--operation: is of a server, and none is asked; leave it out", 2);
  SlotRun run = lake_slot(session, "lake_maintenance", a.plugins);
  params["table"] = a.table;
  params["dry_run"] = a.dry_run;
  run.params_json = json_text(params);
  run.patience = *patience;
  const auto done = run_in_slot(run);
  if (!done) {
    throw Failure(done.error().message, done.error().message == interrupted ? interrupted_code : 1);
  }
  return value_of(parse_untrusted(*done));
}

std::string time_of_moment(std::int64_t ms) {
  return to_iso(Time(std::chrono::milliseconds(ms)));
}

std::string size_text(std::int64_t bytes) {
  static const char* const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit < 4; ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

std::int64_t number(const json& told, const char* name) {
  return json_int(told.value(name, json())).value_or(0);
}

void print_optimized(const MaintenanceArguments& a, const json& told) {
  const std::int64_t old_files = number(told, "old_files");
  if (old_files == 0 && number(told, "given_up") == 0) {
    std::printf("%s: nothing to hold together\n", a.table.c_str());
    return;
  }
  const std::string before =
      counted(old_files, "file", "files") + " (" + size_text(number(told, "old_bytes")) + ")";
  const std::string after = counted(number(told, "new_files"), "file", "files");
  if (a.dry_run) {
    std::printf("%s: %s would become %s\n", a.table.c_str(), before.c_str(), after.c_str());
    return;
  }
  std::printf("%s: %s became %s (%s), version %lld\n", a.table.c_str(), before.c_str(),
              after.c_str(), size_text(number(told, "new_bytes")).c_str(),
              static_cast<long long>(number(told, "version")));
  if (const std::int64_t lost = number(told, "given_up"); lost > 0) {
    std::printf("%s changed meanwhile and were left as they are\n",
                counted(lost, "group of files was", "groups of files were").c_str());
  }
}

void optimize(Session& session, const MaintenanceArguments& a) {
  const json told = run_maintenance(
      session, a,
      {{"operation", "optimize"}, {"target_bytes", a.target_bytes}, {"cluster_by", a.cluster_by}});
  if (session.format().data()) return print_object(session.format(), told);
  print_optimized(a, told);
}

void print_names(const json& told, const char* list, const char* count) {
  const json names = told.value(list, json::array());
  for (const json& name : names) std::printf("  %s\n", name.get<std::string>().c_str());
  const std::int64_t all = number(told, count);
  if (const auto shown = static_cast<std::int64_t>(names.size()); shown < all)
    std::printf("  and %lld more\n", static_cast<long long>(all - shown));
}

void print_vacuumed(const MaintenanceArguments& a, const json& told) {
  const std::int64_t files = number(told, "deleted_files");
  std::printf("%s: %s (%s) %s; versions from %lld on stay whole\n", a.table.c_str(),
              counted(files, "file", "files").c_str(),
              size_text(number(told, "deleted_bytes")).c_str(),
              a.dry_run ? "would be deleted" : "deleted",
              static_cast<long long>(number(told, "oldest_version")));
  if (a.dry_run) print_names(told, "deleted", "deleted_files");
  if (const std::int64_t staged = number(told, "staged_files"); staged > 0) {
    std::printf(
        "%s kept, of which the log does not tell: an attempt may still publish what is "
        "younger than that time, and than a day\n",
        counted(staged, "file", "files").c_str());
  }
  if (const std::int64_t foreign = number(told, "foreign_files"); foreign > 0) {
    std::printf("%s left, which no version names and no writer of tables calls so:\n",
                counted(foreign, "foreign file", "foreign files").c_str());
    print_names(told, "foreign", "foreign_files");
  }
  if (const std::int64_t checkpoint = json_int(told.value("checkpoint", json())).value_or(-1);
      checkpoint >= 0) {
    std::printf("version %lld %s a checkpoint\n", static_cast<long long>(checkpoint),
                a.dry_run ? "would get" : "has");
  }
  if (const std::int64_t entries = number(told, "deleted_entries"); entries > 0) {
    std::printf("%s of the log %s; it begins at version %lld\n",
                counted(entries, "entry", "entries").c_str(),
                a.dry_run ? "would be deleted" : "deleted",
                static_cast<long long>(number(told, "first_version")));
  }
}

void check_duration(const char* option, const std::string& text) {
  if (!text.empty() && !parse_duration(text))
    throw Failure(std::string(option) + ": \"" + text + "\" is no duration, such as 7d or 12h", 2);
}

void vacuum(Session& session, const MaintenanceArguments& a) {
  check_duration("--retain", a.retain);
  check_duration("--log-retain", a.log_retain);
  json params{{"operation", "vacuum"}, {"force", a.force}};
  if (!a.retain.empty()) params["retain"] = a.retain;
  if (!a.log_retain.empty()) params["log_retain"] = a.log_retain;
  const json told = run_maintenance(session, a, std::move(params));
  if (session.format().data()) return print_object(session.format(), told);
  print_vacuumed(a, told);
}

// What the contract lets go of the table, which is one of its layers' by name.
contract::Expiry expiry_of(const MaintenanceArguments& a) {
  std::ifstream file(a.contract);
  std::ostringstream text;
  if (!(text << file.rdbuf())) throw Failure("--contract: cannot read " + a.contract, 2);
  const auto read = contract::read_contract(text.str(), a.contract);
  if (!read.contract) throw Failure(read.problems.front().text(), 2);
  const auto slash = a.table.find('/');
  const std::string path = slash == a.table.npos ? "" : a.table.substr(slash + 1);
  const contract::Table* table = read.contract->table(path.substr(path.find('/') + 1));
  if (table == nullptr)
    throw Failure(a.contract + " describes no table " + path.substr(path.find('/') + 1), 2);
  for (const auto& each : contract::expiries(*table, path, read_clock().wall))
    if (each.table == a.table) return each;
  throw Failure(a.contract + " lets no row of " + a.table +
                    " go by its age: batuta.retention names the layers of which rows go",
                2);
}

// A server goes by the contracts of its own DAGs.
json expire_params(const Session& session, const MaintenanceArguments& a) {
  json params{{"operation", "expire"}};
  if (a.of_server(session)) return params;
  if (a.contract.empty())
    throw Failure("--contract: is needed where no server is asked, which knows the contracts", 2);
  const contract::Expiry rule = expiry_of(a);
  params["column"] = rule.column;
  params["before"] = rule.before;
  return params;
}

void expire(Session& session, const MaintenanceArguments& a) {
  const json told = run_maintenance(session, a, expire_params(session, a));
  if (session.format().data()) return print_object(session.format(), told);
  std::printf("%s: %s whose %s is before %s %s (%s whole, %s written anew)\n", a.table.c_str(),
              counted(number(told, "rows"), "row", "rows").c_str(),
              shown_text(told.value("column", "")).c_str(), told.value("before", "").c_str(),
              a.dry_run ? "would go" : "went",
              counted(number(told, "removed_files"), "file", "files").c_str(),
              size_text(number(told, "rewritten_bytes")).c_str());
  if (told.value("more", false)) std::printf("more rows are left for the next call\n");
}

void restore(Session& session, const MaintenanceArguments& a) {
  if (a.version >= 0 && !a.at.empty())
    throw Failure("what to restore is said by one of --version and --at, not by both", 2);
  if (a.version < 0 && a.at.empty())
    throw Failure("say what to restore: --version N, or --at TIME", 2);
  json params{{"operation", "restore"}};
  if (a.expected_version >= 0) params["expected_version"] = a.expected_version;
  if (a.version >= 0) {
    params["version"] = a.version;
  } else if (const std::int64_t at = parse_moment("--at", a.at); a.of_server(session)) {
    params["at"] = time_of_moment(at);
  } else {
    const auto lake = open_lake(session);
    params["version"] = value_of(lakelog::version_at(lakelog::LogFolder(*lake, a.table), at));
  }
  const json told = run_maintenance(session, a, std::move(params));
  const std::int64_t version = number(told, "restored_version");
  if (session.format().data()) return print_object(session.format(), told);
  const std::int64_t files = number(told, "added_files") + number(told, "removed_files");
  const bool differs = files > 0 || number(told, "markers") > 0 || told.value("changed", false);
  if (!differs) {
    std::printf("%s is what it was at version %lld already\n", a.table.c_str(),
                static_cast<long long>(version));
    return;
  }
  std::printf("%s: %s %s back and %s %s", a.table.c_str(),
              counted(number(told, "added_files"), "file", "files").c_str(),
              a.dry_run ? "would come" : "came",
              counted(number(told, "removed_files"), "file", "files").c_str(),
              a.dry_run ? "would leave" : "left");
  if (!a.dry_run) {
    std::printf("; version %lld is what version %lld was",
                static_cast<long long>(number(told, "version")), static_cast<long long>(version));
  }
  std::printf("\n");
  if (number(told, "markers") > 0)
    std::printf("its progress went back with it: what came since is taken in again\n");
}

}  // namespace

void add_lake_maintenance(CLI::App& lake, Session& session) {
  auto a = std::make_shared<MaintenanceArguments>();
  const auto verb = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* command = add_verb(lake, session, name, help, [a, action = std::move(action)] {
      a->table = table_argument(a->table);
      action();
    });
    command->add_option("table", a->table, "such as silver/financial/quotes")->required();
    command->add_flag("--dry-run", a->dry_run, "only tell what would be done");
    command->add_option("--plugins", a->plugins, "folder of plugins, for the files as by --files");
    command->add_option("--operation", a->operation,
                        "its id in a server: the same order under it is done once");
    command->add_flag(
        "--files", a->files,
        "the files themselves, as their owner: no rights, as where no server is named "
        "or running");
    command->add_option("--timeout", a->timeout, "give up after that long")->capture_default_str();
    return command;
  };
  CLI::App* small = verb("optimize", "Holds small files together, rows unchanged",
                         [&session, a] { optimize(session, *a); });
  small->add_option("--target", a->target_bytes, "size of a file, about")
      ->transform(CLI::AsSizeValue(false))
      ->check(whole_number(std::int64_t{1} << 20, std::int64_t{4} << 30))
      ->default_str("128MiB");
  small->add_option("--cluster-by", a->cluster_by, "columns to sort the rows by")->delimiter(',');
  CLI::App* old = verb("vacuum", "Deletes what no version within the retention needs",
                       [&session, a] { vacuum(session, *a); });
  old->add_option("--retain", a->retain, "how old that must be (the table's own, or 7d)");
  old->add_option("--log-retain", a->log_retain,
                  "how old log entries behind a checkpoint must be (the table's own, or 30d)");
  old->add_flag("--force", a->force, "a --retain or --log-retain shorter than the table's own");
  CLI::App* aged = verb("expire", "Removes rows that are older than a contract's retention",
                        [&session, a] { expire(session, *a); });
  aged->add_option("--contract", a->contract,
                   "the table's contract, with batuta.retention, for the files; a server goes by "
                   "those of its DAGs");
  CLI::App* back = verb("restore", "Makes a table what it was, as a new version",
                        [&session, a] { restore(session, *a); });
  back->add_option("--version", a->version)->check(whole_number(0));
  back->add_option("--expected-version", a->expected_version,
                   "refused where the table's newest version is another one, such as the one that "
                   "--dry-run told")
      ->check(whole_number(0));
  back->add_option("--at", a->at, "the version of that time, such as 2026-11-20T10:00:00Z");
}

}  // namespace batuta::cli
