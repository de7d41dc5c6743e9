// sql_model: one SELECT over tables of the lake becomes the next version of a table.
//
// The statement is looked at by the engine's own parser before anything runs: it is one SELECT that
// names tables and pure functions only, and from then on the engine reaches nothing but the lake's
// files. The tables it names are its inputs, read at versions that the run's first attempt fixed.
#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "plugins/contract/described.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/layer/history.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/sql_error.h"
#include "plugins/models/changed_partitions.h"
#include "plugins/models/column_lineage.h"
#include "plugins/models/model_cost.h"
#include "plugins/models/model_inputs.h"
#include "plugins/models/model_pass.h"
#include "plugins/models/model_plan.h"
#include "plugins/models/model_rules.h"
#include "plugins/models/model_versions.h"
#include "plugins/models/model_write.h"
#include "plugins/models/partition_wise.h"

namespace batuta::models {
namespace {

using nlohmann::json;

constexpr std::size_t most_lineage = 32u << 10;

class SqlModel {
 public:
  explicit SqlModel(plugin::Context& context)
      : context_(context),
        spec_(model_spec(context)),
        session_(lake::session_options(context)),
        statement_(lake::check_model_select(session_, spec_.sql)),
        conditions_(look_at_conditions(session_, spec_)),
        target_(lake::DeltaTable::open(session_, lake::lake_folder(context), spec_.table)),
        signature_(signature_of(session_, spec_, context.execution_id())),
        last_read_(last_read(target_, signature_.statement)),
        inputs_(open_inputs(context, session_, spec_.table, names(), last_read_)),
        history_table_(
            lake::DeltaTable::open(session_, lake::lake_folder(context),
                                   spec_.history ? spec_.table + "_hist" : spec_.table)) {
    lake::check_may_write(target_);
    lake::check_may_write(history_table_);
  }

  void run() {
    tell_inputs();
    prune_inputs(context_, target_);
    const std::string clock = changing_function(session_, statement_, conditions_);
    const Made made = made_already(spec_, target_, history_table_, signature_, inputs_, clock);
    if (made.is == Made::Is::yes) {
      unchanged_ = made.why;
      return finish({});
    } else if (target_.exists()) {
      context_.info("computed: " + made.why);
    }
    find_changed();
    if (target_.exists() && spec_.changed.empty()) {
      increment_ =
          choose_increment(session_, spec_, target_, inputs_, last_read_, signature_, clock);
      context_.info(increment_.told);
    }
    const Reading read = reading_of(inputs_, increment_, changed_);
    if (const auto told = exceeds_room(read, room_of(session_, context_.scratch())); !told.empty())
      context_.warn(told);
    compute();
    const ModelShape shape = shape_of_result(session_, "computed", target_, spec_);
    session_.run("CREATE TEMP VIEW fresh AS SELECT " + shape.select + " FROM computed");
    if (!spec_.delete_when.empty()) check_condition(session_, "delete_when", spec_.delete_when);
    ModelWrite write(context_, session_, spec_, shape, target_, versions_json(inputs_));
    follow_changed(shape, write);
    if (is_increment()) write.follow(increment_.by.columns, increment_.values);
    const bool of_part = is_increment() || !spec_.changed.empty();
    judge(context_, session_, spec_, shape, of_part ? write.whole_after() : std::string());
    context_.progress(0.6);
    // Before the files: what comes after them is what a version waits for once they are written,
    // and a statement more has the engine start its other threads again.
    const std::string lineage = lineage_of_columns();
    const Written written = write.stage();
    const json made_now = made_of(signature_, inputs_);
    json metrics = made_now;
    add_contract(metrics);
    if (written.version) metrics["column_lineage"] = lineage;
    metrics.update(cost_json(
        read, (std::chrono::steady_clock::now() - begun_) / std::chrono::milliseconds(1)));
    metrics.update(
        {{"rows", written.rows}, {"rows_out", written.changed}, {"rows_removed", written.removed}});
    write.hand_in(json_text(metrics));
    if (!written.version) keep_confirmed(target_, made_now);
    if (spec_.history) keep_history(shape, write, written, made_now);
    finish(written);
  }

 private:
  // For the history of each version.
  void add_contract(json& metrics) const {
    if (!spec_.contract) return;
    metrics["contract"] = spec_.contract->path;
    metrics["contract_version"] = spec_.contract->contract.version;
  }

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

  // Kept with the version, as a text as others of its metrics are.
  std::string lineage_of_columns() {
    std::map<std::string, std::vector<std::string>> columns;
    for (const auto& [name, table] : inputs_.tables)
      for (const lakelog::Column& column : table.snapshot().metadata.columns)
        columns[name].push_back(column.name);
    std::vector<std::string> names;
    for (const auto& row : session_.query("DESCRIBE computed").rows)
      names.push_back(row.front().text());
    const auto traced = column_lineage(session_, spec_.sql, columns, names);
    std::string text = json_text(column_lineage_json(traced));
    if (text.size() <= most_lineage) return text;
    context_.warn(
        "which column comes of which is more than the 32 KiB that a version tells; it is "
        "told as unknown");
    return json_text({{"*", {{"unknown", "it is too long to be kept"}}}});
  }

  // The same rows were computed: the next run need not compute them to know.
  void keep_confirmed(const lake::DeltaTable& table, const json& made_now) {
    if (signature_.by_run || !table.exists()) return;
    if (const auto kept = confirm(table, made_now); !kept)
      context_.warn("the next run computes this again, for it cannot be kept: " +
                    kept.error().message);
  }

  // The lists that changed_partitions(…) stands for.
  void find_changed() {
    if (spec_.changed.empty()) return;
    std::map<std::string, std::vector<std::string>> lists;
    ValueTypes types;
    for (ChangedPartitions& changed : changed_lists(spec_.changed, inputs_, last_read_)) {
      context_.info(changed.told);
      if (changed.also_null)
        context_.info("the partition of " + changed.table + " without a " + changed.column +
                      " is among them, which no list can name: it is computed where the statement "
                      "says OR " +
                      lake::quoted_name(changed.column) + " IS NULL");
      lists[changed.parameter] = changed.values;
      types[changed.parameter] = list_type(changed);
      changed_.push_back(std::move(changed));
    }
    tell_other_changes();
    bind_changed(context_, spec_, lists, types);
  }

  // An input without a list of its own may have changed what other partitions are made of.
  void tell_other_changes() {
    for (const auto& [name, table] : inputs_.tables) {
      const bool listed =
          std::any_of(spec_.changed.begin(), spec_.changed.end(),
                      [&, of = name](const auto& call) { return call.table == of; });
      const auto read = last_read_.inputs.find(name);
      if (listed || read == last_read_.inputs.end()) continue;
      if (unchanged_since(table, read->second.version)) continue;
      context_.info(name + " has changed since version " + std::to_string(read->second.version) +
                    ", too: partitions that are not computed now keep what they were made of");
    }
  }

  bool is_increment() const { return !increment_.by.input.empty(); }

  // The input with the files of the increment only.
  void attach_increment(const lake::NamedTable& named, const lake::DeltaTable& table) {
    const auto files = table.files([&](const lakelog::AddFile& file) {
      return increment_.values.count(values_in(table, file, increment_.by.input_columns)) != 0;
    });
    const auto& metadata = table.snapshot().metadata;
    lake::create_view(session_, "changed_part", table, metadata.columns, metadata.partition_columns,
                      files);
    lake::attach_relation(session_, named, "changed_part");
  }

  // The table's partitions follow those of an input where they are by the same column.
  void follow_changed(const ModelShape& shape, ModelWrite& write) {
    if (spec_.mode != Mode::partitions) return;
    for (const ChangedPartitions& changed : changed_) {
      const bool same = std::any_of(
          shape.columns.begin(), shape.columns.end(), [&](const lakelog::Column& column) {
            return column.name == changed.column && column.type == changed.delta_type;
          });
      const auto& parts = spec_.partition_by;
      if (same && std::find(parts.begin(), parts.end(), changed.column) != parts.end()) {
        std::optional<std::set<ModelWrite::Partition>> values;
        if (!changed.all) values.emplace();
        if (values)
          for (const std::string& value : changed.values) values->insert({value});
        if (values && changed.also_null) values->insert({std::nullopt});
        write.follow({changed.column}, std::move(values));
      } else {
        context_.info(spec_.table + " is not partitioned by the " + changed.column + " of " +
                      changed.table +
                      ": a partition of it that the result has no rows in stays as it is");
      }
    }
  }

  // Beside the table, in the same attempt. It has a version for each of the table's, so that what
  // made the table tells whether the history has it, too.
  void keep_history(const ModelShape& shape, ModelWrite& write, const Written& written,
                    const json& made_now) {
    lake::HistorySpec spec;
    spec.table = {spec_.table, spec_.description, {}, shape.columns, spec_.keys};
    spec.partition_by = spec_.partition_by;
    spec.besides = {versions_column, computed_column, execution_column};
    spec.since = lake::quoted_name(computed_column);
    lake::TableHistory history(context_, session_, std::move(spec));
    history.compare(write.rows_after(), std::nullopt, write.now());
    if (written.version || history.differs()) {
      json metrics = made_now;
      add_contract(metrics);
      history.hand_in(json_text(metrics));
    } else {
      keep_confirmed(history_table_, made_now);
    }
    history_opened_ = history.opened();
    history_closed_ = history.closed();
  }

  void compute() {
    for (const lake::NamedTable& named : statement_.tables) {
      const std::string name = table_of(named);
      if (is_increment() && name == increment_.by.input) {
        attach_increment(named, inputs_.tables.at(name));
      } else {
        lake::attach_table(session_, named, inputs_.tables.at(name));
      }
    }
    lake::close_outside(session_, context_.lake());
    session_.run("SET preserve_insertion_order = false");  // or large results stay in memory
    context_.progress(0.1);
    session_.run("CREATE TEMP TABLE computed AS " + spec_.sql, spec_.values);
    context_.progress(0.5);
  }

  void finish(const Written& written) {
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
    if (!unchanged_.empty()) result["because"] = unchanged_;
    if (spec_.history)
      result["history"] = {{"table", spec_.table + "_hist"},
                           {"opened", history_opened_},
                           {"closed", history_closed_}};
    context_.return_json(json_text(result));
    if (history_opened_ + history_closed_ > 0)
      context_.info("history: " + std::to_string(history_opened_) + " states began, " +
                    std::to_string(history_closed_) + " ended");
    if (!unchanged_.empty()) {
      context_.note(unchanged_);
      return context_.info(spec_.table + " is " + unchanged_ + ": nothing to compute");
    }
    if (!written.version)
      return context_.info(std::to_string(written.rows) + " rows, none of them new in " +
                           spec_.table + ": no new version");
    for (const auto& [name, table] : inputs_.tables)
      context_.report(
          "lineage",
          json_text({{"from", name}, {"from_version", table.version()}, {"to", spec_.table}}));
    if (written.rows == 0 && spec_.mode == Mode::overwrite && !is_increment())
      context_.warn("the result is empty, and so is " + spec_.table + " now");
    context_.info(std::string(to_string(spec_.mode)) + ": " + std::to_string(written.rows) +
                  " rows, " + std::to_string(written.changed) + " new or changed, " +
                  std::to_string(written.removed) + " removed, " +
                  std::to_string(written.partitions) + " files written");
  }

  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  plugin::Context& context_;
  ModelSpec spec_;
  lake::Session session_;
  const lake::OutsideSelect statement_;
  const lake::OutsideSelect conditions_;
  const lake::DeltaTable target_;
  const Signature signature_;
  const LastRead last_read_;
  Inputs inputs_;
  std::vector<ChangedPartitions> changed_;
  Increment increment_;
  const lake::DeltaTable history_table_;  // the target where none is kept
  std::int64_t history_opened_ = 0, history_closed_ = 0;
  std::string unchanged_;  // why nothing is computed
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
      plugin::optional(BATUTA_PARAM_OBJECT, "changed", "lists of changed partitions, by parameter"),
      plugin::required(BATUTA_PARAM_STRING, "table", "such as gold/brokerage/client_position"),
      plugin::optional(BATUTA_PARAM_STRING, "mode", "overwrite, append, merge or partitions",
                       "\"overwrite\""),
      plugin::optional(BATUTA_PARAM_ARRAY, "keys", "what makes a row unique"),
      plugin::optional(BATUTA_PARAM_ARRAY, "partition_by", "columns"),
      plugin::optional(BATUTA_PARAM_ARRAY, "cluster_by", "columns to sort the rows of a file by"),
      plugin::optional(BATUTA_PARAM_STRING, "incremental", "auto or off", "\"auto\""),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "history", "every state of the rows, in <table>_hist",
                       "false"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "always",
                       "computed also where nothing it is made of changed", "false"),
      plugin::optional(BATUTA_PARAM_STRING, "delete_when", "merge: rows that delete"),
      plugin::optional(BATUTA_PARAM_ARRAY, "quality", "rules over the result"),
      plugin::optional(BATUTA_PARAM_STRING, "description", "of the table"),
      plugin::optional(BATUTA_PARAM_OBJECT, "contract", "of the table: its name, and its yaml"),
      plugin::optional(BATUTA_PARAM_OBJECT, "plan",
                       "nothing is written: what a run would compute is told")};

  void execute(plugin::Context& context) {
    try {
      if (asks_for_plan(context)) return context.return_json(json_text(plan_of_model(context)));
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
