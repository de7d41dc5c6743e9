// lake_maintenance: looks after one table of the lake, or with `auto` after all of them, as far as
// each needs it. It commits by itself, under Delta's conflict rules, and hands in nothing: it
// neither makes rows nor loses any, save for a restore, which a person asks for, and for rows that
// are older than a contract lets them be. Whatever becomes of the attempt, what it put stands
// whole.
//
// What contracts let go by its age (contract/retention.h) `auto` is told by the server, as
// "retention" of its context: [{"table", "column", "before"}…].
//
// The return value is an object; its fields are those of OptimizeResult, VacuumResult,
// ExpireResult, CleanupResult and Restored, or MaintainResult, by their names.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "lakelog/log_cleanup.h"
#include "lakelog/path.h"
#include "lakelog/restore.h"
#include "lakelog/vacuum.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/checkpoint_reader.h"
#include "plugins/lake/checkpoint_writer.h"
#include "plugins/lake/expire.h"
#include "plugins/lake/maintain.h"
#include "plugins/lake/must.h"
#include "plugins/lake/optimize.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::int64_t least_target = 1 << 20;
constexpr std::int64_t most_target = 4LL << 30;

std::int64_t wall_ms_of_now() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(read_clock().wall.time_since_epoch()).count();
}

// What disk and log refuse: again where it may pass.
template <class T>
T passed(Result<T> result) {
  if (result) return *std::move(result);
  const Error& error = result.error();
  if (error.code == Errc::unavailable || error.code == Errc::conflict)
    throw plugin::RetryableError(error.message);
  throw plugin::FinalError(error.message);
}

std::string info_of(const plugin::Context& context) {
  json info{{"dag_id", context.dag_id()},
            {"run_id", context.run_id()},
            {"task_id", context.task_id()},
            {"execution_id", context.execution_id()}};
  if (context.has("by")) info["by"] = context.text("by");
  return json_text(info);
}

std::int64_t milliseconds_of(const plugin::Context& context, const char* name) {
  return context.duration(name, Duration(0)) / std::chrono::milliseconds(1);
}

json run_optimize(plugin::Context& context, Session& session, const std::string& table) {
  OptimizeOptions options;
  options.rewrite.target_bytes = context.integer("target_bytes", lakelog::default_target_bytes);
  if (options.rewrite.target_bytes < least_target || options.rewrite.target_bytes > most_target)
    throw plugin::FinalError("parameter target_bytes: from 1 MiB to 4 GiB");
  options.rewrite.cluster_by = context.texts("cluster_by");
  options.dry_run = context.boolean("dry_run", false);
  options.info_json = info_of(context);
  options.say = [&context](const std::string& line) { context.info(line); };
  const OptimizeResult done = optimize(session, lake_folder(context), table, options);
  return {{"version", done.version},     {"versions", done.versions},
          {"old_files", done.old_files}, {"new_files", done.new_files},
          {"old_bytes", done.old_bytes}, {"new_bytes", done.new_bytes},
          {"given_up", done.given_up}};
}

json run_vacuum(plugin::Context& context, Session& session, lakelog::Storage& lake,
                const std::string& table) {
  EngineCheckpoints reader(session, lake_folder(context));
  EngineCheckpointWriter writer(session, context.scratch());
  lakelog::VacuumOptions options;
  options.now_ms = wall_ms_of_now();
  if (context.has("retain")) options.retain_ms = milliseconds_of(context, "retain");
  if (context.has("log_retain")) options.log_retain_ms = milliseconds_of(context, "log_retain");
  options.force = context.boolean("force", false);
  options.dry_run = context.boolean("dry_run", false);
  options.checkpoints = &reader;
  options.cancelled = [&context] { return context.cancelled(); };
  options.info_json = info_of(context);
  const auto files = passed(lakelog::vacuum(lake, table, options));
  if (files.cancelled) throw plugin::RetryableError("cancelled");
  lakelog::CleanupOptions cleanup;
  cleanup.now_ms = options.now_ms;
  cleanup.log_retain_ms = options.log_retain_ms;
  cleanup.dry_run = options.dry_run;
  cleanup.reader = &reader;
  cleanup.writer = &writer;
  cleanup.cancelled = options.cancelled;
  const auto log = passed(lakelog::clean_log(lakelog::LogFolder(lake, table), cleanup));
  return {{"version", files.version},
          {"oldest_version", std::max(files.oldest_version, log.first_version)},
          {"deleted_files", files.deleted_files},
          {"deleted_bytes", files.deleted_bytes},
          {"deleted", files.deleted},
          {"staged_files", files.staged_files},
          {"foreign_files", files.foreign_files},
          {"foreign", files.foreign},
          {"checkpoint", log.checkpoint},
          {"first_version", log.first_version},
          {"deleted_entries", log.deleted_entries}};
}

json run_restore(plugin::Context& context, Session& session, lakelog::Storage& lake,
                 const std::string& table) {
  EngineCheckpoints reader(session, lake_folder(context));
  lakelog::RestoreOptions options;
  options.version = context.integer("version", -1);
  options.expected = context.integer("expected_version", -1);
  options.now_ms = wall_ms_of_now();
  options.dry_run = context.boolean("dry_run", false);
  options.checkpoints = &reader;
  options.info_json = info_of(context);
  const auto done = passed(lakelog::restore(lake, table, options));
  return {{"version", done.version},
          {"restored_version", options.version},
          {"changed", done.changed},
          {"added_files", done.added_files},
          {"removed_files", done.removed_files},
          {"schema_changed", done.schema_changed},
          {"markers", done.markers}};
}

json run_expire(plugin::Context& context, Session& session, const std::string& table) {
  ExpireOptions options;
  options.column = context.text("column");
  options.before = context.text("before");
  options.dry_run = context.boolean("dry_run", false);
  options.info_json = info_of(context);
  options.say = [&context](const std::string& line) { context.info(line); };
  options.cancelled = [&context] { return context.cancelled(); };
  const ExpireResult done = expire(session, lake_folder(context), table, options);
  return {{"version", done.version},
          {"column", options.column},
          {"before", options.before},
          {"rows", done.rows},
          {"removed_files", done.removed_files},
          {"removed_bytes", done.removed_bytes},
          {"rewritten_files", done.rewritten_files},
          {"rewritten_bytes", done.rewritten_bytes},
          {"more", done.more}};
}

std::vector<ExpireRule> rules_told(const plugin::Context& context) {
  std::vector<ExpireRule> rules;
  // Three rules for each of many tables, beside a conf.
  constexpr JsonLimits limits{16u << 20, 64, 2'000'000, 4u << 20};
  const auto all = parse_untrusted(context.context_json(), limits);
  if (!all || !all->is_object())
    throw plugin::FinalError(
        "what contracts let go by its age cannot be read, and nothing was done: the context of "
        "the attempt " +
        (all ? std::string("is no object") : "is too large or no JSON: " + all.error().message));
  const auto told = all->find("retention");
  if (told == all->end() || !told->is_array()) return rules;
  for (const json& rule : *told) {
    if (!rule.is_object()) continue;
    rules.push_back({rule.value("table", ""), rule.value("column", ""), rule.value("before", "")});
  }
  return rules;
}

// Some lines of a list that may be long.
json first_lines(const std::vector<std::string>& lines) {
  constexpr std::size_t most = 20, most_bytes = 500;
  json out = json::array();
  for (const std::string& line : lines) {
    if (out.size() == most) {
      out.push_back("and " + std::to_string(lines.size() - most) + " more");
      break;
    }
    out.push_back(line.substr(0, most_bytes));
  }
  return out;
}

json run_auto(plugin::Context& context, Session& session) {
  MaintainOptions options;
  options.tables = context.texts("tables");
  options.small_files = context.integer("small_files", options.small_files);
  options.target_bytes = context.integer("target_bytes", lakelog::default_target_bytes);
  options.expire = rules_told(context);
  options.dry_run = context.boolean("dry_run", false);
  options.scratch = context.scratch();
  options.info_json = info_of(context);
  options.say = [&context](const std::string& line) { context.info(line); };
  options.cancelled = [&context] { return context.cancelled(); };
  const Boot end = read_clock().boot + context.duration("budget", std::chrono::minutes(30));
  options.out_of_time = [end] { return read_clock().boot > end; };
  const MaintainResult done = maintain(session, lake_folder(context), options);
  if (!done.failed.empty()) {
    throw plugin::RetryableError(std::to_string(done.failed.size()) + " of " +
                                 std::to_string(done.tables) +
                                 " tables failed: " + done.failed.front());
  }
  return {{"tables", done.tables},
          {"optimized", done.optimized},
          {"vacuumed", done.vacuumed},
          {"checkpoints", done.checkpoints},
          {"expired_tables", done.expired_tables},
          {"expired_rows", done.expired_rows},
          {"old_files", done.old_files},
          {"new_files", done.new_files},
          {"deleted_files", done.deleted_files},
          {"deleted_bytes", done.deleted_bytes},
          {"deleted_entries", done.deleted_entries},
          {"left", done.left},
          {"skipped", first_lines(done.skipped)}};
}

json run_on_table(plugin::Context& context, Session& session, const std::string& operation) {
  const std::string table = context.text("table");
  if (!lakelog::valid_table_name(table))
    throw plugin::FinalError("parameter table: " + lakelog::no_table_name(table));
  if (operation == "optimize") return run_optimize(context, session, table);
  if (operation == "expire") return run_expire(context, session, table);
  const auto lake = must(lake_folder(context).storage());
  if (operation == "vacuum") return run_vacuum(context, session, *lake, table);
  return run_restore(context, session, *lake, table);
}

}  // namespace

struct LakeMaintenance {
  static constexpr auto name = "lake_maintenance";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "transform";
  static constexpr auto summary =
      "Looks after tables: optimize, vacuum, restore, expire, or all that is due";
  static constexpr batuta_param params[] = {
      plugin::required(BATUTA_PARAM_STRING, "operation",
                       "auto, optimize, vacuum, restore or expire"),
      plugin::optional(BATUTA_PARAM_STRING, "table",
                       "all but auto: such as silver/financial/quotes"),
      plugin::optional(BATUTA_PARAM_ARRAY, "tables", "auto: these only, instead of all"),
      plugin::optional(BATUTA_PARAM_INTEGER, "small_files",
                       "auto: rewrites a table when at least so many files go by it", "32"),
      plugin::optional(BATUTA_PARAM_STRING, "budget",
                       "auto: how long it begins with further tables", "\"30m\""),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "dry_run", "only tells what would be done", "false"),
      plugin::optional(BATUTA_PARAM_INTEGER, "target_bytes", "optimize: of a file, about",
                       "134217728"),
      plugin::optional(BATUTA_PARAM_ARRAY, "cluster_by", "optimize: columns to sort the rows by"),
      plugin::optional(BATUTA_PARAM_STRING, "retain",
                       "vacuum: how old what is deleted must be (the table's own, or 7 days)"),
      plugin::optional(BATUTA_PARAM_STRING, "log_retain",
                       "vacuum: the same of log entries (the table's own, or 30 days)"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "force", "vacuum: a shorter time than the table's own",
                       "false"),
      plugin::optional(BATUTA_PARAM_INTEGER, "version", "restore: what it shall be again"),
      plugin::optional(BATUTA_PARAM_INTEGER, "expected_version",
                       "restore: refused where the newest version is another one"),
      plugin::optional(BATUTA_PARAM_STRING, "by", "who ordered it; stands in the version"),
      plugin::optional(BATUTA_PARAM_STRING, "column", "expire: a date or a timestamp"),
      plugin::optional(BATUTA_PARAM_STRING, "before",
                       "expire: rows of days before this one go, such as 2023-11-28")};

  void execute(plugin::Context& context) {
    const std::string operation = context.text("operation");
    if (operation != "auto" && operation != "optimize" && operation != "vacuum" &&
        operation != "restore" && operation != "expire")
      throw plugin::FinalError("parameter operation: auto, optimize, vacuum, restore or expire");
    Session session(session_options(context));
    const json told = operation == "auto" ? run_auto(context, session)
                                          : run_on_table(context, session, operation);
    context.return_json(json_text(told));
  }
};

}  // namespace batuta::lake

BATUTA_PLUGIN(batuta::lake::LakeMaintenance)
