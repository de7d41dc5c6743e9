// sql_model: one SELECT over tables of the lake becomes the next version of a table.
//
// The statement is looked at by the engine's own parser before anything runs: it is one SELECT that
// names tables and pure functions only, and from then on the engine reaches nothing but the lake's
// files. The tables it names are its inputs, read at versions that the run's first attempt fixed.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "lakelog/log_folder.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/layer/history.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/sql_error.h"
#include "plugins/models/model_inputs.h"
#include "plugins/models/model_rules.h"
#include "plugins/models/model_write.h"

namespace batuta::models {
namespace {

using nlohmann::json;

// So many versions that changed no row are looked through, or it is computed: a log is long.
constexpr std::int64_t most_passed_over = 1000;

// An object.
json metrics_of(const lakelog::Commit& commit) {
  const auto info = parse_untrusted(commit.info_json.empty() ? "{}" : commit.info_json);
  if (!info || !info->is_object()) return json::object();
  json metrics = info->value("operationMetrics", json::object());
  return metrics.is_object() ? metrics : json::object();
}

// False for maintenance: files held together, and the marks of a vacuum. A model's own version
// counts always: a history's may add nothing.
bool may_change_rows(const lakelog::Commit& commit) {
  const auto changes = [](const auto& file) { return file.data_change; };
  return commit.protocol || commit.metadata || commit.has_unknown ||
         metrics_of(commit).contains("model") ||
         std::any_of(commit.adds.begin(), commit.adds.end(), changes) ||
         std::any_of(commit.removes.begin(), commit.removes.end(), changes);
}

struct Change {
  std::int64_t version = -1;
  lakelog::Commit commit;
};

// The table's newest version above `after` that may have changed rows; as far as the log tells: a
// version that cannot be read counts, without a commit. nullopt when there is none.
std::optional<Change> newest_change(const lake::DeltaTable& table, std::int64_t after = -1) {
  const lakelog::LogFolder log(*table.storage(), table.name());
  for (std::int64_t version = table.version(); version > after; --version) {
    if (table.version() - version >= most_passed_over) return Change{version, {}};
    const auto text = log.read(version);
    auto commit = text ? lakelog::parse_commit(*text) : text.error();
    if (!commit) return Change{version, {}};
    if (may_change_rows(*commit)) return Change{version, *std::move(commit)};
  }
  return std::nullopt;
}

bool unchanged_since(const lake::DeltaTable& table, std::int64_t version) {
  return version <= table.version() && !newest_change(table, version);
}

class SqlModel {
 public:
  explicit SqlModel(plugin::Context& context)
      : context_(context),
        spec_(model_spec(context)),
        session_(lake::session_options(context)),
        statement_(lake::check_model_select(session_, spec_.sql)),
        conditions_(look_at_conditions(session_, spec_)),
        inputs_(open_inputs(context, session_, spec_.table, names())),
        target_(lake::DeltaTable::open(session_, lake::lake_folder(context), spec_.table)),
        history_table_(
            lake::DeltaTable::open(session_, lake::lake_folder(context),
                                   spec_.history ? spec_.table + "_hist" : spec_.table)) {
    lake::check_may_write(target_);
    lake::check_may_write(history_table_);
  }

  void run() {
    tell_inputs();
    prune_inputs(context_, target_);
    signature_ = session_.value("SELECT sha256(CAST($1 AS VARCHAR))", {signed_text()}).text();
    if (const std::string why = why_not_skipped(); why.empty()) {
      return finish({}, true);
    } else if (target_.exists()) {
      context_.info("computed: " + why);
    }
    compute();
    const ModelShape shape = shape_of_result(session_, "computed", target_, spec_);
    session_.run("CREATE TEMP VIEW fresh AS SELECT " + shape.select + " FROM computed");
    if (!spec_.delete_when.empty()) check_condition(session_, "delete_when", spec_.delete_when);
    judge(context_, session_, spec_, shape);
    context_.progress(0.6);
    ModelWrite write(context_, session_, spec_, shape, target_, versions_json(inputs_));
    const Written written = write.stage();
    const json made_of = {{"model", signature_},
                          {"inputs", versions_json(inputs_)},
                          {"input_tables", table_ids_json(inputs_)}};
    json metrics = made_of;
    metrics.update(
        {{"rows", written.rows}, {"rows_out", written.changed}, {"rows_removed", written.removed}});
    write.hand_in(json_text(metrics));
    if (spec_.history) keep_history(shape, write, written, json_text(made_of));
    finish(written, false);
  }

 private:
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const lake::NamedTable& named : statement_.tables) out.push_back(table_of(named));
    return out;
  }

  void tell_inputs() {
    for (const auto& [name, table] : inputs_.tables)
      context_.info("reads " + name + " version " + std::to_string(table.version()) +
                    (inputs_.fixed_before ? ", as the run's first attempt did" : ""));
  }

  // Beside the table, in the same attempt. It has a version for each of the table's, so that what
  // made the table tells whether the history has it, too.
  void keep_history(const ModelShape& shape, ModelWrite& write, const Written& written,
                    const std::string& metrics) {
    lake::HistorySpec spec;
    spec.table = {spec_.table, spec_.description, {}, shape.columns, spec_.keys};
    spec.partition_by = spec_.partition_by;
    spec.besides = {versions_column, computed_column, execution_column};
    spec.since = lake::quoted_name(computed_column);
    lake::TableHistory history(context_, session_, std::move(spec));
    history.compare(write.rows_after(), std::nullopt, write.now());
    if (written.version || history.differs()) history.hand_in(metrics);
    history_opened_ = history.opened();
    history_closed_ = history.closed();
  }

  // What makes two computations the same, beside the versions they read.
  std::string signed_text() const {
    // Whether a history is kept changes nothing in the table.
    auto given = parse_untrusted(spec_.given_json);
    if (given && given->is_object()) given->erase("history");
    json text = {{"model", given ? json_text(*given) : spec_.given_json},
                 {"plugin", plugin_version}};
    if (spec_.mode == Mode::append) text["execution_id"] = context_.execution_id();
    return json_text(text);
  }

  // Empty: the table holds what this model made of the same inputs.
  std::string why_not_skipped() {
    if (!target_.exists()) return "the table is new";
    if (const std::string name = changing_function(); !name.empty())
      return name + " gives something else each time";
    if (const std::string why = why_not_made(target_); !why.empty()) return why;
    if (!spec_.history) return {};
    if (!history_table_.exists()) return "the history is new";
    return why_not_made(history_table_);
  }

  std::string why_not_made(const lake::DeltaTable& table) {
    const auto made = newest_change(table);
    const json metrics = made ? metrics_of(made->commit) : json::object();
    if (!metrics.contains("model"))
      return "the newest version of " + table.name() + " is not by this model";
    if (metrics.value("model", json()) != signature_)
      return "the model or its values are not those of version " + std::to_string(made->version);
    const auto read = metrics.value("inputs", std::string());
    if (!same_rows(read) || metrics.value("input_tables", json()) != table_ids_json(inputs_))
      return "inputs have changed since " + read;
    return {};
  }

  // Whether the inputs hold what they held at the versions of `read`, as versions_json() wrote it.
  bool same_rows(const std::string& read) const {
    if (read == versions_json(inputs_)) return true;
    const auto versions = parse_untrusted(read);
    if (!versions || !versions->is_object() || versions->size() != inputs_.tables.size())
      return false;
    return std::all_of(inputs_.tables.begin(), inputs_.tables.end(), [&](const auto& input) {
      const auto then = json_int(versions->value(input.first, json()));
      return then && unchanged_since(input.second, *then);
    });
  }

  std::string changing_function() {
    for (const auto* said : {&statement_, &conditions_})
      if (const std::string name = changing_function(*said); !name.empty()) return name;
    return {};
  }

  std::string changing_function(const lake::OutsideSelect& said) {
    if (said.samples) return "a sample";
    if (!said.clock.empty()) return said.clock;
    const auto found = session_.query(
        "SELECT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT' AND "
        "list_contains($1, function_name) ORDER BY 1 LIMIT 1",
        {said.functions});
    return found.rows.empty() ? std::string() : found.rows.front().front().text();
  }

  void compute() {
    for (const lake::NamedTable& named : statement_.tables)
      lake::attach_table(session_, named, inputs_.tables.at(table_of(named)));
    lake::close_outside(session_, lake::lake_folder(context_));
    session_.run("SET preserve_insertion_order = false");  // or large results stay in memory
    context_.progress(0.1);
    session_.run("CREATE TEMP TABLE computed AS " + spec_.sql, spec_.values);
    context_.progress(0.5);
  }

  void finish(const Written& written, bool skipped) {
    context_.records(written.changed);
    json read = json::object();
    for (const auto& [name, table] : inputs_.tables) read[name] = table.version();
    json result = {{"execution_id", context_.execution_id()},
                   {"table", spec_.table},
                   {"records", written.changed},
                   {"rows", written.rows},
                   {"removed", written.removed},
                   {"partitions", written.partitions},
                   {"inputs", read},
                   {"unchanged", !written.version}};
    if (spec_.history)
      result["history"] = {{"table", spec_.table + "_hist"},
                           {"opened", history_opened_},
                           {"closed", history_closed_}};
    context_.return_json(json_text(result));
    if (history_opened_ + history_closed_ > 0)
      context_.info("history: " + std::to_string(history_opened_) + " states began, " +
                    std::to_string(history_closed_) + " ended");
    if (skipped)
      return context_.info(spec_.table + " version " + std::to_string(target_.version()) +
                           " was made by this model of these versions: nothing to compute");
    if (!written.version)
      return context_.info(std::to_string(written.rows) + " rows, none of them new in " +
                           spec_.table + ": no new version");
    for (const auto& [name, table] : inputs_.tables)
      context_.report(
          "lineage",
          json_text({{"from", name}, {"from_version", table.version()}, {"to", spec_.table}}));
    if (written.rows == 0 && spec_.mode == Mode::overwrite)
      context_.warn("the result is empty, and so is " + spec_.table + " now");
    context_.info(std::string(to_string(spec_.mode)) + ": " + std::to_string(written.rows) +
                  " rows, " + std::to_string(written.changed) + " new or changed, " +
                  std::to_string(written.removed) + " removed, " +
                  std::to_string(written.partitions) + " files written");
  }

  static constexpr auto plugin_version = "1.0.0";

  plugin::Context& context_;
  const ModelSpec spec_;
  lake::Session session_;
  const lake::OutsideSelect statement_;
  const lake::OutsideSelect conditions_;
  Inputs inputs_;
  const lake::DeltaTable target_;
  const lake::DeltaTable history_table_;  // the target where none is kept
  std::int64_t history_opened_ = 0, history_closed_ = 0;
  std::string signature_;
};

}  // namespace

struct SqlModelPlugin {
  static constexpr auto name = "sql_model";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "aggregate";
  static constexpr auto summary = "One SELECT over tables of the lake becomes a table";
  static constexpr batuta_param params[] = {
      plugin::required(BATUTA_PARAM_STRING, "sql", "one SELECT, with :name for parameters"),
      plugin::optional(BATUTA_PARAM_OBJECT, "parameters", "values by name"),
      plugin::required(BATUTA_PARAM_STRING, "table", "such as gold/brokerage/client_position"),
      plugin::optional(BATUTA_PARAM_STRING, "mode", "overwrite, append, merge or partitions",
                       "\"overwrite\""),
      plugin::optional(BATUTA_PARAM_ARRAY, "keys", "what makes a row unique"),
      plugin::optional(BATUTA_PARAM_ARRAY, "partition_by", "columns"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "history", "every state of the rows, in <table>_hist",
                       "false"),
      plugin::optional(BATUTA_PARAM_STRING, "delete_when", "merge: rows that delete"),
      plugin::optional(BATUTA_PARAM_ARRAY, "quality", "rules over the result"),
      plugin::optional(BATUTA_PARAM_STRING, "description", "of the table")};

  void execute(plugin::Context& context) {
    try {
      SqlModel(context).run();
    } catch (const lake::SqlError& error) {
      const std::string why = error.what();
      // The disk's and the memory's troubles may pass; the statement's do not.
      if (why.starts_with("IO Error") || why.starts_with("Out of Memory"))
        throw plugin::RetryableError(why);
      throw plugin::FinalError(why);
    }
  }
};

}  // namespace batuta::models

BATUTA_PLUGIN(batuta::models::SqlModelPlugin)
