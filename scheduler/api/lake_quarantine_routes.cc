// What contracts rejected: tables of the layer quarantine, by reason and run, and their rows.
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_masks.h"
#include "scheduler/api/lake_questions.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::int64_t most_reasons = 1000;
constexpr const char* quarantine_layer = "quarantine";

// What lake_sql is to be asked of one table.
struct QuarantineAsked {
  LakeName name;
  json asked;          // parameters of lake_sql
  json version;        // whose rows they are; null: unknown
  bool values = true;  // the answer has values of the table's columns
};

// The rows of one request, from its turn to the answer. Used by one thread at a time.
class QuarantineAnswer {
 public:
  using Question = std::function<Result<QuarantineAsked>()>;
  using Shape = json (*)(json, const QuarantineAsked&);

  QuarantineAnswer(Context& context, Call call, Question question, Shape shape)
      : context_(context), call_(std::move(call)), question_(std::move(question)), shape_(shape) {}

  const std::shared_ptr<std::atomic<bool>>& gone() const { return gone_; }

  Result<Response> read() {
    const auto stop = [this] { return *gone_ || context_.stopping; };
    if (stop()) return {Errc::unavailable, "nobody waits for the answer"};
    auto asked = question_();
    if (!asked) return asked.error();
    asked->asked.update(
        {{"operation", "sql"}, {"bytes", context_.services.sql.bytes}, {"return_errors", true}});
    auto told = lake_answer_of(ask_lake(context_, *call_.request, asked->asked, stop));
    if (!told) return told.error();
    if (!told->contains("columns") || !told->contains("rows"))
      return {Errc::internal, "the query gave no rows"};
    if (asked->values) bare_ = told_of_table(*told, "unmasked");
    table_ = asked->name.path();
    return json_response(shape_(*std::move(told), *asked));
  }

  // Who was shown what is masked for others is written down before the rows go out.
  void give(Response response) {
    if (bare_.empty()) return call_.respond(std::move(response));
    context_.respond_recorded(call_, "lake_rows_unmasked", {{"table", table_}, {"unmasked", bare_}},
                              std::move(response));
  }

 private:
  Context& context_;
  const Call call_;
  const Question question_;
  const Shape shape_;
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  json bare_ = json::array();
  std::string table_;
};

void answer_quarantine(Context& context, const Call& call, QuarantineAnswer::Question question,
                       QuarantineAnswer::Shape shape) {
  const auto rows = std::make_shared<QuarantineAnswer>(context, call, std::move(question), shape);
  call.request->on_gone = [gone = rows->gone()] { *gone = true; };
  context.query_lake(
      call, [rows] { return rows->read(); },
      [rows](Response response) { rows->give(std::move(response)); });
}

// Errc::forbidden before it is told whether there is one.
Result<LakeName> quarantine_of(Context& context, const Request& request) {
  const std::string &domain = path_param(request, "domain"), &table = path_param(request, "table");
  auto name = lake_name(std::string(quarantine_layer) + "/" + domain + "/" + table);
  if (!name) return name;
  if (!may(request.identity, Action::read, name->resource()))
    return needs_right(Action::read, name->resource());
  if (auto there = context.lake->check(*name); !there)
    return Error{Errc::not_found, "nothing of " + domain + "/" + table + " is in quarantine", {}};
  return name;
}

std::string quarantine_literal(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("''") : std::string(1, c);
  return out + "'";
}

struct ChosenRejected {
  std::string where;  // "WHERE …", or nothing
  std::string status = "open";
};

ChosenRejected chosen_rejected(QueryReader& query) {
  ChosenRejected chosen;
  std::string& where = chosen.where;
  const auto add = [&where](const std::string& condition) {
    where += (where.empty() ? " WHERE " : " AND ") + condition;
  };
  if (const auto status = query.text("status")) {
    static constexpr std::string_view known[] = {"open", "published", "superseded", "discarded",
                                                 "all"};
    if (std::find(std::begin(known), std::end(known), *status) == std::end(known))
      query.fail("status", "must be open, published, superseded, discarded or all");
    chosen.status = *status;
  }
  // Of several reasons one: they stand in one text, with commas between.
  if (const auto reason = query.text("reason"))
    add("list_contains(string_split(reason, ','), " + quarantine_literal(*reason) + ")");
  if (const auto run = query.text("run_id")) add("run_id = " + quarantine_literal(*run));
  const OptTime since = query.time("since"), until = query.time("until");
  const auto instant = [](const OptTime& time) {
    return "CAST(" + quarantine_literal(to_iso(*time)) + " AS TIMESTAMPTZ)";
  };
  if (since) add("_ingested_at >= " + instant(since));
  if (until) add("_ingested_at < " + instant(until));
  return chosen;
}

// In a table of before rows could be decided on all are open.
Result<std::string> where_of(Context& context, const LakeName& name, const ChosenRejected& chosen) {
  if (chosen.status == "all") return chosen.where;
  const auto detail = context.lake->detail(name);
  const bool decided =
      detail && std::any_of((*detail)->columns.begin(), (*detail)->columns.end(),
                            [](const auto& column) { return column.name == "_status"; });
  const bool open = chosen.status == "open";
  if (!decided && open) return chosen.where;
  return chosen.where + (chosen.where.empty() ? " WHERE " : " AND ") +
         (!decided ? "false"
          : open   ? "_status IS NULL"
                   : "_status = " + quarantine_literal(chosen.status));
}

// A SELECT over the table; `select` and `rest` stand before and behind its name.
QuarantineAsked rejected_of(Context& context, const LakeName& name, const std::string& select,
                            const std::string& rest, std::int64_t limit) {
  json version;
  if (const LakeSummary now = context.lake->summary(name); now.problem.empty())
    version = now.version;
  json asked{{"sql", "SELECT " + select + " FROM \"" + name.path() + "\"" + rest},
             {"limit", limit}};
  if (version.is_number()) asked["version"] = version;
  return {name, std::move(asked), version};
}

json reasons_shape(json told, const QuarantineAsked& asked) {
  json groups = json::array();
  for (const json& row : told["rows"])
    groups.push_back({{"reason", row.at(0)},
                      {"run_id", row.at(1)},
                      {"rows", row.at(2)},
                      {"first_seen", row.at(3)},
                      {"last_seen", row.at(4)}});
  return {{"domain", asked.name.domain},
          {"table", asked.name.table},
          {"version", asked.version},
          {"groups", std::move(groups)},
          {"more", told.value("cut", false)}};
}

json quarantined_rows_shape(json told, const QuarantineAsked& asked) {
  return {{"version", asked.version},
          {"masked", told_of_table(told, "masked")},
          {"columns", std::move(told["columns"])},
          {"rows", std::move(told["rows"])},
          {"cut", told.value("cut", false)},
          {"cut_by", text_or_null(told.value("cut_by", ""))},
          {"next_cursor", json()}};
}

}  // namespace

Result<Response> list_quarantines(Context& context, const Request& request) {
  const auto names = context.lake->names();
  if (!names) return names.error();
  const Sight sight = seen_lake(request);
  json tables = json::array();
  for (const LakeName& name : (*names)->tables) {
    if (name.layer != quarantine_layer || !sight.sees(name.domain + "/" + name.layer)) continue;
    const LakeSummary summary = context.lake->summary(name);
    const bool known = summary.problem.empty();
    tables.push_back(
        {{"domain", name.domain},
         {"table", name.table},
         {"rows", summary.rows ? json(*summary.rows) : json()},
         {"version", known ? json(summary.version) : json()},
         {"modified",
          known ? json(to_iso(Time(std::chrono::milliseconds(summary.modified_ms)))) : json()},
         {"problem", text_or_null(summary.problem)}});
  }
  const auto total = tables.size();
  return json_response(collection("tables", std::move(tables), static_cast<std::int64_t>(total)));
}

void get_quarantine(Context& context, Call call) {
  QueryReader query(*call.request);
  const ChosenRejected chosen = chosen_rejected(query);
  if (!query.status()) return call.respond(error_response(query.status().error()));
  answer_quarantine(
      context, call,
      [&context, call, chosen]() -> Result<QuarantineAsked> {
        const auto name = quarantine_of(context, *call.request);
        if (!name) return name.error();
        const auto where = where_of(context, *name, chosen);
        if (!where) return where.error();
        QuarantineAsked asked = rejected_of(
            context, *name, "reason, run_id, count(*), min(_ingested_at), max(_ingested_at)",
            *where + " GROUP BY ALL ORDER BY 5 DESC, 1, 2", most_reasons);
        asked.values = false;
        return asked;
      },
      reasons_shape);
}

void get_quarantine_rows(Context& context, Call call) {
  QueryReader query(*call.request);
  const std::int64_t limit = query.integer("limit", 50, 1, 1000);
  const ChosenRejected chosen = chosen_rejected(query);
  if (!query.status()) return call.respond(error_response(query.status().error()));
  answer_quarantine(
      context, call,
      [&context, call, chosen, limit]() -> Result<QuarantineAsked> {
        const auto name = quarantine_of(context, *call.request);
        if (!name) return name.error();
        const auto where = where_of(context, *name, chosen);
        if (!where) return where.error();
        return rejected_of(context, *name, "*", *where + " ORDER BY _ingested_at DESC", limit);
      },
      quarantined_rows_shape);
}

}  // namespace batuta::http
