// sql_model: one SELECT over tables of the lake becomes the next version of a table.
//
// The statement is looked at by the engine's own parser before anything runs: it is one SELECT that
// names tables and pure functions only, and from then on the engine reaches nothing but the lake's
// files. The tables it names are its inputs, read at versions that the run's first attempt fixed.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/layer/history.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/sql_error.h"
#include "plugins/models/changed_partitions.h"
#include "plugins/models/model_inputs.h"
#include "plugins/models/model_rules.h"
#include "plugins/models/model_versions.h"
#include "plugins/models/model_write.h"
#include "plugins/models/partition_wise.h"

namespace batuta::models {
namespace {

using nlohmann::json;

class SqlModel {
 public:
  explicit SqlModel(plugin::Context& context)
      : context_(context),
        spec_(model_spec(context)),
        session_(lake::session_options(context)),
        statement_(lake::check_model_select(session_, spec_.sql)),
        conditions_(look_at_conditions(session_, spec_)),
        target_(lake::DeltaTable::open(session_, lake::lake_folder(context), spec_.table)),
        statement_id_(hash_of(statement_json(spec_))),
        last_read_(last_read(target_, statement_id_)),
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
    signature_ = hash_of(signed_text());
    if (const std::string why = why_not_skipped(); why.empty()) {
      return finish({}, true);
    } else if (target_.exists()) {
      context_.info("computed: " + why);
    }
    find_changed();
    if (target_.exists() && spec_.changed.empty()) choose_increment();
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
    const Written written = write.stage();
    const json made_of = {{"model", signature_},
                          {"statement", statement_id_},
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

  std::string hash_of(const std::string& text) {
    return session_.value("SELECT sha256(CAST($1 AS VARCHAR))", {text}).text();
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

  // Which partitions are computed, where the whole of them would come out the same.
  void choose_increment() {
    const PartitionWise by = partition_wise(session_, spec_, target_, inputs_.tables);
    if (by.input.empty()) return context_.info("a full pass: " + by.why_not);
    if (const std::string name = changing_function(); !name.empty())
      return context_.info("a full pass: " + name + " gives something else each time");
    if (last_read_.unknown.empty() && last_read_.model != signature_)
      return context_.info("a full pass: the values or rules are others than before");
    increment_ = find_increment(by, inputs_, last_read_);
    context_.info(increment_.told);
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
    // Whether a history is kept, how it is computed and sorted, changes no row of the table.
    auto given = parse_untrusted(spec_.given_json);
    if (given && given->is_object()) {
      for (const char* name : {"history", "incremental", "cluster_by"}) given->erase(name);
    }
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
    if (written.rows == 0 && spec_.mode == Mode::overwrite && !is_increment())
      context_.warn("the result is empty, and so is " + spec_.table + " now");
    context_.info(std::string(to_string(spec_.mode)) + ": " + std::to_string(written.rows) +
                  " rows, " + std::to_string(written.changed) + " new or changed, " +
                  std::to_string(written.removed) + " removed, " +
                  std::to_string(written.partitions) + " files written");
  }

  static constexpr auto plugin_version = "1.0.0";

  plugin::Context& context_;
  ModelSpec spec_;
  lake::Session session_;
  const lake::OutsideSelect statement_;
  const lake::OutsideSelect conditions_;
  const lake::DeltaTable target_;
  const std::string statement_id_;
  const LastRead last_read_;
  Inputs inputs_;
  std::vector<ChangedPartitions> changed_;
  Increment increment_;
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
