#include "plugins/models/model_pass.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/models/build_id.h"

namespace batuta::models {
namespace {

using nlohmann::json;

// Whether the inputs hold what they held at the versions of `read`, as versions_json() wrote it.
bool same_rows(const Inputs& inputs, const std::string& read) {
  if (read == versions_json(inputs)) return true;
  const auto versions = parse_untrusted(read);
  if (!versions || !versions->is_object() || versions->size() != inputs.tables.size()) return false;
  return std::all_of(inputs.tables.begin(), inputs.tables.end(), [&](const auto& input) {
    const auto then = json_int(versions->value(input.first, json()));
    return then && unchanged_since(input.second, *then);
  });
}

// Empty: nothing but the values of templates is another.
std::string what_differs(const json& metrics, const Signature& now, const std::string& version) {
  if (metrics.value("statement", json()) != now.statement)
    return "the text or the fields of the model are not those of " + version;
  if (metrics.value("fields", json()) != now.fields)
    return "the rules or the description of the model are not those of " + version;
  if (metrics.value("build", json()) != now.build)
    return version + " was made by another build of the plugin or of the engine";
  return {};
}

std::string names_of(const Inputs& inputs) {
  std::string out;
  for (const auto& [name, table] : inputs.tables)
    out += (out.empty() ? "" : ", ") + name + " version " + std::to_string(table.version());
  return out;
}

}  // namespace

Signature signature_of(lake::Session& session, const ModelSpec& spec, const std::string& execution,
                       bool values_known) {
  const auto digest = [&](const std::string& text) {
    return session.value("SELECT sha256(CAST($1 AS VARCHAR))", {text}).text();
  };
  Signature out;
  out.build = build_id() + "/" + session.value("SELECT version()").text();
  if (values_known) out.model = digest(signed_json(spec, out.build, execution));
  out.fields = digest(fields_json(spec));
  out.statement = digest(statement_json(spec));
  out.by_run = spec.mode == Mode::append;
  return out;
}

Made made_by_model(const lake::DeltaTable& table, const Signature& signature,
                   const Inputs& inputs) {
  const json metrics = made_by(table);
  if (!metrics.contains("model"))
    return {Made::Is::no, "the newest version of " + table.name() + " is not by this model"};
  const std::string number = metrics["version"].dump();
  const std::string version = "version " + number + " of " + table.name();
  const bool same = metrics["model"] == signature.model;
  const bool told = metrics.contains("statement") && metrics.contains("fields");
  if (!same && !told)
    return {signature.model.empty() ? Made::Is::unknown : Made::Is::no,
            version + " was written by an older release, which did not keep what its fields were"};
  if (const std::string why = same ? "" : what_differs(metrics, signature, version); !why.empty())
    return {Made::Is::no, why};
  if (!same && signature.by_run) return {Made::Is::no, "each run appends its rows"};
  if (!same && !signature.model.empty())
    return {Made::Is::no, "the values of the model's templates are not those of " + version};
  const auto read = metrics.find("inputs");
  const std::string then =
      read != metrics.end() && read->is_string() ? read->get<std::string>() : "what is not told";
  if (!same_rows(inputs, then) || metrics.value("input_tables", json()) != table_ids_json(inputs))
    return {Made::Is::no, "inputs have changed since " + then};
  if (!same)
    return {Made::Is::unknown,
            "the values of its templates decide: " + version + " was made by this model"};
  const std::string reads =
      inputs.tables.empty() ? "" : ", and so are the rows that it reads (" + names_of(inputs) + ")";
  return {Made::Is::yes, "unchanged since version " + number +
                             ", because the model, its values and its build are those that it was "
                             "made by" +
                             reads};
}

Made made_already(const ModelSpec& spec, const lake::DeltaTable& target,
                  const lake::DeltaTable& history, const Signature& signature, const Inputs& inputs,
                  const std::string& clock) {
  if (!target.exists()) return {Made::Is::no, "the table is new"};
  if (spec.always) return {Made::Is::no, "the model has always: true"};
  if (!clock.empty()) return {Made::Is::no, clock + " gives something else each time"};
  const Made made = made_by_model(target, signature, inputs);
  if (made.is == Made::Is::no || !spec.history) return made;
  if (!history.exists()) return {Made::Is::no, "the history is new"};
  const Made kept = made_by_model(history, signature, inputs);
  return kept.is == Made::Is::yes ? made : kept;
}

Increment choose_increment(lake::Session& session, const ModelSpec& spec,
                           const lake::DeltaTable& target, const Inputs& inputs,
                           const LastRead& last, const Signature& signature,
                           const std::string& clock) {
  Increment full;
  const auto because = [&](const std::string& why) {
    full.told = "a full pass: " + why;
    return full;
  };
  const PartitionWise by = partition_wise(session, spec, target, inputs.tables);
  if (by.input.empty()) return because(by.why_not);
  if (!clock.empty()) return because(clock + " gives something else each time");
  if (last.unknown.empty() && !signature.model.empty() && last.model != signature.model)
    return because("the values, rules or build are others than before");
  return find_increment(by, inputs, last);
}

json made_of(const Signature& signature, const Inputs& inputs) {
  return {{"model", signature.model},        {"statement", signature.statement},
          {"fields", signature.fields},      {"build", signature.build},
          {"inputs", versions_json(inputs)}, {"input_tables", table_ids_json(inputs)}};
}

}  // namespace batuta::models
