#include "scheduler/api/lake_questions.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "common/url.h"

namespace batuta::http {

using nlohmann::json;

Result<LakeName> asked_table(Context& context, const Request& request) {
  auto name = lake_name(path_param(request, "layer") + "/" + path_param(request, "domain") + "/" +
                        path_param(request, "table"));
  if (!name) return name;
  if (auto there = context.lake->check(*name); !there) return there.error();
  return name;
}

RowQuestion row_question(QueryReader& query) {
  RowQuestion out;
  out.version = query.integer("version", -1, 0, std::numeric_limits<std::int64_t>::max());
  out.at = query.time("at");
  if (out.at && out.version >= 0) query.fail("at", "version or at: one of them");
  out.columns = query.list("columns");
  out.where = query.list("where");
  out.order_by = query.list("order_by");
  return out;
}

json chosen_of(const RowQuestion& question) {
  json out = json::object();
  if (!question.columns.empty()) out["columns"] = question.columns;
  if (!question.where.empty()) out["where"] = question.where;
  if (!question.order_by.empty()) out["order_by"] = question.order_by;
  return out;
}

Result<std::int64_t> pinned_version(Context& context, const LakeName& name,
                                    const RowQuestion& question) {
  if (question.version >= 0) return question.version;
  if (!question.at) {
    const LakeSummary now = context.lake->summary(name);
    return now.problem.empty() ? now.version : -1;
  }
  const std::int64_t wanted = question.at->time_since_epoch() / std::chrono::milliseconds(1);
  Page page;
  page.limit = max_page;
  for (page.offset = 0;; page.offset += page.limit) {
    const auto found = context.lake->versions(name, page);
    if (!found) return found.error();
    for (const LakeVersion& version : found->rows) {
      if (version.entry.timestamp_ms <= wanted) return version.entry.version;
    }
    if (found->rows.empty() || page.offset + page.limit >= found->total)
      return {Errc::invalid, "the table's log tells of no version that old", "query.at"};
  }
}

void add_masked_header(Response& response, const json& tables) {
  constexpr std::size_t most_bytes = 4096;  // what proxies let through
  std::string text;
  std::size_t left_out = 0;
  for (const json& read : tables) {
    std::string table;
    for (const char c : read.value("table", ""))
      table += c == '/' ? std::string(1, c) : percent_encoded({&c, 1});
    for (const json& column : read.value("masked", json::array())) {
      const std::string name = table + ":" + percent_encoded(column.get<std::string>());
      if (text.size() + name.size() > most_bytes) {
        ++left_out;
      } else {
        text += (text.empty() ? "" : ", ") + name;
      }
    }
  }
  if (left_out > 0) text += ", and " + std::to_string(left_out) + " more";
  if (!text.empty()) response.headers.emplace_back("Batuta-Masked", text);
}

std::optional<std::int64_t> number_from_text(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

Result<json> lake_answer_of(const Result<std::string>& told) {
  if (!told) return told.error();
  const JsonLimits limits{64u << 20, 64, 64u << 20, 64u << 20};  // it came from our own plugin
  auto answer = parse_untrusted(*told, limits);
  if (!answer || !answer->is_object()) return {Errc::internal, "the query gave no rows"};
  const auto error = answer->find("error");
  if (error == answer->end()) return *std::move(answer);
  const std::string text = error->is_object() ? error->value("text", "") : std::string();
  const std::string_view named = std::string_view(text).substr(0, text.find(':'));
  for (const std::string_view name : {"columns", "where", "order_by", "key"}) {
    if (named == name)
      return {Errc::invalid, text.substr(std::min(text.size(), name.size() + 2)),
              "query." + std::string(name)};
  }
  return {Errc::invalid, text, "query"};
}

json told_of_table(const json& answer, const char* member) {
  const auto tables = answer.find("tables");
  if (tables == answer.end() || !tables->is_array() || tables->empty()) return json::array();
  return tables->front().value(member, json::array());
}

}  // namespace batuta::http
