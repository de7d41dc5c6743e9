// A person's SELECT over the lake: run by the plugin lake_sql in a process of its own, called off
// by its id, and written down with what it read before anybody has a row of it.
#include <algorithm>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "common/csv_text.h"
#include "common/ids.h"
#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_branches.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_exports.h"
#include "scheduler/api/lake_masks.h"
#include "scheduler/api/lake_questions.h"
#include "scheduler/api/params.h"
#include "scheduler/api/running_queries.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_statement = 64u << 10;
constexpr std::int64_t usual_rows = 1000;
constexpr const char* called_off = "the query was cancelled";

struct Statement {
  std::string sql, id, branch;
  OptTime at;
  std::int64_t limit = 0, version = -1;
  bool explain = false, analyze = false;
};

Result<Statement> statement_of(const Context& context, const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  const std::int64_t most = context.services.sql.rows;
  Statement out;
  out.sql = fields.required_text("sql", max_statement);
  out.limit = fields.integer("limit", 1, most).value_or(std::min(usual_rows, most));
  out.at = fields.time("at");
  out.version = fields.integer("version", 0, std::numeric_limits<std::int64_t>::max()).value_or(-1);
  out.branch = fields.text("branch", 64).value_or("");
  if (out.at && out.version >= 0) fields.fail("version", "at or version: one of them");
  out.explain = fields.boolean("explain").value_or(false);
  out.analyze = fields.boolean("analyze").value_or(false);
  out.id = fields.text("query_id", 128).value_or("");
  if (fields.status() && out.sql.find_first_not_of(" \t\r\n") == std::string::npos)
    fields.fail("sql", "must be a SELECT");
  if (out.analyze && !out.explain)
    fields.fail("analyze", "goes with explain, which tells of the plan");
  if (!out.id.empty() && !valid_id(out.id)) fields.fail("query_id", id_rule);
  if (!fields.status()) return fields.status().error();
  return out;
}

// As "domain/layer", of what there is.
Result<json> readable_layers(Context& context, const Sight& sight) {
  const auto names = context.lake->names();
  if (!names) return names.error();
  std::set<std::string> layers;
  for (const LakeName& name : (*names)->tables) {
    std::string layer = name.domain + "/" + name.layer;
    if (sight.sees(layer)) layers.insert(std::move(layer));
  }
  return json(layers);
}

// What is wrong with the statement, and where, as FastAPI says such things.
Response refusal(const json& error) {
  const std::string text = error.value("text", "");
  if (error.value("kind", "") == "right") return error_response({Errc::forbidden, text, {}});
  json detail{{"type", "sql_error"}, {"loc", {"body", "sql"}}, {"msg", text}};
  if (error["line"].is_number())
    detail["ctx"] = {{"line", error["line"]}, {"column", error["column"]}};
  return json_response({{"detail", json::array({std::move(detail)})}}, 422);
}

// RFC 4180. What it has no place for stands in the headers.
Response csv_response(const json& answer) {
  Response response;
  response.content_type = "text/csv; charset=utf-8; header=present";
  add_csv_line(response.body, answer["columns"]);
  for (const json& row : answer["rows"]) add_csv_line(response.body, row);
  response.headers.emplace_back("Batuta-Rows", std::to_string(answer["rows"].size()));
  response.headers.emplace_back("Batuta-Cut", answer["cut_by"].is_string()
                                                  ? answer["cut_by"].get<std::string>()
                                                  : std::string("no"));
  add_masked_header(response, answer["tables"]);
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"rows.csv\"");
  return response;
}

constexpr const char* parquet_type = "application/vnd.apache.parquet";

bool wants(const Request& request, const char* type) {
  const std::string* accept = request.header("accept");
  return accept != nullptr && accept->starts_with(type);
}

// One statement from its turn to the row in the event log. Used by one thread at a time.
class SqlRun {
 public:
  SqlRun(Context& context, Call call, Statement statement, RunningQueries::Query running)
      : context_(context),
        call_(std::move(call)),
        statement_(std::move(statement)),
        running_(std::move(running)) {}

  std::function<bool()> stop() const {
    return [&context = context_, running = running_, gone = gone_] {
      return running->cancelled || *gone || context.stopping;
    };
  }
  std::shared_ptr<std::atomic<bool>> gone() const { return gone_; }

  Result<Response> answer() {
    if (stop()()) return Error{Errc::conflict, called_off, {}};
    running_->runs = true;
    json asked{{"operation", statement_.explain ? "explain" : "sql"},
               {"sql", statement_.sql},
               {"limit", statement_.limit},
               {"bytes", context_.services.sql.bytes},
               {"return_errors", true}};
    if (statement_.explain) asked["analyze"] = statement_.analyze;
    if (statement_.at) asked["at"] = to_iso(*statement_.at);
    if (statement_.version >= 0) asked["version"] = statement_.version;
    if (!statement_.branch.empty()) {
      auto ref = asked_branch(context_, statement_.branch);
      if (!ref) return ref.error();
      asked["lake_branch"] = *std::move(ref);
    }
    if (const Sight sight = seen_lake(*call_.request); !sight.everything()) {
      auto layers = readable_layers(context_, sight);
      if (!layers) return layers.error();
      asked["readable"] = *std::move(layers);
    }
    if (wants(*call_.request, parquet_type) && !statement_.explain) {
      const auto begun = context_.exports->begin();
      if (!begun) return begun.error();
      folder_ = *begun;
      asked.update({{"result_folder", folder_->path()},
                    {"format", "parquet"},
                    {"most_bytes", context_.services.sql.bytes}});
    }
    const auto from = std::chrono::steady_clock::now();
    const auto told = ask_lake(context_, *call_.request, std::move(asked), stop(),
                               [running = running_](int percent) { running->percent = percent; });
    milliseconds_ = (std::chrono::steady_clock::now() - from) / std::chrono::milliseconds(1);
    if (!told) return stop()() ? Error{Errc::conflict, called_off, {}} : told.error();
    return answered(*told);
  }

  // What the event log says of it: the statement, and what came of it.
  json written(const Response& response) const {
    json out{{"sql", statement_.sql}, {"status", response.status}, {"milliseconds", milliseconds_}};
    if (!statement_.id.empty()) out["query_id"] = statement_.id;
    if (statement_.at) out["at"] = to_iso(*statement_.at);
    if (statement_.version >= 0) out["version"] = statement_.version;
    if (!statement_.branch.empty()) out["branch"] = statement_.branch;
    if (statement_.explain) out["explain"] = statement_.analyze ? "analyze" : "plan";
    if (told_.is_object()) {
      if (!statement_.explain) out["rows"] = told_["row_count"];
      out["tables"] = told_["tables"];
    } else {
      out["error"] =
          error_.empty() ? stored_json(response.body).value("detail", json()) : json(error_);
    }
    return out;
  }

  const Call& call() const { return call_; }
  const Statement& statement() const { return statement_; }

 private:
  Result<Response> answered(const std::string& text) {
    // It came from our own plugin; a plan is as deep as its steps.
    const JsonLimits limits{64u << 20, statement_.explain ? 8192u : 64u, 64u << 20, 64u << 20};
    auto answer = parse_untrusted(text, limits);
    if (answer && answer->is_object() && answer->contains("error")) {
      error_ = (*answer)["error"].value("text", "");
      return refusal((*answer)["error"]);
    }
    if (statement_.explain) return plan(answer);
    if (folder_) return file_of(answer);
    if (!answer || !answer->is_object() || !answer->contains("columns") ||
        !answer->contains("rows"))
      return Error{Errc::internal, "the query gave no rows", {}};
    told_ = {{"row_count", (*answer)["rows"].size()},
             {"tables", answer->value("tables", json::array())}};
    json out{{"query_id", text_or_null(statement_.id)},
             {"columns", std::move((*answer)["columns"])},
             {"rows", std::move((*answer)["rows"])},
             {"cut", answer->value("cut", false)},
             {"cut_by", text_or_null(answer->value("cut_by", ""))},
             {"limit", statement_.limit},
             {"milliseconds", milliseconds_},
             {"row_count", told_["row_count"]},
             {"tables", tables_read()}};
    return wants(*call_.request, "text/csv") ? csv_response(out) : json_response(out);
  }

  // The folder goes with the answer that is read from it.
  Result<Response> file_of(const Result<json>& answer) {
    const std::string name = "rows.parquet";
    if (!answer || !answer->is_object() || answer->value("file", "") != name)
      return Error{Errc::internal, "the query gave no file", {}};
    const auto bytes = take_export(folder_->path(), name);
    if (!bytes) return bytes.error();
    const ExportedFile file{folder_, folder_->path() + "/" + name, *bytes,
                            answer->value("rows", std::int64_t{0})};
    folder_->count(file.bytes);
    told_ = {{"row_count", file.rows}, {"tables", answer->value("tables", json::array())}};
    Response response;
    response.content_type = parquet_type;
    response.headers.emplace_back("Batuta-Rows", std::to_string(file.rows));
    response.headers.emplace_back("Batuta-Cut", "no");
    add_masked_header(response, told_["tables"]);
    response.headers.emplace_back("Content-Disposition", "attachment; filename=\"rows.parquet\"");
    response.stream = export_stream(file, {0, file.bytes});
    if (!response.stream) return Error{Errc::unavailable, "the file is gone: ask again", {}};
    response.stream_bytes = file.bytes;
    return response;
  }

  Result<Response> plan(Result<json>& answer) {
    if (!answer || !answer->is_object() || !answer->contains("plan"))
      return Error{Errc::internal, "the query gave no plan", {}};
    told_ = {{"tables", answer->value("tables", json::array())}};
    return json_response({{"query_id", text_or_null(statement_.id)},
                          {"analyzed", answer->value("analyzed", false)},
                          {"hidden", answer->value("hidden", true)},
                          {"plan", std::move((*answer)["plan"])},
                          {"text", answer->value("text", "")},
                          {"milliseconds", milliseconds_},
                          {"tables", tables_read()}});
  }

  json tables_read() const {
    json out = json::array();
    for (const json& read : told_["tables"])
      out.push_back({{"table", read["table"]},
                     {"version", read["version"]},
                     {"masked", read.value("masked", json::array())}});
    return out;
  }

  Context& context_;
  const Call call_;
  const Statement statement_;
  const RunningQueries::Query running_;
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  std::int64_t milliseconds_ = 0;
  std::shared_ptr<const ExportFolder> folder_;  // where the rows go as a file; null: they do not
  json told_;  // of the rows that were answered; null: there are none
  std::string error_;
};

}  // namespace

Response log_is_full(std::int64_t seconds) {
  Response response = error_response(
      {Errc::rate_limited,
       "your statements are kept in the event log, and have used up what it takes of one user at a "
       "time: ask again in " +
           std::to_string(seconds) + " s",
       {}});
  for (auto& [name, value] : response.headers) {
    if (name == "Retry-After") value = std::to_string(seconds);
  }
  return response;
}

void run_lake_sql(Context& context, Call call) {
  auto statement = statement_of(context, *call.request);
  if (!statement) return call.respond(error_response(statement.error()));
  const std::string user = call.request->identity.user, id = statement->id;
  if (const auto wait = context.queries->budget.wait(user, context.now()); wait > 0)
    return call.respond(log_is_full(wait));
  auto running = context.queries->begin(user, id, context.now());
  if (!running)
    return call.respond(error_response(
        {Errc::conflict, "a query of yours has the query_id " + id + " already", {}}));
  const auto run = std::make_shared<SqlRun>(context, call, *std::move(statement), running);
  call.request->on_gone = [gone = run->gone()] { *gone = true; };
  const bool taken = context.run_sql(
      call, [run] { return run->answer(); },
      [&context, run, user, id](Response response) {
        context.queries->end(user, id);
        const json written = run->written(response);
        context.queries->budget.spend(user, json_text(written).size(), context.now());
        context.respond_recorded(run->call(), "lake_sql", written, std::move(response));
      });
  if (!taken) context.queries->end(user, id);
}

void list_lake_sql(Context& context, Call call) {
  json queries = json::array();
  const Time now = context.now();
  for (const auto& [id, query] : context.queries->of(call.request->identity.user)) {
    const int percent = query->percent;
    queries.push_back({{"query_id", id},
                       {"state", query->runs ? "running" : "queued"},
                       {"progress", percent < 0 ? json() : json(percent)},
                       {"milliseconds", (now - query->asked) / std::chrono::milliseconds(1)}});
  }
  const std::size_t count = queries.size();
  call.respond(json_response({{"queries", std::move(queries)}, {"total_entries", count}}));
}

void cancel_lake_sql(Context& context, Call call) {
  const std::string& id = path_param(*call.request, "query_id");
  if (context.queries->cancel(call.request->identity.user, id)) return call.respond(no_content());
  call.respond(error_response({Errc::not_found, "no query of yours has the query_id " + id, {}}));
}

}  // namespace batuta::http
