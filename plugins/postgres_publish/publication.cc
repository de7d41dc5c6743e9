#include "plugins/postgres_publish/publication.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/safe_json.h"
#include "plugins/postgres_publish/target_statements.h"

namespace batuta::publish {
namespace {

using nlohmann::json;
using plugin::FinalError;
using plugin::RetryableError;
using Row = std::vector<json>;

constexpr const char* control_table = "batuta_publication";
// How long a rename waits for those who read the table.
constexpr std::int64_t most_lock_wait_ms = 30'000;
constexpr std::size_t most_told = 20;

struct Target {
  std::string oid;
  std::vector<TargetColumn> columns;
};

class Publishing {
 public:
  Publishing(plugin::SqlEngine& engine, const Order& order)
      : engine_(engine),
        order_(order),
        table_(sql_name(order.schema, order.target)),
        control_(sql_name(order.schema, control_table)),
        told_(order.schema + "." + order.target) {}
  ~Publishing() {
    if (!open_ || !engine_.connected()) return;
    try {
      say("ROLLBACK");
    } catch (const std::exception&) {  // the connection is gone, and with it what was done
    }
  }
  Publishing(const Publishing&) = delete;
  Publishing& operator=(const Publishing&) = delete;

  Done run(const RowPieces& rows) {
    check_schema();
    make_control_table();
    begin();
    const auto target = look();
    if (const auto before = published(target)) return {*before, true};
    if (target) check(*target);
    staging_ = sql_name(order_.schema, "batuta_staging_" + one("SELECT pg_backend_pid()::text"));
    say(create_statement(staging_, order_.columns));
    const std::string copy = copy_statement(staging_, order_.columns);
    rows([&](const std::string& piece) { rows_ += engine_.copy(copy, piece); });
    if (order_.mode == Mode::merge) check_keys();
    if (!target) {
      say("ALTER TABLE " + staging_ + " RENAME TO " + sql_name(order_.target));
      if (order_.mode == Mode::merge)
        say("ALTER TABLE " + table_ + " ADD PRIMARY KEY (" + name_list(order_.keys) + ")");
    } else if (order_.mode == Mode::swap) {
      swap(*target);
    } else {
      merge(*target);
    }
    record();
    say("COMMIT");
    open_ = false;
    return {rows_, false};
  }

 private:
  struct AllRows : plugin::SqlRows {
    std::vector<Row> rows;
    bool columns(std::vector<std::string>) override { return true; }
    bool row(Row values) override {
      rows.push_back(std::move(values));
      return true;
    }
  };

  std::vector<Row> ask(const std::string& sql, const Row& values = {}) {
    AllRows all;
    engine_.run({sql, {}, {}}, values, all);
    return std::move(all.rows);
  }
  void say(const std::string& sql) { (void)ask(sql); }
  std::string one(const std::string& sql, const Row& values = {}) {
    const auto rows = ask(sql, values);
    if (rows.empty() || rows.front().empty() || !rows.front().front().is_string()) return {};
    return rows.front().front().get<std::string>();
  }
  bool holds(const std::string& sql, const Row& values = {}) {
    const auto rows = ask(sql, values);
    return !rows.empty() && !rows.front().empty() && rows.front().front() == true;
  }

  void check_schema() {
    const Row schema{order_.schema};
    if (!holds("SELECT count(*) > 0 FROM pg_namespace WHERE nspname = $1", schema))
      throw FinalError("there is no schema " + order_.schema + " in that database: CREATE SCHEMA " +
                       sql_name(order_.schema));
    if (!holds("SELECT has_schema_privilege($1, 'USAGE') AND has_schema_privilege($1, 'CREATE')",
               schema))
      throw FinalError("permission denied: the connection's user may not make tables in " +
                       order_.schema + ": GRANT USAGE, CREATE ON SCHEMA " +
                       sql_name(order_.schema) + " TO " +
                       one("SELECT quote_ident(current_user::text)"));
  }

  bool control_table_there() {
    return holds("SELECT to_regclass($1::text) IS NOT NULL", {control_});
  }
  // Apart, so that the first publications of a schema do not wait for each other.
  void make_control_table() {
    if (control_table_there()) return;
    try {
      say("CREATE TABLE IF NOT EXISTS " + control_ +
          " (schema text NOT NULL, target text NOT NULL, source text NOT NULL, version bigint NOT "
          "NULL, execution_id text NOT NULL, rows bigint NOT NULL, published_at timestamptz NOT "
          "NULL DEFAULT now(), PRIMARY KEY (schema, target))");
    } catch (const FinalError&) {  // another made it at that moment
      if (!control_table_there()) throw;
    }
  }

  void begin() {
    const auto ms =
        std::max<std::int64_t>(1, order_.statement_timeout / std::chrono::milliseconds(1));
    say("BEGIN");
    open_ = true;
    say("SET LOCAL statement_timeout = " + std::to_string(ms));
    say("SET LOCAL lock_timeout = " + std::to_string(std::min(ms, most_lock_wait_ms)));
    // The lake is read meanwhile.
    say("SET LOCAL idle_in_transaction_session_timeout = 0");
    if (!holds("SELECT pg_try_advisory_xact_lock(hashtextextended($1::text, 0))",
               {std::string(control_table) + " " + table_}))
      throw RetryableError("another publication of " + told_ +
                           " runs at this moment, or its connection is not given up yet");
  }

  std::optional<Target> look() {
    const auto rows = ask(target_query, {order_.schema, order_.target});
    if (rows.empty()) return std::nullopt;
    const Row& row = rows.front();
    const auto text = [&](std::size_t at) { return row.at(at).get<std::string>(); };
    if (text(1) != "r")
      throw FinalError(told_ + " is there and is no plain table: choose another target");
    if (row.at(3) != true)
      throw FinalError("permission denied: " + told_ + " belongs to " + text(2) +
                       ", of which the connection's user is no member");
    if (order_.mode == Mode::swap && row.at(4) == true)
      throw FinalError(told_ +
                       " has row security, which a swap would lose: publish with \"mode\": "
                       "\"merge\", or put a view with the policies' conditions in its place");
    if (order_.mode == Mode::swap && !text(5).empty())
      throw FinalError(told_ + " has triggers (" + text(5) +
                       "), which a swap would lose: publish with \"mode\": \"merge\"");
    Target out{text(0), {}};
    for (const Row& column : ask(columns_query, {out.oid}))
      out.columns.push_back({column.at(0).get<std::string>(), column.at(1).get<std::string>()});
    return out;
  }

  // Its rows, when this version is there as it is wanted.
  std::optional<std::int64_t> published(const std::optional<Target>& target) {
    const auto rows = ask("SELECT version, rows, source, execution_id FROM " + control_ +
                              " WHERE schema = $1 AND target = $2",
                          {order_.schema, order_.target});
    if (rows.empty()) {
      if (!target) return std::nullopt;
      throw FinalError(told_ +
                       " is there and no publication made it: drop or rename it, or choose "
                       "another target");
    }
    const Row& row = rows.front();
    if (!target) return std::nullopt;
    const std::string where =
        control_ + " WHERE schema = '" + order_.schema + "' AND target = '" + order_.target + "'";
    if (row.at(2) != order_.source)
      throw FinalError(told_ + " holds " + row.at(2).get<std::string>() + ", not " + order_.source +
                       ": choose another target, or drop it and DELETE FROM " + where);
    const auto version = json_int(row.at(0)).value_or(0);
    if (version > order_.version)
      throw FinalError(told_ + " holds version " + std::to_string(version) + " of " +
                       order_.source + ", by the run " + row.at(3).get<std::string>() +
                       ", which is newer than " + std::to_string(order_.version) +
                       ": nothing was done. Where the older one is meant, set version to -1 in " +
                       where);
    const ShapeChange change = shape_change(target->columns, order_.columns);
    const bool all = order_.mode == Mode::merge || target->columns.size() == order_.columns.size();
    if (version == order_.version && change.empty() && all) return json_int(row.at(1)).value_or(0);
    return std::nullopt;
  }

  static std::string told_list(const std::vector<std::string>& all) {
    std::string out;
    for (std::size_t i = 0; i < all.size() && i < most_told; ++i)
      out += (i == 0 ? "" : "; ") + all[i];
    if (all.size() > most_told) out += "; and " + std::to_string(all.size() - most_told) + " more";
    return out;
  }

  void check(const Target& target) {
    const ShapeChange change = shape_change(target.columns, order_.columns);
    if (!change.refused.empty())
      throw FinalError("types of " + told_ +
                       " would change for those who read it: " + told_list(change.refused) +
                       ". Publish to another target, or drop the table");
    if (order_.mode == Mode::swap) check_views(target);
  }

  void check_views(const Target& target) {
    std::vector<std::string> views;
    for (const Row& row : ask(views_query, {target.oid}))
      views.push_back(row.at(0).get<std::string>());
    if (!views.empty())
      throw FinalError("views read " + told_ + " and would be lost by a swap: " + told_list(views) +
                       ". Publish with \"mode\": \"merge\", or let them read another table");
  }

  // NULL meets no other NULL in a unique index: such rows would be there once more each time.
  void check_keys() {
    std::string null;
    for (const std::string& key : order_.keys)
      null += (null.empty() ? "" : " OR ") + sql_name(key) + " IS NULL";
    if (holds("SELECT EXISTS (SELECT 1 FROM " + staging_ + " WHERE " + null + ")"))
      throw FinalError("a row of " + order_.source + " has NULL in a key (" +
                       name_list(order_.keys) + "): nothing was published");
    if (holds("SELECT EXISTS (SELECT 1 FROM " + staging_ + " GROUP BY " + name_list(order_.keys) +
              " HAVING count(*) > 1)"))
      throw FinalError("rows of " + order_.source + " have the same keys (" +
                       name_list(order_.keys) + "): nothing was published");
  }

  void swap(const Target& target) {
    say("LOCK TABLE " + table_ + " IN ACCESS EXCLUSIVE MODE");
    check_views(target);  // one may have come meanwhile
    std::vector<std::string> keep;
    for (const std::string& query : keep_queries)
      for (const Row& row : ask(query, {target.oid, staging_}))
        keep.push_back(row.at(0).get<std::string>());
    for (const std::string& statement : keep) say(statement);
    say("DROP TABLE " + table_);
    say("ALTER TABLE " + staging_ + " RENAME TO " + sql_name(order_.target));
  }

  void merge(const Target& target) {
    for (const auto& statement :
         change_statements(table_, shape_change(target.columns, order_.columns)))
      say(statement);
    try {
      say(merge_statement(table_, staging_, order_.columns, order_.keys));
    } catch (const FinalError& error) {
      if (std::string(error.what()).find("[42P10]") == std::string::npos) throw;
      throw FinalError(told_ + " has no unique index of the keys: ALTER TABLE " + table_ +
                       " ADD PRIMARY KEY (" + name_list(order_.keys) + ")");
    }
    say("DROP TABLE " + staging_);
  }

  void record() {
    (void)ask(
        "INSERT INTO " + control_ +
            " (schema, target, source, version, execution_id, rows) VALUES ($1, $2, $3, $4, "
            "$5, $6) ON CONFLICT (schema, target) DO UPDATE SET source = EXCLUDED.source, "
            "version = EXCLUDED.version, execution_id = EXCLUDED.execution_id, rows = "
            "EXCLUDED.rows, published_at = now()",
        {order_.schema, order_.target, order_.source, order_.version, order_.execution_id, rows_});
  }

  plugin::SqlEngine& engine_;
  const Order& order_;
  const std::string table_, control_, told_;
  std::string staging_;
  std::int64_t rows_ = 0;
  bool open_ = false;
};

}  // namespace

Done publish(plugin::SqlEngine& engine, const Order& order, const RowPieces& rows) {
  return Publishing(engine, order).run(rows);
}

}  // namespace batuta::publish
