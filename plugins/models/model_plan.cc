// model_plan: what a run of a model would do now, over the lake as it is. Nothing is written.
//
// Takes what sql_model takes. Values of templates are a run's: NULL stands for each, and what they
// would decide is told as not known.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/sql_error.h"
#include "plugins/models/changed_partitions.h"
#include "plugins/models/model_cost.h"
#include "plugins/models/model_inputs.h"
#include "plugins/models/model_rules.h"
#include "plugins/models/model_versions.h"
#include "plugins/models/partition_wise.h"
#include "plugins/models/result_shape.h"

namespace batuta::models {
namespace {

using nlohmann::json;

class PlannedModel {
 public:
  explicit PlannedModel(plugin::Context& context)
      : context_(context),
        spec_(model_spec(context)),
        session_(lake::session_options(context)),
        statement_(lake::check_model_select(session_, spec_.sql)),
        conditions_(look_at_conditions(session_, spec_)),
        target_(lake::DeltaTable::open(session_, lake::lake_folder(context), spec_.table)),
        last_(last_read(target_, hash_of(statement_json(spec_)))),
        inputs_(newest_inputs(session_, lake::lake_folder(context), names(), last_)) {}

  json told() {
    json out = {{"table", spec_.table}, {"change", target_.exists() ? "none" : "new"}};
    json missing = json::array();
    for (const std::string& name : names())
      if (inputs_.tables.count(name) == 0) missing.push_back(name);
    if (!missing.empty()) {
      if (target_.exists()) out["change"] = "unknown";
      out.update(
          {{"computes", "all"}, {"missing", missing}, {"rows", nullptr}, {"bytes", nullptr}});
      out["why"] = "there is no table " + missing[0].get<std::string>();
      return out;
    }
    tell_pass(out);
    if (target_.exists() && !last_.unknown.empty()) tell_change(out);
    return out;
  }

 private:
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const lake::NamedTable& named : statement_.tables) out.push_back(table_of(named));
    return out;
  }

  bool reads_the_same() const {
    return last_.unknown.empty() && last_.inputs.size() == inputs_.tables.size() &&
           std::all_of(inputs_.tables.begin(), inputs_.tables.end(), [&](const auto& input) {
             const auto read = last_.inputs.find(input.first);
             return read != last_.inputs.end() &&
                    read->second.table_id == input.second.snapshot().metadata.id &&
                    unchanged_since(input.second, read->second.version);
           });
  }

  bool has_templates() const { return spec_.values.size() > spec_.changed.size(); }

  // Why the same text, of the same inputs, is computed; empty: it is not, as far as is known.
  std::string why_besides() {
    if (!last_.unknown.empty()) return last_.unknown;
    if (spec_.mode == Mode::append) return "each run appends its rows";
    if (spec_.history &&
        !lake::DeltaTable::open(session_, lake::lake_folder(context_), spec_.table + "_hist")
             .exists())
      return "the history is new";
    if (!has_templates() && hash_of(signed_json(spec_, {})) != last_.model)
      return "its rules or its description are others than before";
    return {};
  }

  std::string hash_of(const std::string& text) {
    return session_.value("SELECT sha256(CAST($1 AS VARCHAR))", {text}).text();
  }

  // What is computed and why, and what that reads.
  void tell_pass(json& out) {
    const std::string clock = changing_function(session_, statement_, conditions_);
    lists_ = changed_lists(spec_.changed, inputs_, last_);
    Increment increment;
    std::string why;
    bool all = false;
    const std::string besides = why_besides();
    if (clock.empty() && besides.empty() && reads_the_same()) {
      out.update({{"computes", "nothing"}, {"rows", 0}, {"bytes", 0}, {"seconds", 0}});
      out["why"] = std::string("made by this model of what its inputs hold") +
                   (has_templates() ? ", if the values of its templates are what they were" : "");
      return tell_whole(out);
    }
    if (!lists_.empty()) {
      all = std::all_of(lists_.begin(), lists_.end(), [](const auto& list) { return list.all; });
      for (const ChangedPartitions& list : lists_) why += (why.empty() ? "" : "; ") + list.told;
    } else if (!last_.unknown.empty()) {
      all = true;
      why = last_.unknown;
    } else if (!clock.empty()) {
      all = true;
      why = clock + " gives something else each time";
    } else if (!besides.empty()) {
      all = true;
      why = besides;
    } else {
      increment =
          find_increment(partition_wise(session_, spec_, target_, inputs_.tables), inputs_, last_);
      all = increment.by.input.empty();
      why = increment.told;
    }
    out["computes"] = all ? "all" : "part";
    out["why"] = why;
    tell_cost(out, reading_of(inputs_, increment, lists_));
    tell_whole(out);
  }

  void tell_cost(json& out, const Reading& read) {
    out["rows"] = read.rows ? json(*read.rows) : json();
    out["bytes"] = read.bytes;
    const auto made = target_.exists() ? newest_change(target_) : std::nullopt;
    const auto seconds =
        made ? seconds_for(read.bytes, metrics_of(made->commit)) : std::optional<double>();
    out["seconds"] = seconds ? json(*seconds) : json();
  }

  // What a pass over everything would read, for whom an input is about to change.
  void tell_whole(json& out) {
    json whole = json::object();
    tell_cost(whole, reading_of(inputs_, {}, {}));
    out["whole"] = whole;
  }

  // What another text or other fields would make of the table's columns.
  void tell_change(json& out) {
    try {
      std::map<std::string, std::vector<std::string>> values;
      ValueTypes types;
      for (const ChangedPartitions& list : lists_) {
        values[list.parameter] = list.values;
        types[list.parameter] = list_type(list);
      }
      if (!lists_.empty()) bind_changed(context_, spec_, values, types);
      for (const lake::NamedTable& named : statement_.tables)
        lake::attach_table(session_, named, inputs_.tables.at(table_of(named)));
      lake::close_outside(session_, context_.lake());
      session_.run("CREATE TEMP TABLE computed AS SELECT * FROM (" + spec_.sql + "\n) LIMIT 0",
                   spec_.values);
    } catch (const lake::SqlError& error) {
      out["change"] = "unknown";
      out["problem"] = error.what();
      return;
    }
    try {
      const ModelShape shape = shape_of_result(session_, "computed", target_, spec_);
      out["change"] = shape.evolves ? "additive" : "rows";
    } catch (const plugin::FinalError& error) {
      // A column that is a template's value has the type of the value.
      out["change"] = has_templates() ? "unknown" : "breaking";
      out["problem"] = error.what();
    }
  }

  plugin::Context& context_;
  ModelSpec spec_;
  lake::Session session_;
  const lake::OutsideSelect statement_, conditions_;
  const lake::DeltaTable target_;
  const LastRead last_;
  const Inputs inputs_;
  std::vector<ChangedPartitions> lists_;
};

}  // namespace

struct ModelPlanPlugin {
  static constexpr auto name = "model_plan";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "What a run of a SQL model would compute now";
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
      context.return_json(json_text(PlannedModel(context).told()));
    } catch (const lake::SqlError& error) {
      throw plugin::FinalError(error.what());
    }
  }
};

}  // namespace batuta::models

BATUTA_PLUGIN(batuta::models::ModelPlanPlugin)
