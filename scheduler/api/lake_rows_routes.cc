// Rows of one table, page by page. A cursor says where its page begins, in which version, and for
// which question it was given; there is nothing kept for it here.
#include <atomic>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_masks.h"
#include "scheduler/api/lake_questions.h"
#include "scheduler/store/crypto.h"

namespace batuta::http {

using nlohmann::json;

namespace {

struct RowCursor {
  std::int64_t version = -1, offset = 0;
};

// Of the table, its id included as another may have its name since, and what is asked of it, so
// that a cursor goes on with its own question only.
std::string question_mark(const std::string& table, const std::string& id, const json& chosen) {
  return sha256_hex(table + "\n" + id + "\n" + json_text(chosen)).substr(0, 12);
}

std::string written_cursor(const RowCursor& cursor, const std::string& mark) {
  return std::to_string(cursor.version) + "." + std::to_string(cursor.offset) + "." + mark;
}

// nullopt: it is none, or another question's.
std::optional<RowCursor> read_row_cursor(const std::string& text, const std::string& mark) {
  const auto first = text.find('.'), second = text.rfind('.');
  if (first == text.npos || second == first || text.substr(second + 1) != mark) return std::nullopt;
  const auto version = number_from_text(text.substr(0, first));
  const auto offset = number_from_text(text.substr(first + 1, second - first - 1));
  if (!version || !offset) return std::nullopt;
  return RowCursor{*version, *offset};
}

struct PageQuestion {
  RowQuestion rows;
  std::int64_t limit = 50;
  std::string cursor;
};

// `bare`: the columns that were shown by the right to see what is masked.
Result<Response> rows_page(Context& context, const Request& request, PageQuestion question,
                           const std::function<bool()>& stop, json& bare) {
  const auto name = asked_table(context, request);
  if (!name) return name.error();
  json asked = chosen_of(question.rows);
  const auto detail = context.lake->detail(*name);
  // One whose log cannot be read here is told by its name alone.
  const std::string mark =
      question_mark(name->path(), detail ? (*detail)->id : std::string(), asked);
  RowCursor from;
  if (!question.cursor.empty()) {
    const auto read = read_row_cursor(question.cursor, mark);
    const bool fits = read && !question.rows.at &&
                      (question.rows.version < 0 || question.rows.version == read->version);
    if (!fits)
      return {Errc::invalid,
              "is no cursor of this question: ask with the columns, conditions, order and version "
              "of the page that gave it, or begin anew without a cursor",
              "query.cursor"};
    from = *read;
  } else {
    const auto version = pinned_version(context, *name, question.rows);
    if (!version) return version.error();
    from.version = *version;
  }
  asked.update({{"operation", "rows"},
                {"table", name->path()},
                {"limit", question.limit},
                {"offset", from.offset},
                {"bytes", context.services.sql.bytes},
                {"return_errors", true}});
  if (from.version >= 0) asked["version"] = from.version;
  auto answer = lake_answer_of(ask_lake(context, request, std::move(asked), stop));
  if (!answer) return answer.error();
  if (!answer->contains("columns") || !answer->contains("rows"))
    return {Errc::internal, "the query gave no rows"};
  bare = told_of_table(*answer, "unmasked");
  const bool cut = answer->value("cut", false);
  const auto given = static_cast<std::int64_t>((*answer)["rows"].size());
  const bool goes_on = cut && given > 0 && from.version >= 0;
  from.offset += given;
  return json_response({{"version", from.version >= 0 ? json(from.version) : json()},
                        {"masked", told_of_table(*answer, "masked")},
                        {"columns", std::move((*answer)["columns"])},
                        {"rows", std::move((*answer)["rows"])},
                        {"cut", cut},
                        {"cut_by", text_or_null(answer->value("cut_by", ""))},
                        {"next_cursor", goes_on ? json(written_cursor(from, mark)) : json()}});
}

}  // namespace

void get_lake_rows(Context& context, Call call) {
  QueryReader query(*call.request);
  PageQuestion question;
  question.rows = row_question(query);
  question.limit = query.integer("limit", 50, 1, 1000);
  question.cursor = query.text("cursor").value_or("");
  if (!query.status()) return call.respond(error_response(query.status().error()));
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  call.request->on_gone = [gone] { *gone = true; };
  const auto bare = std::make_shared<json>(json::array());
  const auto read = [&context, call, question = std::move(question), gone,
                     bare]() -> Result<Response> {
    if (*gone || context.stopping) return {Errc::unavailable, "nobody waits for the answer"};
    return rows_page(
        context, *call.request, question, [&context, gone] { return *gone || context.stopping; },
        *bare);
  };
  // Who was shown what is masked for others is written down before the rows go out.
  context.query_lake(call, read, [&context, call, bare](Response response) {
    if (bare->empty()) return call.respond(std::move(response));
    const json written{
        {"table", path_param(*call.request, "layer") + "/" + path_param(*call.request, "domain") +
                      "/" + path_param(*call.request, "table")},
        {"unmasked", *bare}};
    context.respond_recorded(call, "lake_rows_unmasked", written, std::move(response));
  });
}

}  // namespace batuta::http
