#include "plugins/outputs/file_outputs.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "lakelog/path.h"
#include "plugins/contract/described.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/sql_error.h"
#include "plugins/models/model_rules.h"
#include "plugins/models/model_write.h"
#include "plugins/outputs/typed_file.h"

namespace batuta::outputs {
namespace {

using models::ModelSpec;
using nlohmann::json;

constexpr JsonLimits param_limits{16 << 20, 64, 2'000'000, 4 << 20};

std::string text_of(const json& one, const char* name) {
  const auto found = one.find(name);
  return found != one.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<std::string> texts_of(const json& one, const char* name) {
  const auto found = one.find(name);
  const bool list =
      found != one.end() && found->is_array() &&
      std::all_of(found->begin(), found->end(), [](const json& item) { return item.is_string(); });
  return list ? found->get<std::vector<std::string>>() : std::vector<std::string>();
}

std::optional<from_contract::Described> contract_of(const json& one) {
  const auto contract = one.find("contract");
  if (contract == one.end()) return std::nullopt;
  if (!contract->is_object()) throw plugin::FinalError("an output's contract was not read");
  return from_contract::describe(text_of(*contract, "name"), text_of(*contract, "yaml"));
}

// What a contract promises of its table and only contract_silver keeps: not to be passed over.
void refuse_what_files_lack(const std::string& name, const from_contract::Described& described) {
  const contract::Table& table = described.table;
  const std::string of_contract = name + ": the contract " + described.path;
  for (const contract::Column& column : table.columns)
    if (column.mask != contract::Mask::none)
      throw plugin::FinalError(of_contract + " masks " + column.name +
                               ", which the rows of a file are not: hand in a table without it, or "
                               "let an extract and a transform read the file");
  if (!table.row_rules.empty() || !table.computed.empty())
    throw plugin::FinalError(of_contract +
                             " has rules of rows or computed columns, which the rows of a file "
                             "are not put through: a model over the table can, or an extract and "
                             "a transform that read the file");
  if (table.history)
    throw plugin::FinalError(of_contract +
                             " asks for a history, which files keep none of: a model "
                             "over the table can");
  if (table.deletes != contract::Deletes::keep)
    throw plugin::FinalError(of_contract +
                             " says what becomes of rows that are gone, which a file "
                             "does not tell: overwrite without a contract, or merge "
                             "with delete_when");
}

ModelSpec spec_of(const plugin::Context& context, const json& one,
                  const std::optional<from_contract::Described>& described) {
  ModelSpec spec;
  spec.table = text_of(one, "table");
  if (!lakelog::valid_table_name(spec.table))
    throw plugin::FinalError("outputs: " + lakelog::no_table_name(spec.table));
  spec.mode = models::mode_of(text_of(one, "mode"));
  const bool by_run = spec.mode == models::Mode::append || spec.mode == models::Mode::overwrite;
  if (by_run && context.map_index() >= 0)
    throw plugin::FinalError(
        spec.table + ": the instances of a mapped task would take away each other's rows by " +
        to_string(spec.mode) + "; merge and partitions can be mapped");
  spec.keys = texts_of(one, "keys");
  spec.partition_by = texts_of(one, "partition_by");
  if (described && spec.keys.empty()) spec.keys = described->table.keys();
  if (described && spec.partition_by.empty()) spec.partition_by = described->table.partitions();
  spec.delete_when = text_of(one, "delete_when");
  spec.description = text_of(one, "description");
  if (described && spec.description.empty()) spec.description = described->table.description;
  if (spec.mode == models::Mode::merge && spec.keys.empty())
    throw plugin::FinalError(spec.table + ": merge needs keys, of the output or its contract");
  if (spec.mode == models::Mode::partitions && spec.partition_by.empty())
    throw plugin::FinalError(spec.table + ": the mode partitions needs partition_by");
  if (described) refuse_what_files_lack(spec.table, *described);
  if (const auto quality = one.find("quality"); quality != one.end())
    spec.rules = models::rules_of(*quality);
  return spec;
}

// The file as it lies in the attempt's folder: a file of its own, or a folder of them as Spark
// writes one, which no link leads out of it.
std::string file_of(const std::string& own_folder, const std::string& name,
                    const std::string& table) {
  namespace fs = std::filesystem;
  const std::string what = "output " + table + ": the file \"" + name + "\" ";
  const fs::path relative(name);
  const bool below = !name.empty() && relative.is_relative() &&
                     std::none_of(relative.begin(), relative.end(),
                                  [](const fs::path& part) { return part == ".."; });
  if (!below)
    throw plugin::FinalError(what + "must lie in the task's own folder ($BATUTA_SCRATCH)");
  std::error_code error;
  const fs::path folder = fs::canonical(own_folder, error);
  const fs::path path = error ? fs::path() : fs::canonical(folder / relative, error);
  if (error)
    throw plugin::FinalError(
        what + "was not written in the task's own folder ($BATUTA_SCRATCH): " + error.message());
  const bool inside =
      std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
  if (!inside || !(fs::is_regular_file(path, error) || fs::is_directory(path, error)))
    throw plugin::FinalError(what + "is no file of the task's own folder ($BATUTA_SCRATCH)");
  return path.string();
}

std::int64_t hand_in_one(plugin::Context& context, const std::string& own_folder, const json& one) {
  const auto described = contract_of(one);
  const ModelSpec spec = spec_of(context, one, described);
  const std::string name = text_of(one, "file");
  const TypedFile file{name, file_of(own_folder, name, spec.table), text_of(one, "format"),
                       spec.table};
  lake::Session session(lake::session_options(context));
  const auto target = lake::DeltaTable::open(session, lake::lake_folder(context), spec.table);
  if (described) {
    read_by_contract(context, session, file, *described);
  } else {
    read_as_it_is(session, file, target);
  }
  const models::ModelShape shape = models::shape_of_result(session, "computed", target, spec);
  session.run("CREATE TEMP VIEW fresh AS SELECT " + shape.select + " FROM computed");
  (void)models::look_at_conditions(session, spec);
  if (!spec.delete_when.empty()) models::check_condition(session, "delete_when", spec.delete_when);
  models::judge(context, session, spec, shape);
  models::ModelWrite write(context, session, spec, shape, target, "{}");
  const models::Written written = write.stage();
  json metrics{{"rows", written.rows}, {"rows_out", written.changed}};
  if (described) {
    metrics["contract"] = described->path;
    metrics["contract_version"] = described->contract.version;
  }
  write.hand_in(json_text(metrics));
  context.info(spec.table + ", " + to_string(spec.mode) + ": " + std::to_string(written.rows) +
               " rows of " + name +
               (written.version ? ", " + std::to_string(written.changed) + " new or changed"
                                : ", none of them new: no new version"));
  return written.changed;
}

}  // namespace

void hand_in_files(plugin::Context& context, const std::string& folder) {
  const std::string text = context.json("outputs");
  if (text.empty() || text == "null") return;
  const auto given = parse_untrusted(text, param_limits);
  if (!given || !given->is_array()) throw plugin::FinalError("parameter outputs: not a list");
  std::int64_t records = 0;
  for (const json& one : *given) {
    context.check_cancelled();
    if (!one.is_object()) throw plugin::FinalError("parameter outputs: not a list of objects");
    try {
      records += hand_in_one(context, folder, one);
    } catch (const lake::SqlError& error) {
      const std::string why =
          "output " + text_of(one, "table") + ": " + lake::without_values(error.what());
      // The disk's and the memory's troubles may pass.
      const std::string_view said = error.what();
      if (said.starts_with("IO Error") || said.starts_with("Out of Memory"))
        throw plugin::RetryableError(why);
      throw plugin::FinalError(why);
    }
  }
  if (!given->empty()) context.records(records);
}

}  // namespace batuta::outputs
