// sql: one or several statements in one transaction, in a database that a connection names or over
// files. Values come as bound parameters. The return value: the rows of the last statement that has
// any, its first row, or nothing.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "plugins/sql/sql_engine.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

constexpr std::size_t max_return = 1 << 20;  // rows are held as objects meanwhile
constexpr std::size_t max_statements = 100;

enum class Wanted { none, first, rows, value };

Wanted wanted_of(const Context& context) {
  const std::string text = context.text("result", "none");
  if (text == "none" || !context.boolean("do_xcom_push", true)) return Wanted::none;
  if (text == "first") return Wanted::first;
  if (text == "rows") return Wanted::rows;
  if (text == "value") return Wanted::value;
  throw FinalError("parameter result: rows, first, value or none");
}

// The rows of one statement as objects, as far as they are wanted.
class Kept : public SqlRows {
 public:
  explicit Kept(Wanted wanted) : wanted_(wanted) {}
  bool columns(std::vector<std::string> names) override {
    names_ = std::move(names);
    any_ = true;
    if (wanted_ == Wanted::none) return false;
    if (wanted_ == Wanted::value) return true;
    auto sorted = names_;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) {
      throw FinalError("two columns of the result are called \"" + *twice +
                       "\": name one of them with AS");
    }
    return true;
  }
  bool row(std::vector<json> values) override {
    if (wanted_ == Wanted::value && !values.empty()) names_.resize(1);
    json object = json::object();
    for (std::size_t i = 0; i < names_.size(); ++i) object[names_[i]] = std::move(values[i]);
    bytes_ += json_text(object).size() + 1;
    if (bytes_ > max_return - 2) {
      throw FinalError(
          "the result is larger than a return value may be (1 MiB; it has more than " +
          std::to_string(rows_.size()) +
          " rows): select less, or write it into a table or file and return its name; with "
          "\"result\": \"none\" the task has no return value and succeeds");
    }
    rows_.push_back(std::move(object));
    return wanted_ == Wanted::rows;
  }
  bool any() const { return any_; }
  json result() const {
    if (wanted_ == Wanted::rows) return rows_;
    if (rows_.empty()) return nullptr;
    return wanted_ == Wanted::value ? *rows_.front().begin() : rows_.front();
  }

 private:
  const Wanted wanted_;
  bool any_ = false;
  std::vector<std::string> names_;
  json rows_ = json::array();
  std::size_t bytes_ = 0;
};

json parameters_of(const Context& context) {
  const std::string text = context.json("parameters");
  if (text.empty() || text == "null") return json::object();
  auto parsed = parse_untrusted(text);
  if (!parsed || !parsed->is_object()) throw FinalError("parameter parameters: not an object");
  return *std::move(parsed);
}

std::unique_ptr<SqlEngine> open_engine(const Context& context, const SqlLimits& limits) {
  if (const std::string files = context.json("files"); !files.empty() && files != "null") {
    return open_duckdb(files, limits);
  }
  const std::string id = context.text("connection", "");
  if (id.empty()) return open_duckdb("{}", limits);
  const Connection connection = context.connection(id);
  if (connection.conn_type == "postgres" || connection.conn_type == "postgresql") {
    return open_postgres(connection, limits);
  }
  if (connection.conn_type == "sqlite") return open_sqlite(connection, limits);
  throw FinalError("connection " + id + " is of type \"" + connection.conn_type +
                   "\": an sql task takes postgres or sqlite");
}

std::vector<SqlStatement> statements_of(const Context& context, const SqlEngine& engine,
                                        const json& parameters) {
  auto statements =
      sql_statements(context.text("sql"), [&](std::size_t n, const std::string& name) {
        const auto at = parameters.find(name);
        if (at == parameters.end()) {
          throw FinalError("the SQL names :" + name + ", which parameters has not");
        }
        return engine.marker(n, *at);
      });
  if (!statements) throw FinalError("parameter sql: " + statements.error().message);
  if (statements->empty()) throw FinalError("parameter sql: there is no statement");
  if (statements->size() > max_statements) throw FinalError("parameter sql: over 100 statements");
  for (const SqlStatement& statement : *statements) {
    for (const char* word : {"begin", "start", "commit", "rollback", "end", "abort"}) {
      if (statement.first_word == word) {
        throw FinalError("parameter sql: the statements are one transaction already, without " +
                         statement.first_word);
      }
    }
  }
  return *std::move(statements);
}

// A single statement that may stand within a transaction gets one, so that a result which cannot be
// returned undoes what it changed; any other is sent as it is, for none may hold it (VACUUM).
bool held(const std::vector<SqlStatement>& statements) {
  static const std::set<std::string> may_be{"select", "with",   "values", "table",   "explain",
                                            "insert", "update", "delete", "replace", "merge"};
  return statements.size() > 1 || may_be.contains(statements.front().first_word);
}

// What may be done twice without a difference.
bool repeatable(const SqlStatement& statement) {
  static const std::set<std::string> words{"vacuum", "analyze", "reindex", "checkpoint",
                                           "show",   "set",     "pragma"};
  return words.contains(statement.first_word);
}

// The statement of a look that must not change anything. The database refuses what still would.
void check_look(const std::vector<SqlStatement>& statements) {
  static const std::set<std::string> words{"select", "with", "values", "table"};
  if (statements.size() == 1 && words.contains(statements.front().first_word)) return;
  throw FinalError("parameter sql: to look, it is one SELECT");
}

class Transaction {
 public:
  Transaction(const Context& context, SqlEngine& engine, const char* begin)
      : context_(context), engine_(engine), open_(begin != nullptr) {
    if (open_) say(begin);
  }
  ~Transaction() {
    if (!open_ || !engine_.connected()) return;
    try {
      say("ROLLBACK");
    } catch (const std::exception&) {  // the connection is gone, and with it what was done
    }
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  std::int64_t run(const SqlStatement& statement, const std::vector<json>& values, SqlRows& rows) {
    try {
      return engine_.run(statement, values, rows);
    } catch (const NoAnswer& lost) {
      if (!open_ && !repeatable(statement)) may_be_done(lost);
      context_.check_cancelled();
      throw;
    }
  }
  void commit() {
    if (!open_) return;
    try {
      say("COMMIT");
    } catch (const NoAnswer& lost) {
      may_be_done(lost);
    }
    open_ = false;
  }

 private:
  // Another try might do it a second time.
  [[noreturn]] static void may_be_done(const NoAnswer& lost) {
    throw FinalError(
        "the connection was lost while it committed: it may have been done; look before clearing "
        "(" +
        std::string(lost.what()) + ")");
  }
  void say(const char* words) {
    Kept none(Wanted::none);
    engine_.run({words, {}, {}}, {}, none);
  }
  const Context& context_;
  SqlEngine& engine_;
  bool open_;
};

}  // namespace

struct Sql {
  static constexpr auto name = "sql";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "builtin";
  static constexpr auto summary = "Runs SQL in PostgreSQL, SQLite, or DuckDB over files";
  static constexpr batuta_param params[] = {
      required(BATUTA_PARAM_STRING, "sql", "statements with semicolons between"),
      optional(BATUTA_PARAM_CONNECTION, "connection", "of type postgres or sqlite"),
      optional(BATUTA_PARAM_OBJECT, "files", "what DuckDB reads: files by the name of their view"),
      optional(BATUTA_PARAM_OBJECT, "parameters", "values of :name in the SQL"),
      optional(BATUTA_PARAM_STRING, "result", "rows, first, value or none", "\"none\""),
      optional(BATUTA_PARAM_BOOLEAN, "read_only", "one SELECT, which can change nothing", "false"),
      optional(BATUTA_PARAM_ANY, "timeout", "of a statement", "\"10m\""),
      optional(BATUTA_PARAM_BOOLEAN, "do_xcom_push", "the result becomes the return value",
               "true")};

  void execute(Context& context) {
    const Wanted wanted = wanted_of(context);
    const json parameters = parameters_of(context);
    const SqlLimits limits{context, context.duration("timeout", std::chrono::minutes(10)),
                           context.boolean("read_only", false)};
    const auto engine = open_engine(context, limits);
    const auto statements = statements_of(context, *engine, parameters);
    if (limits.read_only) check_look(statements);
    const char* begin = limits.read_only ? engine->begin_read_only() : "BEGIN";
    Transaction transaction(context, *engine, held(statements) ? begin : nullptr);
    json result;
    for (std::size_t n = 0; n < statements.size(); ++n) {
      std::vector<json> values;
      for (const std::string& each : statements[n].names) values.push_back(parameters.at(each));
      Kept kept(wanted);
      const std::int64_t changed = transaction.run(statements[n], values, kept);
      if (kept.any()) result = kept.result();
      context.info("statement " + std::to_string(n + 1) + " of " +
                   std::to_string(statements.size()) + " (" + statements[n].first_word + "): done" +
                   (changed >= 0 ? ", " + std::to_string(changed) + " rows" : ""));
    }
    transaction.commit();
    if (wanted != Wanted::none) context.return_json(json_text(result));
  }
};

}  // namespace batuta::plugin

BATUTA_PLUGIN(batuta::plugin::Sql)
