// lake export: a table as a file or folders for others, whole or not at all. By the server where
// one runs, with the rights and masks of the caller's token; else by the plugin lake_sql in a slot
// of its own.
#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/tar.h"
#include "common/time.h"
#include "common/url.h"
#include "scheduler/cli/client.h"
#include "scheduler/cli/interrupts.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/cli/lake_server.h"
#include "scheduler/cli/new_file.h"

namespace batuta::cli {
namespace {

namespace fs = std::filesystem;
using json = nlohmann::json;

constexpr std::int64_t most_export_bytes = std::int64_t{1} << 40;
constexpr std::int64_t most_export_files = 1'000'000;

struct ExportArguments {
  std::string table, format = "parquet", to, at, timeout = "6h", plugins;
  std::vector<std::string> where, order_by, partition_by;
  std::int64_t version = -1;
  bool hive = false, files = false;

  bool of_server(const Session& session) const {
    return asks_server(session, files || !plugins.empty());
  }
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
              {"most_files", most_export_files},
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

std::string export_query(const ExportArguments& a, const std::vector<std::string>& columns) {
  std::string query = "?format=" + (a.hive ? std::string("hive") : a.format);
  const auto add = [&query](const char* name, const std::vector<std::string>& values) {
    for (const std::string& value : values)
      query += "&" + std::string(name) + "=" + percent_encoded(value);
  };
  add("columns", columns);
  add("where", a.where);
  add("order_by", a.order_by);
  add("partition_by", a.partition_by);
  if (a.version >= 0) query += "&version=" + std::to_string(a.version);
  if (!a.at.empty())
    query += "&at=" +
             percent_encoded(to_iso(Time(std::chrono::milliseconds(parse_moment("--at", a.at)))));
  return query;
}

// What was unpacked or written below the scratch folder.
struct Downloaded {
  std::string name;
  json told;
};

json header_number(const Client::Headers& headers, const char* name) {
  for (const auto& [header, value] : headers)
    if (header == name)
      if (const auto number = parse_untrusted(value); number && number->is_number_integer())
        return *number;
  return nullptr;
}

// Its bytes come as one file: folders in an archive, which is unpacked as it comes.
Downloaded download_export(const Session& session, const ExportArguments& a,
                           const std::string& table, const std::string& scratch,
                           Duration patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  Downloaded out{a.hive ? "rows" : "rows." + a.format, json::object()};
  const std::string place = scratch + "/" + out.name;
  if (a.hive) fs::create_directory(place);
  TarReader folders(place);
  std::optional<NewFile> file;
  if (!a.hive) file.emplace(place);
  std::int64_t bytes = 0;
  Status unpacked = success();
  std::optional<Failure> broken;
  const auto take = [&](std::string_view piece) {
    bytes += static_cast<std::int64_t>(piece.size());
    if (a.hive) return (unpacked = folders.take(piece)).ok();
    try {
      file->add(piece);
    } catch (const Failure& failure) {
      broken.emplace(failure);
    }
    return !broken;
  };
  const InterruptGuard guard;
  Client::Headers headers;
  try {
    headers = session.client().download(
        table_path(table) + "/export" + export_query(a, session.columns), take,
        [&] { return InterruptGuard::came() || std::chrono::steady_clock::now() > until; });
  } catch (const Failure&) {
    if (InterruptGuard::came()) throw Failure(interrupted, interrupted_code);
    if (broken) throw Failure(*broken);
    if (!unpacked) throw Failure("cannot unpack the export: " + unpacked.error().message, 1);
    if (std::chrono::steady_clock::now() > until) throw Failure("not done within --timeout", 1);
    throw;
  }
  if (file) file->finish();
  if (a.hive) unpacked = folders.finish();
  if (!unpacked) throw Failure("cannot unpack the export: " + unpacked.error().message, 1);
  say_masked_header(headers);
  out.told = {{"rows", header_number(headers, "batuta-rows")},
              {"bytes", a.hive ? folders.bytes() : bytes},
              {"table", table},
              {"version", header_number(headers, "batuta-version")}};
  return out;
}

Downloaded make_export(Session& session, const ExportArguments& a, const std::string& table,
                       const std::string& scratch, Duration patience) {
  SlotRun run = lake_slot(session, "lake_sql", a.plugins);
  run.params_json = json_text(export_params(a, session.columns, table, scratch));
  run.patience = patience + std::chrono::minutes(1);
  const auto done = run_in_slot(run);
  if (!done) {
    throw Failure(done.error().message, done.error().message == interrupted ? interrupted_code : 1);
  }
  json told = value_of(parse_untrusted(*done));
  Downloaded out{told.value("file", ""), {}};
  told.erase("file");
  told.erase("columns");
  const json read = told.value("tables", json::array());
  told.erase("tables");
  told["table"] = table;
  told["version"] = read.empty() ? json() : read[0].value("version", json());
  out.told = std::move(told);
  return out;
}

void export_table(Session& session, const ExportArguments& a) {
  check_arguments(a);
  const std::string table = table_argument(a.table);
  const auto patience = parse_duration(a.timeout);
  if (!patience) throw Failure("--timeout: \"" + a.timeout + "\" is no duration, such as 30m", 2);
  const bool of_server = a.of_server(session);
  const fs::path target = export_target(a, table);
  const ExportScratch scratch(target.parent_path());
  Downloaded made = of_server ? download_export(session, a, table, scratch.path(), *patience)
                              : make_export(session, a, table, scratch.path(), *patience);
  std::error_code failure;
  fs::rename(scratch.path() + "/" + made.name, target, failure);
  if (failure)
    throw Failure("cannot put the export at " + target.string() + ": " + failure.message(), 1);
  made.told["written"] = target.string();
  print_object(Look(format_named(session.output), {}), made.told);  // all that is told
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
  verb->add_option("--plugins", a->plugins, "folder of plugins, for the files as by --files");
  verb->add_flag("--files", a->files,
                 "the files themselves, as their owner: no rights and no masks, as where no server "
                 "is named or running");
}

}  // namespace batuta::cli
