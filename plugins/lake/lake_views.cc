#include "plugins/lake/lake_views.h"

#include <map>
#include <nlohmann/json.hpp>

#include "common/ids.h"
#include "common/safe_json.h"
#include "lakelog/table.h"
#include "plugins/lake/appender.h"
#include "plugins/lake/delta_table.h"
#include "plugins/sdk/plugin.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr JsonLimits rows_limits{8u << 20, 16, 1'000'000, 256u << 10};

std::string layer_of(const std::string& name) {
  return name.substr(0, name.find('/'));
}
std::string short_name(const std::string& name) {
  return layer_of(name) + "/" + name.substr(name.find_last_of('/') + 1);
}

void create_schema(Session& session, const std::string& name) {
  session.run("CREATE SCHEMA IF NOT EXISTS " + quoted_name(name));
}

void attach_table(Session& session, const std::string& lake, const std::string& name,
                  const std::string& view, bool has_short_name) {
  const auto table = DeltaTable::open(session, lake, name);
  create_view(session, view, table);
  const std::string body = " AS SELECT * FROM " + view;
  session.run("CREATE VIEW " + quoted_name(name) + body);
  if (!has_short_name) return;
  const std::string layer = layer_of(name);
  create_schema(session, layer);
  session.run("CREATE VIEW " + quoted_name(layer) + "." +
              quoted_name(name.substr(name.find_last_of('/') + 1)) + body);
}

std::string cell_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

}  // namespace

std::vector<std::string> attach_tables(Session& session, const std::string& lake) {
  auto storage = lakelog::open_storage(lake);
  if (!storage) throw plugin::FinalError(storage.error().message);
  auto names = lakelog::list_tables(**storage);
  if (!names) throw plugin::RetryableError(names.error().message);
  std::map<std::string, int> owners;
  for (const std::string& name : *names) ++owners[short_name(name)];
  std::vector<std::string> problems;
  for (std::size_t i = 0; i < names->size(); ++i) {
    const std::string& name = (*names)[i];
    try {
      attach_table(session, lake, name, "lake_table_" + std::to_string(i),
                   owners[short_name(name)] == 1);
    } catch (const plugin::FinalError& error) {  // one foreign table must not hide the others
      problems.emplace_back(error.what());
    }
  }
  return problems;
}

void attach_rows(Session& session, const std::string& name, const std::string& table_json) {
  auto parsed = parse_untrusted(table_json, rows_limits);
  if (!valid_id(name) || !parsed || !parsed->is_object() || !parsed->contains("columns") ||
      !parsed->contains("rows"))
    throw plugin::FinalError("parameter mngt: " + name + " has no columns and rows");
  std::string stored;
  std::string typed;
  for (const json& column : (*parsed)["columns"]) {
    const std::string quoted = quoted_name(column.value("name", ""));
    stored += (stored.empty() ? "" : ", ") + quoted + " VARCHAR";
    typed += (typed.empty() ? "" : ", ") + ("CAST(" + quoted) + " AS " +
             sql_type(column.value("type", "string")) + ") AS " + quoted;
  }
  const std::string raw = "mngt_raw_" + name;
  session.run("CREATE TEMP TABLE " + quoted_name(raw) + " (" + stored + ")");
  Appender rows(session, raw);
  for (const json& row : (*parsed)["rows"]) {
    for (const json& value : row)
      rows.text(value.is_null() ? std::nullopt : std::optional(cell_text(value)));
    rows.end_row();
  }
  rows.close();
  create_schema(session, "mngt");
  session.run("CREATE VIEW mngt." + quoted_name(name) + " AS SELECT " + typed + " FROM " +
              quoted_name(raw));
}

void lock_down(Session& session, const std::string& lake) {
  session.run("SET allowed_directories = [" + quoted_literal(lake + "/") + "]");
  session.run("SET enable_external_access = false");
  session.run("SET lock_configuration = true");
}

}  // namespace batuta::lake
