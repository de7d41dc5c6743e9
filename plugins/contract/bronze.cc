// contract_bronze: what a contract's source has, landed raw and appended to bronze.
#include <chrono>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "plugins/contract/sources.h"
#include "plugins/lake/attempt_session.h"

namespace batuta::from_contract {
namespace {

using contract::SourceKind;
using nlohmann::json;

// Of an incremental table the run's window; its first load begins at the beginning, and so does a
// run by hand whose window is empty because no run before it told how far it got. Days are compared
// from their first moment: a window within a day takes in the whole day so far.
Window window_of(const plugin::Context& context, const contract::Table& table, bool first) {
  if (table.mode != contract::Mode::incremental) return {};
  // A source that is to be asked for windows alone is not asked for everything instead.
  const bool needs_one = table.starts_at_window || context.logical_date().has_value();
  Window window;
  try {
    const plugin::Window given = context.window();
    window.end = given.end;
    if (first && !table.starts_at_window) return window;
    if (given.end > given.start) {
      window.start = given.start;
    } else if (needs_one) {
      throw plugin::FinalError(
          "the window is empty: give the run a start and an end that is later");
    } else {
      context.warn("the window is empty: all that the source has up to its end is read");
    }
  } catch (const plugin::FinalError&) {
    if (needs_one) throw;
    context.warn("the run has no window: all that the source has is read");
  }
  if (window.start && table.column(table.watermark)->type == "date")
    window.start = std::chrono::floor<std::chrono::days>(*window.start);
  return window;
}

constexpr std::size_t most_asked = 10'000;

std::string value_text(const json& value) {
  return value.is_string() ? value.get<std::string>() : json_text(value);
}

// The task's parameter `query`; what a column's values must be among stands in it, or nothing would
// be rejected for it.
Query query_of(const plugin::Context& context, const Described& described) {
  const std::string text = context.json("query");
  const auto given = parse_untrusted(text.empty() ? "null" : text);
  Query query;
  if (given && given->is_object()) {
    for (const auto& [name, value] : given->items()) {
      auto& values = query[name];
      if (!value.is_array()) {
        values.push_back(value_text(value));
      } else {
        for (const json& each : value) values.push_back(value_text(each));
      }
    }
  }
  if (!query.empty() && described.table.source.kind != SourceKind::rest)
    throw plugin::FinalError("parameter query: only an api server is asked with one");
  for (const contract::Column& column : described.table.columns) {
    if (column.asked.empty()) continue;
    const auto asked = query.find(column.asked);
    if (asked == query.end() || asked->second.empty() || asked->second.size() > most_asked)
      throw plugin::FinalError("parameter query: " + column.asked + " is a list of 1 to " +
                               std::to_string(most_asked) + " values of " + column.name +
                               ", as the contract's batuta.asked has it");
  }
  return query;
}

json request_of(const plugin::Context& context, const Described& described, const Window& window,
                const Query& query) {
  json request = {{"contract", described.path},
                  {"contract_version", described.contract.version},
                  {"source", to_string(described.table.source.kind)},
                  {"mode", to_string(described.table.mode)}};
  if (window.start) request["window_start"] = to_iso(*window.start);
  if (window.end) request["window_end"] = to_iso(*window.end);
  const std::string path = context.text("path", described.table.source.path);
  if (!path.empty()) request["path"] = path;
  if (!query.empty()) request["query"] = query;
  return request;
}

std::int64_t receive(Extraction& extraction) {
  switch (extraction.described.table.source.kind) {
    case SourceKind::csv:
    case SourceKind::json:
    case SourceKind::json_lines:
    case SourceKind::parquet:
      return receive_files(extraction);
    case SourceKind::sqlite:
    case SourceKind::postgres:
      return receive_database(extraction);
    case SourceKind::rest:
      return receive_rest(extraction);
    case SourceKind::stream:
      return receive_stream(extraction);
    case SourceKind::none:
      break;
  }
  throw plugin::FinalError("nothing can be read by the contract: " +
                           extraction.described.table.source.why_none);
}

}  // namespace

struct ContractBronze {
  static constexpr auto name = "contract_bronze";
  static constexpr auto version = "1.0.0";
  static constexpr auto kind = "extract";
  static constexpr auto summary = "What a data contract's source has, as sent, into bronze";
  static constexpr batuta_param params[] = {
      plugin::required(BATUTA_PARAM_STRING, "contract", "the contract's text; from the task"),
      plugin::required(BATUTA_PARAM_STRING, "contract_name", "domain/table; from the task"),
      plugin::optional(BATUTA_PARAM_STRING, "path",
                       "of files or an SQLite database, in the place of the contract's"),
      plugin::optional(BATUTA_PARAM_STRING, "overlap",
                       "how far the window reaches back, in the place of the contract's"),
      plugin::optional(BATUTA_PARAM_ANY, "timeout",
                       "of a database's statement (1h) or one HTTP request (30s)"),
      plugin::optional(BATUTA_PARAM_OBJECT, "query",
                       "further parameters of a REST request; a list is its values with commas"),
      plugin::optional(BATUTA_PARAM_INTEGER, "max_tries", "of one HTTP request, with back-off",
                       "6")};

  void execute(plugin::Context& context) {
    const Described described = described_by(context);
    lake::Session session(lake::session_options(context));
    session.register_text_functions();
    const auto table =
        lake::DeltaTable::open(session, lake::lake_folder(context), bronze_shape(described).name);
    const lake::TableShape shape = lake::fitted_to(bronze_shape(described, table), table);
    const Window window = window_of(context, described.table, !table.exists());
    const Query query = query_of(context, described);
    json result = request_of(context, described, window, query);
    lake::RawLanding landing(context, described.path, json_text(result));
    const bool snapshot = described.table.mode == contract::Mode::snapshot;
    Extraction extraction{context, session, described, shape, window, snapshot, query, landing, {}};
    const std::int64_t records = receive(extraction);
    if (snapshot && records == 0) throw nothing_there(described.path);
    result["execution_id"] = context.execution_id();
    result["table"] = shape.name;
    result["records"] = records;
    for (const auto& [what, number] : extraction.told) result[what] = number;
    result["files"] = landing.first_files();
    result["file_count"] = landing.file_count();
    if (window.end) {
      context.records(records, *window.end);
    } else {
      context.records(records);
    }
    context.return_json(json_text(result));
    context.info(std::to_string(records) + " records into " + shape.name);
  }
};

}  // namespace batuta::from_contract

BATUTA_PLUGIN(batuta::from_contract::ContractBronze)
