#include "plugins/report/kept_rows.h"

#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "plugins/lake/appender.h"

namespace batuta::lake {
namespace {

using nlohmann::json;

constexpr const char* came_as_text = "came_as_text";
constexpr const char* came = "came";
constexpr const char* table_rows = "rows_there";

// Fills `came` with the rows, typed.
void load_rows(Session& session, const TableShape& shape, const json& told) {
  const auto wrong = [&shape](const std::string& what) {
    return plugin::FinalError(shape.name + ": what the server told of it " + what);
  };
  if (!told.is_object() || !told.contains("columns") || !told.contains("rows") ||
      !told["rows"].is_array())
    throw wrong("has no columns and rows");
  std::string texts, typed;
  json names = json::array();
  for (const lakelog::Column& column : shape.columns) {
    const std::string name = quoted_name(column.name);
    texts += (texts.empty() ? "" : ", ") + name + " VARCHAR";
    typed += (typed.empty() ? "CAST(" : ", CAST(") + name + " AS " + sql_type(column.type) +
             ") AS " + name;
    names.push_back(column.name);
  }
  if (told["columns"] != names)
    throw wrong("has the columns " + json_text(told["columns"]) + ", not " + json_text(names) +
                ": server and worker are of different versions");
  session.run(std::string("CREATE OR REPLACE TEMP TABLE ") + came_as_text + " (" + texts + ")");
  {
    Appender rows(session, came_as_text);
    for (const json& row : told["rows"]) {
      if (!row.is_array() || row.size() != shape.columns.size())
        throw wrong("has a row that is none");
      for (const json& value : row) {
        if (value.is_null()) {
          rows.text(std::nullopt);
        } else if (value.is_string()) {
          rows.text(value.get_ref<const std::string&>());
        } else {
          rows.text(json_text(value));
        }
      }
      rows.end_row();
    }
    rows.close();
  }
  session.run(std::string("CREATE OR REPLACE TEMP TABLE ") + came + " AS SELECT " + typed +
              " FROM " + came_as_text);
}

std::set<std::string> texts_of(Session& session, const std::string& select) {
  std::set<std::string> out;
  for (const auto& row : session.query(select).rows) out.insert(row.at(0).text());
  return out;
}

std::string in_list(const std::set<std::string>& days) {
  std::string out;
  for (const std::string& day : days) out += (out.empty() ? "DATE '" : ", DATE '") + day + "'";
  return out;
}

}  // namespace

std::int64_t hand_in_rows(plugin::Context& context, Session& session, const Lake& lake,
                          const TableShape& wanted, const KeptRows& kept,
                          const std::function<bool(Publication&)>& mark) {
  const DeltaTable table = DeltaTable::open(session, lake, wanted.name);
  load_rows(session, wanted, kept.rows);
  const TableShape shape = table.exists() ? fitted_to(wanted, table) : wanted;
  const std::string day = quoted_name(shape.partition);
  auto touched = texts_of(session, "SELECT DISTINCT " + day + "::VARCHAR FROM " + came + " WHERE " +
                                       day + " IS NOT NULL");
  touched.insert(kept.partitions.begin(), kept.partitions.end());

  std::set<std::string> old;
  for (const auto& [path, file] : table.snapshot().files) {
    const std::string value = partition_of(shape, table, file);
    if (!value.empty() && value < kept.oldest && !touched.contains(value)) old.insert(value);
  }
  view_of(session, table_rows, shape, table, table.files([&](const lakelog::AddFile& file) {
    return touched.contains(partition_of(shape, table, file));
  }));
  const std::string gone = "((" + kept.gone + ") OR EXISTS (SELECT 1 FROM " + came +
                           " AS c WHERE " + same_key(shape, "t", "c") + "))";
  const auto changed = texts_of(session, std::string("SELECT DISTINCT ") + day + "::VARCHAR FROM " +
                                             table_rows + " AS t WHERE " + gone);

  Publication version(shape, table,
                      table.exists() ? lakelog::Operation::merge : lakelog::Operation::create);
  std::set<std::string> read = touched;
  read.insert(old.begin(), old.end());
  version.read({read.begin(), read.end()});
  std::string select = "SELECT " + column_list(shape) + " FROM " + came;
  if (!changed.empty())
    select += " UNION ALL SELECT " + column_list(shape) + " FROM " + std::string(table_rows) +
              " AS t WHERE " + day + " IN (" + in_list(changed) + ") AND NOT " + gone;
  version.stage(session, select, shape.keys);
  version.replace({changed.begin(), changed.end()});
  version.replace({old.begin(), old.end()});
  const bool told = mark && mark(version);
  const auto rows = static_cast<std::int64_t>(kept.rows["rows"].size());
  if (!version.empty() || told || !table.exists())
    version.hand_in(context, json_text({{"numOutputRows", std::to_string(version.rows())}}));
  return rows;
}

}  // namespace batuta::lake
