#include "plugins/models/model_plan.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/lake_views.h"
#include "plugins/lake/outside_select.h"
#include "plugins/lake/sql_error.h"
#include "plugins/models/changed_partitions.h"
#include "plugins/models/model_cost.h"
#include "plugins/models/model_inputs.h"
#include "plugins/models/model_pass.h"
#include "plugins/models/model_rules.h"
#include "plugins/models/model_versions.h"
#include "plugins/models/result_shape.h"

namespace batuta::models {
namespace {

using nlohmann::json;

// The templates whose values the plan does not know; what asks for none has none.
std::vector<std::string> unknown_values(const plugin::Context& context) {
  std::vector<std::string> out;
  const auto asked = parse_untrusted(context.json("plan"));
  if (!asked || !asked->is_object()) return out;
  for (const json& name : asked->value("unknown", json::array()))
    if (name.is_string()) out.push_back(name.get<std::string>());
  return out;
}

std::string listed_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// Each with the table's id: one that was removed and made anew counts from 0 again.
void see_version(json& versions, const lake::DeltaTable& table) {
  versions[table.name()] = {table.version(), id_of(table)};
}

// Of a model that Spark computes: all of its inputs, each time. What its text makes of the table
// only Spark knows.
json plan_on_spark(plugin::Context& context, const json& asked) {
  std::vector<std::string> names;
  for (const json& name : asked.value("reads", json::array()))
    if (name.is_string()) names.push_back(name.get<std::string>());
  lake::Session session(lake::session_options(context));
  const auto target =
      lake::DeltaTable::open(session, lake::lake_folder(context), context.text("table"));
  lake::check_may_write(target);
  const Inputs inputs = newest_inputs(session, lake::lake_folder(context), names, LastRead());
  json versions = json::object(), missing = json::array();
  see_version(versions, target);
  for (const auto& [name, table] : inputs.tables) see_version(versions, table);
  for (const std::string& name : names)
    if (inputs.tables.count(name) == 0) missing.push_back(name);
  json out = {{"table", target.name()},
              {"engine", "spark"},
              {"change", target.exists() ? "unknown" : "new"},
              {"at_most", false},
              {"reads", names},
              {"versions", versions},
              {"computes", "all"},
              {"why", "Spark computes it, all each time"}};
  if (!missing.empty()) {
    out.update({{"computes", "unknown"}, {"missing", missing}});
    out["why"] = "there is no table " + missing[0].get<std::string>();
    return out;
  }
  const Reading read = reading_of(inputs, {}, {});
  out["rows"] = read.rows ? json(*read.rows) : json();
  out["bytes"] = read.bytes;
  out["estimate"] = read.held;
  out["seconds"] = json();
  return out;
}

class PlannedModel {
 public:
  explicit PlannedModel(plugin::Context& context)
      : context_(context),
        unknown_(unknown_values(context)),
        spec_(model_spec(context)),
        session_(lake::session_options(context)),
        statement_(lake::check_model_select(session_, spec_.sql)),
        conditions_(look_at_conditions(session_, spec_)),
        target_(lake::DeltaTable::open(session_, lake::lake_folder(context), spec_.table)),
        history_(lake::DeltaTable::open(session_, lake::lake_folder(context),
                                        spec_.history ? spec_.table + "_hist" : spec_.table)),
        signature_(signature_of(session_, spec_, {}, unknown_.empty())),
        last_(last_read(target_, signature_.statement)),
        inputs_(newest_inputs(session_, lake::lake_folder(context), names(), last_)) {
    lake::check_may_write(target_);
    lake::check_may_write(history_);
  }

  json told() {
    json out = {{"table", spec_.table},
                {"change", target_.exists() ? "none" : "new"},
                {"at_most", false},
                {"reads", names()},
                {"versions", versions_seen()}};
    json missing = json::array();
    for (const std::string& name : names())
      if (inputs_.tables.count(name) == 0) missing.push_back(name);
    if (!missing.empty()) {
      if (target_.exists()) out["change"] = "unknown";
      out.update({{"computes", "unknown"}, {"missing", missing}});
      out["why"] = "there is no table " + missing[0].get<std::string>();
      return out;
    }
    tell_pass(out);
    if (target_.exists()) tell_change(out);
    return out;
  }

 private:
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const lake::NamedTable& named : statement_.tables) out.push_back(table_of(named));
    return out;
  }

  json versions_seen() const {
    json out = json::object();
    see_version(out, target_);
    see_version(out, history_);
    for (const auto& [name, table] : inputs_.tables) see_version(out, table);
    return out;
  }

  // What is computed and why, and what that reads.
  void tell_pass(json& out) {
    const std::string clock = changing_function(session_, statement_, conditions_);
    const Made made = made_already(spec_, target_, history_, signature_, inputs_, clock);
    lists_ = changed_lists(spec_.changed, inputs_, last_);
    tell_whole(out);
    out["why"] = made.why;
    if (made.is == Made::Is::yes) {
      out.update(
          {{"computes", "nothing"}, {"rows", 0}, {"bytes", 0}, {"estimate", 0}, {"seconds", 0}});
      return;
    }
    if (made.is == Made::Is::unknown) {
      out["why"] = made.why + (unknown_.empty() ? "" : "; not known: " + listed_names(unknown_));
      out["computes"] = "unknown";
      out["at_most"] = true;
      return tell_cost(out, reading_of(inputs_, {}, lists_));
    }
    Increment increment;
    bool all = true;
    std::string which;
    if (!lists_.empty()) {
      all = std::all_of(lists_.begin(), lists_.end(), [](const auto& list) { return list.all; });
      for (const ChangedPartitions& list : lists_) which += (which.empty() ? "" : "; ") + list.told;
    } else if (target_.exists()) {
      increment = choose_increment(session_, spec_, target_, inputs_, last_, signature_, clock);
      all = increment.by.input.empty();
      which = increment.told;
    }
    if (!which.empty()) out["why"] = made.why + "; " + which;
    if (!all && lists_.empty() && !unknown_.empty()) {
      // Other values than before would make it a full pass.
      increment = {};
      all = true;
      out["at_most"] = true;
      out["why"] = made.why + "; " + which + ", or all, if the values of " +
                   listed_names(unknown_) + " are others than before";
    }
    out["computes"] = all ? "all" : "part";
    tell_cost(out, reading_of(inputs_, increment, lists_));
  }

  void tell_cost(json& out, const Reading& read) {
    out["rows"] = read.rows ? json(*read.rows) : json();
    out["bytes"] = read.bytes;
    out["estimate"] = read.held;
    if (auto told = exceeds_room(read, room_of(session_, context_.scratch())); !told.empty())
      out["exceeds"] = std::move(told);
    const auto made = target_.exists() ? newest_change(target_) : std::nullopt;
    const auto seconds =
        made ? seconds_for(read.bytes, metrics_of(made->commit)) : std::optional<double>();
    out["seconds"] = seconds ? json(*seconds) : json();
  }

  void tell_whole(json& out) {
    json whole = json::object();
    tell_cost(whole, reading_of(inputs_, {}, {}));
    out["whole"] = std::move(whole);
  }

  // What the model's text and fields, where they are others, make of the table.
  void tell_change(json& out) {
    const json metrics = made_by(target_);
    const bool told = metrics.contains("statement") && metrics.contains("fields");
    const bool ours = metrics.contains("model");
    if (told && metrics["statement"] == signature_.statement) {
      out["change"] = metrics["fields"] == signature_.fields ? "none" : "fields";
      return;
    }
    look_at_columns(out);
    // Of an older release: it may be the same text.
    if (ours && !told && out["change"] == "rows") out["change"] = "unknown";
  }

  void look_at_columns(json& out) {
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
      out["change"] = unknown_.empty() ? "breaking" : "unknown";
      out["problem"] = error.what();
    }
  }

  plugin::Context& context_;
  const std::vector<std::string> unknown_;
  ModelSpec spec_;
  lake::Session session_;
  const lake::OutsideSelect statement_, conditions_;
  const lake::DeltaTable target_, history_;
  const Signature signature_;
  const LastRead last_;
  const Inputs inputs_;
  std::vector<ChangedPartitions> lists_;
};

}  // namespace

bool asks_for_plan(const plugin::Context& context) {
  const std::string asked = context.json("plan");
  return !asked.empty() && asked != "null";
}

json plan_of_model(plugin::Context& context) {
  const auto asked = parse_untrusted(context.json("plan"));
  if (asked && asked->is_object() && asked->value("engine", "") == "spark")
    return plan_on_spark(context, *asked);
  return PlannedModel(context).told();
}

}  // namespace batuta::models
