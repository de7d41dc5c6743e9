#include "plugins/lake/layer/known_values.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "common/safe_json.h"
#include "plugins/lake/appender.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/layer/raw_landing.h"

namespace batuta::lake {
namespace {

using nlohmann::json;
using Values = std::set<std::string>;

std::optional<Values> values_of(const std::string& request_json, const std::string& field) {
  auto request = parse_untrusted(request_json);
  if (!request || !request->is_object()) return std::nullopt;
  // What a REST source was asked for lies apart; requests of before have it beside the rest.
  const auto query = request->find("query");
  const json& asked =
      query != request->end() && query->is_object() && query->contains(field) ? *query : *request;
  const auto list = asked.find(field);
  if (list == asked.end() || !list->is_array()) return std::nullopt;
  Values values;
  for (const json& item : *list)
    if (item.is_string()) values.insert(item.get<std::string>());
  return values;
}

// Extractions mostly ask for the same: every distinct list is kept once.
class Lists {
 public:
  std::int64_t id_of(const Values& values) {
    const auto [at, fresh] = ids_.try_emplace(values, static_cast<std::int64_t>(ids_.size()) + 1);
    (void)fresh;
    return at->second;
  }
  void write(Session& session) const {
    session.run("CREATE OR REPLACE TEMP TABLE asked_values (list BIGINT, value VARCHAR)");
    Appender rows(session, "asked_values");
    for (const auto& [values, id] : ids_) {
      for (const std::string& value : values) {
        rows.integer(id);
        rows.text(value);
        rows.end_row();
      }
    }
    rows.close();
  }

 private:
  std::map<Values, std::int64_t> ids_;
};

}  // namespace

void view_asked_for(plugin::Context& context, Session& session, const std::string& view,
                    const std::string& rows, const Asked& asked, const OwnList& own) {
  session.run(
      "CREATE OR REPLACE TEMP TABLE asked_files AS SELECT DISTINCT \"_run_id\" AS run, "
      "\"_source_file\" AS file, " +
      request_path_sql("\"_source_file\"") + " AS request FROM " + quoted_name(rows));
  constexpr std::size_t max_extractions = 1'000'000;
  const Table extractions = session.query(
      "SELECT DISTINCT run, request FROM asked_files WHERE request IS NOT NULL "
      "ORDER BY ALL",
      {}, max_extractions);
  if (extractions.cut)
    throw plugin::FinalError("more than a million extractions wait to be taken in at once");
  const Values own_values(own.values.begin(), own.values.end());
  Lists lists;
  session.run(
      "CREATE OR REPLACE TEMP TABLE asked_lists (run VARCHAR, request VARCHAR, list BIGINT)");
  Appender known(session, "asked_lists");
  std::int64_t unknown = 0;
  const Lake lake = lake_folder(context);
  for (const auto& row : extractions.rows) {
    const bool is_own = row.at(0).text() == context.execution_id() && !own_values.empty();
    std::optional<Values> values;
    if (!is_own || !own.overrules) {
      const auto request = read_request(lake, row.at(1).text());
      if (request) values = values_of(*request, asked.field);
    }
    if (!values && is_own) values = own_values;
    if (!values) {
      ++unknown;
      continue;
    }
    known.text(row.at(0).text());
    known.text(row.at(1).text());
    known.integer(lists.id_of(*values));
    known.end_row();
  }
  known.close();
  lists.write(session);
  if (unknown > 0)
    context.warn(std::to_string(unknown) + " extractions left no request: their " + asked.field +
                 " cannot be checked");
  const std::string column = quoted_name(asked.column);
  session.run(
      "CREATE OR REPLACE TEMP TABLE asked_by_file AS SELECT run, file, list FROM asked_files JOIN "
      "asked_lists USING (run, request)");
  session.run("CREATE OR REPLACE TEMP VIEW " + quoted_name(view) +
              " AS SELECT r.*, CASE WHEN f.list IS NOT NULL THEN v.value IS NOT NULL END AS "
              "asked_for FROM " +
              quoted_name(rows) +
              " r LEFT JOIN asked_by_file f ON f.run = r.\"_run_id\" AND f.file = "
              "r.\"_source_file\" LEFT JOIN asked_values v ON v.list = f.list AND v.value = r." +
              column);
}

}  // namespace batuta::lake
