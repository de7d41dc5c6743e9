// lake_rotate_key: another key of pseudonyms (docs/lake.md). A plan unless `apply`. Called again
// after whatever ended it, it goes on.
//
// The return value: {"applied","texts","unused","tables":[{"table","columns","rows","unknown",
//   "version","problem","kept_hashes"}],"tables_more"}: `rows` have old pseudonyms (with apply:
//   had), `unused` says that nothing is under the old key any more; `kept_hashes` states of a
//   history have the change_hash that they had, as nobody can tell of which columns it is.
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/pseudonym.h"
#include "plugins/lake/rotate_key.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr std::size_t most_rotated_listed = 200;

std::string rotated_key(const plugin::Context& context, const char* name) {
  std::string key = context.text(name);
  if (key.size() < least_pseudonym_key)
    throw plugin::FinalError(std::string("parameter ") + name +
                             ": a key of pseudonyms has 16 characters at least");
  return key;
}

json report_of(const Rotation& done, bool applied) {
  json tables = json::array();
  for (const RotatedTable& table : done.tables) {
    if (tables.size() == most_rotated_listed) break;
    tables.push_back({{"table", table.table},
                      {"columns", table.columns},
                      {"rows", table.rows},
                      {"unknown", table.unknown},
                      {"version", table.version < 0 ? json() : json(table.version)},
                      {"kept_hashes", table.kept_hashes},
                      {"problem", table.problem.empty() ? json() : json(table.problem)}});
  }
  return {{"applied", applied},
          {"texts", done.texts},
          {"unused", done.unused},
          {"tables", tables},
          {"tables_more", done.tables.size() - tables.size()}};
}

}  // namespace

struct LakeRotateKey {
  static constexpr auto name = "lake_rotate_key";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "transform";
  static constexpr auto summary = "Writes pseudonyms by another key, each table in one version";
  static constexpr batuta_param params[] = {
      plugin::required(BATUTA_PARAM_STRING, "key", "the new key"),
      plugin::required(BATUTA_PARAM_STRING, "previous", "the old key"),
      plugin::required(BATUTA_PARAM_OBJECT, "contracts",
                       "what the contracts of this key say of their columns: {table: {column: "
                       "{type, mask, format, timezone}}}"),
      plugin::optional(BATUTA_PARAM_BOOLEAN, "apply", "acts; otherwise only tells", "false")};

  void execute(plugin::Context& context) {
    RotateOptions options;
    options.key = rotated_key(context, "key");
    options.previous = rotated_key(context, "previous");
    if (options.key == options.previous)
      throw plugin::FinalError("parameter key: it is the old one");
    options.facts = contract_facts(context.json("contracts"));
    options.apply = context.boolean("apply", false);
    options.info_json = json_text({{"dag_id", context.dag_id()},
                                   {"run_id", context.run_id()},
                                   {"task_id", context.task_id()},
                                   {"execution_id", context.execution_id()}});
    options.cancelled = [&context] { return context.cancelled(); };
    Session session(session_options(context));
    const Rotation done = rotate_key(session, lake_folder(context), options);
    for (const RotatedTable& table : done.tables)
      if (table.version >= 0)
        context.info(table.table + ": " + std::to_string(table.rows) + " rows, version " +
                     std::to_string(table.version));
    for (const RotatedTable& table : done.tables)
      if (table.kept_hashes > 0)
        context.warn(table.table + ": " + std::to_string(table.kept_hashes) +
                     " states keep the change_hash of their old pseudonyms, as its columns could "
                     "not be told: the next snapshot of those keys writes one state more each");
    context.return_json(json_text(report_of(done, options.apply)));
  }
};

}  // namespace batuta::lake

BATUTA_PLUGIN(batuta::lake::LakeRotateKey)
