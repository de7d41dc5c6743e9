// lake export: a table as a file or folders for others, whole or not at all. With or without a
// running server, by the plugin lake_sql in a slot of its own.
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/time.h"
#include "scheduler/cli/lake_access.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

constexpr std::int64_t most_export_bytes = std::int64_t{1} << 40;

struct ExportArguments {
  std::string table, format = "parquet", to, at, timeout = "6h", plugins;
  std::vector<std::string> where, order_by, partition_by;
  std::int64_t version = -1;
  bool hive = false;
};

// A folder beside what is written, so that it is put into its place by a rename; gone with the
// object, an interrupt included.
class ExportScratch {
 public:
  explicit ExportScratch(const fs::path& beside) {
    std::string name = (beside / ".batuta-export-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw Failure("cannot write in " + beside.string() + ": name another place with --to", 1);
    path_ = name;
  }
  ~ExportScratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ExportScratch(const ExportScratch&) = delete;
  ExportScratch& operator=(const ExportScratch&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Where it is to lie in the end: a new name, or an empty folder for --hive.
fs::path export_target(const ExportArguments& a, const std::string& table) {
  const std::string name =
      table.substr(table.rfind('/') + 1) + (a.hive ? std::string() : "." + a.format);
  fs::path target = fs::absolute(a.to.empty() ? fs::path(name) : fs::path(a.to)).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();  // "out/"
  if (!a.hive && fs::is_directory(target)) target /= name;
  const bool empty_folder = a.hive && fs::is_directory(target) && fs::is_empty(target);
  if (fs::exists(fs::symlink_status(target)) && !empty_folder)
    throw Failure(target.string() + (a.hive ? " is there and not empty" : " is there already") +
                      ": nothing is overwritten; name another place with --to",
                  1);
  std::error_code failure;
  fs::create_directories(target.parent_path(), failure);
  return target;
}

// --columns is of every verb, and names those of the table here.
json export_params(const ExportArguments& a, const std::vector<std::string>& columns,
                   const std::string& table, const std::string& folder) {
  json params{{"operation", "export"},
              {"table", table},
              {"format", a.format},
              {"result_folder", folder},
              {"most_bytes", most_export_bytes},
              {"by_partitions", a.hive},
              {"timeout", a.timeout}};
  if (!columns.empty()) params["columns"] = columns;
  if (!a.where.empty()) params["where"] = a.where;
  if (!a.order_by.empty()) params["order_by"] = a.order_by;
  if (!a.partition_by.empty()) params["partition_by"] = a.partition_by;
  if (a.version >= 0) params["version"] = a.version;
  if (!a.at.empty()) params["at"] = a.at;
  return params;
}

void check_arguments(const ExportArguments& a) {
  if (a.version >= 0 && !a.at.empty()) throw Failure("--version or --at: one of them", 2);
  if (!a.at.empty()) (void)parse_moment("--at", a.at);
  if (a.hive && a.format != "parquet")
    throw Failure("--hive: folders by partition are of Parquet files; leave --format out", 2);
  if (!a.hive && !a.partition_by.empty()) throw Failure("--partition-by: is for --hive", 2);
}

void export_table(Session& session, const ExportArguments& a) {
  check_arguments(a);
  const std::string table = table_argument(a.table);
  const auto patience = parse_duration(a.timeout);
  if (!patience) throw Failure("--timeout: \"" + a.timeout + "\" is no duration, such as 30m", 2);
  SlotRun run = lake_slot(session, "lake_sql", a.plugins);
  const fs::path target = export_target(a, table);
  const ExportScratch scratch(target.parent_path());
  run.params_json = json_text(export_params(a, session.columns, table, scratch.path()));
  run.patience = *patience + std::chrono::minutes(1);
  const auto done = run_in_slot(run);
  if (!done) {
    throw Failure(done.error().message, done.error().message == interrupted ? interrupted_code : 1);
  }
  json told = value_of(parse_untrusted(*done));
  std::error_code failure;
  fs::rename(scratch.path() + "/" + told.value("file", ""), target, failure);
  if (failure)
    throw Failure("cannot put the export at " + target.string() + ": " + failure.message(), 1);
  told.erase("file");
  told.erase("columns");
  const json read = told.value("tables", json::array());
  told.erase("tables");
  told["table"] = table;
  told["version"] = read.empty() ? json() : read[0].value("version", json());
  told["written"] = target.string();
  print_object(Look(format_named(session.output), {}), told);  // all that is told
}

}  // namespace

void add_lake_export(CLI::App& lake, Session& session) {
  auto a = std::make_shared<ExportArguments>();
  CLI::App* verb = add_verb(lake, session, "export", "A table as Parquet, CSV or JSON lines",
                            [&session, a] { export_table(session, *a); });
  verb->add_option("table", a->table, "such as gold/ecommerce/sales_daily")->required();
  verb->add_option("--format", a->format, "parquet, csv or jsonl")
      ->check(CLI::IsMember({"parquet", "csv", "jsonl"}))
      ->capture_default_str();
  verb->add_option("--to", a->to, "a new file, or a folder; the table's name here unless given");
  verb->add_flag("--hive", a->hive, "a folder of Parquet files below column=value folders");
  verb->add_option("--partition-by", a->partition_by,
                   "with --hive: by these columns instead of the table's own partitions")
      ->delimiter(',');
  verb->add_option("--where", a->where,
                   "such as 'amount >= 10' or 'city is null'; of several all must hold")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  verb->add_option("--order-by", a->order_by, "columns, with - in front from the greatest")
      ->delimiter(',');
  verb->add_option("--version", a->version, "as it was then")->check(whole_number(0));
  verb->add_option("--at", a->at, "a time: as it was then");
  verb->add_option("--timeout", a->timeout, "how long it may take")->capture_default_str();
  verb->add_option("--plugins", a->plugins, "folder of plugins");
}

}  // namespace batuta::cli
