// postgres_publish: a table of the lake, at one version, as a table of PostgreSQL for those who
// read nothing else (Power BI). See docs/publishing.md.
#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "lakelog/path.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/delta_table.h"
#include "plugins/postgres_publish/copy_text.h"
#include "plugins/postgres_publish/publication.h"
#include "plugins/postgres_publish/target_statements.h"

namespace batuta::publish {
namespace {

using nlohmann::json;

constexpr std::size_t piece_bytes = 4 << 20;
constexpr std::string_view gold = "gold/";

std::string lower_case(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

std::set<std::string> lower_texts(const json& object, const char* name) {
  std::set<std::string> out;
  const auto list = object.find(name);
  if (list == object.end() || !list->is_array())
    throw plugin::FinalError(std::string("parameter masks: without ") + name);
  for (const json& one : *list)
    if (one.is_string()) out.insert(lower_case(one.get<std::string>()));
  return out;
}

// What the table's contract shows masked, by the parameter that the scheduler writes. A column that
// a masking contract does not name is masked, too: nobody has said that it may be seen.
std::vector<std::string> masked_of(const plugin::Context& context, const std::string& table,
                                   const std::vector<lakelog::Column>& columns) {
  static const std::set<std::string> own{"execution_id", "run_id",          "ingest_date",
                                         "valid_from",   "valid_to",        "is_current",
                                         "_computed_at", "_silver_versions"};
  const std::string text = context.json("masks");
  const auto masks = text.empty() ? Result<json>(json()) : parse_untrusted(text);
  if (!masks || !masks->is_object() || masks->value("table", json()) != table)
    throw plugin::FinalError(
        "what the contract of " + table +
        " masks is not known: a publication's table is written in the DAG itself, without a "
        "template, and not mapped");
  const auto masked = lower_texts(*masks, "masked"), open = lower_texts(*masks, "open");
  std::vector<std::string> out;
  if (masked.empty()) return out;
  for (const lakelog::Column& column : columns) {
    const std::string name = lower_case(column.name);
    const bool seen = open.contains(name) || own.contains(name);
    if (masked.contains(name) || !seen) out.push_back(column.name);
  }
  return out;
}

std::vector<lakelog::Column> shown_columns(const plugin::Context& context,
                                           const lake::DeltaTable& table) {
  const auto& all = table.snapshot().metadata.columns;
  const auto without = context.texts("without");
  const auto left_out = [&](const std::string& name) {
    return std::find(without.begin(), without.end(), name) != without.end();
  };
  for (const std::string& name : without)
    if (std::none_of(all.begin(), all.end(), [&](const auto& one) { return one.name == name; }))
      throw plugin::FinalError("without: " + table.name() + " has no column \"" + name + "\"");
  std::string refused;
  for (const std::string& name : masked_of(context, table.name(), all))
    if (!left_out(name)) refused += (refused.empty() ? "" : ", ") + name;
  if (!refused.empty())
    throw plugin::FinalError("the contract of " + table.name() + " masks " + refused +
                             ", which PostgreSQL would show to whoever reads the table: name it "
                             "in \"without\", and it is left out");
  std::vector<lakelog::Column> out;
  for (const lakelog::Column& column : all)
    if (!left_out(column.name)) out.push_back(column);
  if (out.empty()) throw plugin::FinalError("without: no column of " + table.name() + " is left");
  return out;
}

Order order_of(const plugin::Context& context) {
  Order order;
  order.source = context.text("table");
  if (!lakelog::valid_table_name(order.source) || !order.source.starts_with(gold))
    throw plugin::FinalError(
        "parameter table: a publication is of a gold table, gold/<domain>/<table>");
  order.schema = context.text("schema");
  order.target = context.text("target", order.source.substr(order.source.rfind('/') + 1));
  check_name("schema", order.schema);
  check_name("target", order.target);
  const std::string mode = context.text("mode", "swap");
  if (mode != "swap" && mode != "merge") throw plugin::FinalError("parameter mode: swap or merge");
  order.mode = mode == "swap" ? Mode::swap : Mode::merge;
  order.keys = context.texts("keys");
  if ((order.mode == Mode::merge) == order.keys.empty())
    throw plugin::FinalError(order.keys.empty()
                                 ? "parameter keys: a merge needs the columns of its key"
                                 : "parameter keys: a swap has none");
  order.execution_id = context.execution_id();
  order.statement_timeout = context.duration("statement_timeout", std::chrono::minutes(10));
  return order;
}

void check_keys_there(const Order& order) {
  for (const std::string& key : order.keys)
    if (std::none_of(order.columns.begin(), order.columns.end(),
                     [&](const TargetColumn& one) { return one.name == key; }))
      throw plugin::FinalError("parameter keys: no column \"" + key + "\" is published");
}

class Publisher {
 public:
  explicit Publisher(plugin::Context& context)
      : context_(context), order_(order_of(context)), session_(lake::session_options(context)) {}

  void run() {
    const auto asked = context_.integer("version", lakelog::latest_version);
    const auto table =
        lake::DeltaTable::open(session_, lake::lake_folder(context_), order_.source, asked);
    if (!table.exists()) throw plugin::FinalError("there is no table " + order_.source);
    order_.version = table.version();
    const auto columns = shown_columns(context_, table);
    order_.columns = target_columns(columns);
    check_keys_there(order_);
    lake::create_view(session_, "published", table);
    const plugin::Connection connection = context_.connection(context_.text("connection"));
    if (connection.conn_type != "postgres" && connection.conn_type != "postgresql")
      throw plugin::FinalError("connection " + context_.text("connection") + " is of type \"" +
                               connection.conn_type + "\": a publication takes postgres");
    // The server ends a statement first, and says so.
    const plugin::SqlLimits limits{context_, order_.statement_timeout + std::chrono::seconds(5)};
    const auto engine = plugin::open_postgres(connection, limits);
    const Done done = publish(*engine, order_, [&](const auto& piece) { give(columns, piece); });
    tell(done);
  }

 private:
  void give(const std::vector<lakelog::Column>& columns,
            const std::function<void(const std::string&)>& piece) {
    std::string select, text;
    for (const lakelog::Column& column : columns)
      select += (select.empty() ? "" : ", ") + lake::quoted_name(column.name);
    session_.stream("SELECT " + select + " FROM temp.main.published", {},
                    [&](std::vector<lake::Cell>&& row) {
                      add_copy_row(text, order_.columns, row);
                      if (text.size() < piece_bytes) return true;
                      context_.check_cancelled();
                      piece(text);
                      text.clear();
                      return true;
                    });
    if (!text.empty()) piece(text);
  }

  void tell(const Done& done) {
    const std::string where = order_.schema + "." + order_.target;
    const std::string what = order_.source + " version " + std::to_string(order_.version);
    context_.info(done.was_there
                      ? where + " holds " + what + " already: nothing was done"
                      : where + ": " + what + ", " + std::to_string(done.rows) + " rows");
    if (!done.was_there) context_.records(done.rows);
    context_.return_json(json_text({{"table", order_.source},
                                    {"version", order_.version},
                                    {"schema", order_.schema},
                                    {"target", order_.target},
                                    {"rows", done.rows},
                                    {"unchanged", done.was_there}}));
  }

  plugin::Context& context_;
  Order order_;
  lake::Session session_;
};

}  // namespace

struct PostgresPublish {
  static constexpr auto name = "postgres_publish";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "aggregate";
  static constexpr auto summary = "Publishes a gold table to PostgreSQL, whole or not at all";
  static constexpr batuta_param params[] = {
      plugin::required(BATUTA_PARAM_STRING, "table", "gold/<domain>/<table>"),
      plugin::required(BATUTA_PARAM_CONNECTION, "connection", "of type postgres"),
      plugin::required(BATUTA_PARAM_STRING, "schema", "of PostgreSQL; it must be there"),
      plugin::optional(BATUTA_PARAM_STRING, "target", "the table there; by default as here"),
      plugin::optional(BATUTA_PARAM_STRING, "mode", "swap or merge", "\"swap\""),
      plugin::optional(BATUTA_PARAM_ARRAY, "keys", "merge: the columns of its key"),
      plugin::optional(BATUTA_PARAM_ARRAY, "without", "columns that are left out"),
      plugin::optional(BATUTA_PARAM_INTEGER, "version", "of the table; by default the newest"),
      plugin::optional(BATUTA_PARAM_ANY, "statement_timeout", "of one statement", "\"10m\""),
      plugin::optional(BATUTA_PARAM_OBJECT, "masks",
                       "what the table's contract masks; the scheduler writes it")};

  void execute(plugin::Context& context) { Publisher(context).run(); }
};

}  // namespace batuta::publish

BATUTA_PLUGIN(batuta::publish::PostgresPublish)
