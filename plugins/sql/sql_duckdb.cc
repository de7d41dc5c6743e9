#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/cell_json.h"
#include "plugins/lake/session.h"
#include "plugins/lake/sql_error.h"
#include "plugins/sql/sql_engine.h"

namespace batuta::plugin {
namespace {

using nlohmann::json;

const char* reader_of(const std::string& path) {
  const auto ends = [&](const char* with) { return path.ends_with(with); };
  if (ends(".parquet")) return "read_parquet";
  if (ends(".csv") || ends(".csv.gz") || ends(".tsv")) return "read_csv";
  if (ends(".json") || ends(".jsonl") || ends(".ndjson") || ends(".json.gz")) return "read_json";
  return nullptr;
}

class Duckdb : public SqlEngine {
 public:
  explicit Duckdb(const SqlLimits& limits)
      : limits_(limits), deadline_(limits), session_(options(limits)) {}

  std::string marker(std::size_t n, const json& value) const override {
    const std::string plain = "$" + std::to_string(n);
    // Bound as texts, for they are exact so.
    return value.is_number_float() ? "CAST(" + plain + " AS DOUBLE)" : plain;
  }

  std::int64_t run(const SqlStatement& statement, const std::vector<json>& values,
                   SqlRows& rows) override {
    deadline_ = SqlDeadline(limits_);
    std::vector<lake::Param> params;
    for (const json& value : values) params.push_back(param(value));
    try {
      // One more than fits into any result: the sink says when it is too much.
      const lake::Table table = session_.query(statement.text, params, 100'000);
      const bool counted = table.columns == std::vector<std::string>{"Count"} &&
                           statement.first_word != "select" && statement.first_word != "from";
      if (counted) return table.rows.empty() ? 0 : table.rows.front().front().integer();
      if (!table.columns.empty()) rows.columns(table.columns);
      for (const auto& row : table.rows) {
        std::vector<json> cells;
        for (const lake::Cell& cell : row) cells.push_back(lake::to_json(cell));
        if (!rows.row(std::move(cells))) break;
      }
    } catch (const lake::SqlError& error) {
      throw FinalError(error.what());
    } catch (const RetryableError&) {
      if (deadline_.over()) deadline_.fail();
      throw;
    }
    return -1;
  }

  // From here on nothing but these files' folders and the scratch folder can be reached.
  void attach(const std::string& files_json, const std::string& scratch) {
    const auto files = parse_untrusted(files_json);
    if (!files || !files->is_object()) throw FinalError("parameter files: not an object");
    std::set<std::string> folders{scratch + "/"};
    for (const auto& [name, path] : files->items()) {
      if (!path.is_string() || !path.get_ref<const std::string&>().starts_with('/')) {
        throw FinalError("parameter files/" + name + ": not an absolute path");
      }
      const auto& text = path.get_ref<const std::string&>();
      const char* reader = reader_of(text);
      if (reader == nullptr) {
        throw FinalError("parameter files/" + name +
                         ": a path that ends in .parquet, .csv, .tsv, .json or .jsonl (.gz too)");
      }
      const auto fixed = text.substr(0, text.find_first_of("*?["));
      folders.insert(fixed.substr(0, fixed.rfind('/') + 1));
      try {
        session_.run("CREATE VIEW " + lake::quoted_name(name) + " AS SELECT * FROM " + reader +
                     "(" + lake::quoted_literal(text) + ")");
      } catch (const lake::SqlError& error) {
        throw FinalError("files/" + name + ": " + error.what());
      }
    }
    std::string list;
    for (const std::string& folder : folders) {
      list += (list.empty() ? "" : ", ") + lake::quoted_literal(folder);
    }
    session_.run("SET allowed_directories = [" + list + "]");
    session_.run("SET enable_external_access = false");
    session_.run("SET lock_configuration = true");
  }

 private:
  lake::SessionOptions options(const SqlLimits& limits) {
    auto options = lake::session_options(limits.context);
    options.cancelled = [this] { return deadline_.over(); };
    return options;
  }

  static lake::Param param(const json& value) {
    if (value.is_null()) return std::monostate{};
    if (value.is_boolean()) return value.get<bool>();
    if (const auto whole = json_int(value)) return *whole;
    if (value.is_string()) return value.get<std::string>();
    return json_text(value);
  }

  const SqlLimits& limits_;
  SqlDeadline deadline_;
  lake::Session session_;
};

}  // namespace

std::unique_ptr<SqlEngine> open_duckdb(const std::string& files_json, const SqlLimits& limits) {
  auto engine = std::make_unique<Duckdb>(limits);
  engine->attach(files_json, limits.context.scratch());
  return engine;
}

}  // namespace batuta::plugin
