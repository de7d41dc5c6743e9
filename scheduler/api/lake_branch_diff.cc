// What a branch of the lake has otherwise than the lake, table by table: rows by their key,
// columns, and what both logs count. Rows are read by lake_sql as all others, with the masks of
// whoever asks, so that nothing is told of a value that is hidden.
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "lakelog/branch.h"
#include "lakelog/snapshot.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_branches.h"
#include "scheduler/api/lake_contracts.h"
#include "scheduler/api/lake_masks.h"
#include "scheduler/api/lake_questions.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

struct AskedDiff {
  std::string branch;
  LakeName table;
  std::vector<std::string> key;
  std::int64_t limit = 20;
};

// One side, as its log tells.
struct DiffSide {
  std::int64_t version = -1;  // -1: it has no such table
  lakelog::Metadata metadata;
  json counts = json::object();  // rows (null: unknown), files, bytes
};

struct TableDiff {
  AskedDiff asked;
  std::int64_t base = -1;
  DiffSide lake, branch;
  std::vector<std::string> compared;
  json bare = json::array(), masked = json::array();
};

std::string quoted_column(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

Result<DiffSide> side_of(lakelog::Storage& storage, const std::string& table,
                         std::int64_t version) {
  DiffSide side;
  const auto snapshot = lakelog::read_snapshot(lakelog::LogFolder(storage, table), version);
  if (!snapshot) return Error{Errc::conflict, snapshot.error().message, {}};
  side.version = snapshot->version;
  side.metadata = snapshot->metadata;
  std::optional<std::int64_t> rows = 0;
  std::int64_t bytes = 0;
  for (const auto& [path, file] : snapshot->files) {
    const auto more = lakelog::record_count(file);
    rows = rows && more ? std::optional(*rows + *more) : std::nullopt;
    bytes += file.size;
  }
  side.counts = {{"version", side.version},
                 {"rows", rows ? json(*rows) : json()},
                 {"files", snapshot->files.size()},
                 {"bytes", bytes}};
  return side;
}

bool has_column(const lakelog::Metadata& metadata, const std::string& name) {
  return std::any_of(metadata.columns.begin(), metadata.columns.end(),
                     [&](const lakelog::Column& column) { return column.name == name; });
}

// The key that was asked for, or the contract's.
Status choose_key(Context& context, TableDiff& diff) {
  auto& key = diff.asked.key;
  if (key.empty()) {
    const auto contract = context.contracts->find(context.services.backend.dags(),
                                                  diff.asked.table.domain, diff.asked.table.table);
    std::map<int, std::string> ordered;
    for (const lakelog::Column& column : diff.branch.metadata.columns) {
      const auto* told = contract ? contract->table.column(column.name) : nullptr;
      if (told && told->key_position > 0) ordered.emplace(told->key_position, column.name);
    }
    for (const auto& [position, name] : ordered) key.push_back(name);
  }
  if (key.empty())
    return {Errc::invalid,
            "which columns are the key of " + diff.asked.table.path() +
                "? No contract says it: name them",
            "query.key"};
  for (const std::string& name : key)
    if (!has_column(diff.branch.metadata, name) || !has_column(diff.lake.metadata, name))
      return {Errc::invalid, diff.asked.table.path() + " has no column " + name + " on both sides",
              "query.key"};
  return success();
}

// Those that both sides have, beyond the key and what the lake itself writes.
void choose_compared(TableDiff& diff) {
  const std::set<std::string> key(diff.asked.key.begin(), diff.asked.key.end());
  for (const lakelog::Column& column : diff.branch.metadata.columns) {
    const bool own = column.name.starts_with('_');
    if (!own && !key.contains(column.name) && has_column(diff.lake.metadata, column.name))
      diff.compared.push_back(column.name);
  }
}

Result<TableDiff> looked_up(Context& context, const AskedDiff& asked) {
  const auto lake = branching_lake(context);
  if (!lake) return lake.error();
  const auto branch = lakelog::find_branch(**lake, asked.branch);
  if (!branch) return Error{Errc::not_found, branch.error().message, {}};
  const auto tables = lakelog::branch_tables(**lake, *branch);
  if (!tables) return tables.error();
  TableDiff diff;
  diff.asked = asked;
  const std::string path = asked.table.path();
  const auto found = std::find_if(tables->begin(), tables->end(),
                                  [&](const auto& each) { return each.table == path; });
  if (found == tables->end())
    return Error{
        Errc::not_found, "nothing of " + path + " was written on the branch " + asked.branch, {}};
  diff.base = found->base;
  auto own = side_of(*lakelog::branch_storage(*lake, branch->ref()), path, found->version);
  if (!own) return own.error();
  diff.branch = *std::move(own);
  if (diff.base < 0) return diff;
  auto base = side_of(**lake, path, diff.base);
  if (!base) return base.error();
  diff.lake = *std::move(base);
  if (auto chosen = choose_key(context, diff); !chosen) return chosen.error();
  choose_compared(diff);
  return diff;
}

// Rows of both by their key: key columns, l and r (which has it), changed, and with `values` the
// compared ones of both, lake first.
std::string joined(const TableDiff& diff, bool values) {
  const std::string path = diff.asked.table.path();
  std::string on, out = "SELECT l._l AS l, r._r AS r";
  for (std::size_t i = 0; i < diff.asked.key.size(); ++i) {
    const std::string name = quoted_column(diff.asked.key[i]);
    on += (on.empty() ? "" : " AND ") + ("l." + name) + " IS NOT DISTINCT FROM r." + name;
    out += ", CASE WHEN r._r THEN r." + name + " ELSE l." + name + " END AS k" + std::to_string(i);
  }
  std::string changed;
  for (std::size_t i = 0; i < diff.compared.size(); ++i) {
    const std::string name = quoted_column(diff.compared[i]);
    changed += (changed.empty() ? "" : " OR ") + ("l." + name) + " IS DISTINCT FROM r." + name;
    if (values)
      out +=
          ", l." + name + " AS a" + std::to_string(i) + ", r." + name + " AS b" + std::to_string(i);
  }
  return out + ", (" + (changed.empty() ? "false" : changed) +
         ") AS changed FROM (SELECT true AS _l, * FROM \"" + path + "@v" +
         std::to_string(diff.base) + "\") l FULL JOIN (SELECT true AS _r, * FROM \"" + path +
         "@branch:" + diff.asked.branch + "\") r ON " + on;
}

std::string twice(const TableDiff& diff, const std::string& pin) {
  std::string columns;
  for (const std::string& name : diff.asked.key)
    columns += (columns.empty() ? "" : ", ") + quoted_column(name);
  return "(SELECT count(*) FROM (SELECT 1 FROM \"" + diff.asked.table.path() + pin +
         "\" GROUP BY " + columns + " HAVING count(*) > 1) t)";
}

std::string counting(const TableDiff& diff) {
  return "SELECT count(*) FILTER (WHERE l IS NULL), count(*) FILTER (WHERE r IS NULL), "
         "count(*) FILTER (WHERE l AND r AND changed), count(*) FILTER (WHERE l AND r AND NOT "
         "changed), " +
         twice(diff, "@v" + std::to_string(diff.base)) + ", " +
         twice(diff, "@branch:" + diff.asked.branch) + " FROM (" + joined(diff, false) + ") j";
}

std::string sampling(const TableDiff& diff) {
  std::string order;
  for (std::size_t i = 0; i < diff.asked.key.size(); ++i)
    order += (order.empty() ? "k" : ", k") + std::to_string(i);
  return "SELECT * FROM (" + joined(diff, true) +
         ") j WHERE l IS NULL OR r IS NULL OR changed ORDER BY " + order;
}

json sampled(const TableDiff& diff, const json& row) {
  std::size_t at = 2;
  json key = json::object(), values = json::object();
  const bool lake = row.at(0) == true, branch = row.at(1) == true;
  for (const std::string& name : diff.asked.key) key[name] = row.at(at++);
  for (const std::string& name : diff.compared) {
    const json &before = row.at(at), &after = row.at(at + 1);
    at += 2;
    if (!lake || !branch || before != after) values[name] = {{"lake", before}, {"branch", after}};
  }
  return {{"what", !lake     ? "added"
                   : !branch ? "removed"
                             : "changed"},
          {"key", std::move(key)},
          {"values", std::move(values)}};
}

json columns_only_in(const lakelog::Metadata& one, const lakelog::Metadata& other) {
  json out = json::array();
  for (const lakelog::Column& column : one.columns)
    if (!has_column(other, column.name)) out.push_back(column.name);
  return out;
}

json shape_of(const TableDiff& diff) {
  return {{"branch", diff.asked.branch},
          {"table", diff.asked.table.path()},
          {"lake", diff.base < 0 ? json() : diff.lake.counts},
          {"on_branch", diff.branch.counts},
          {"columns_added", columns_only_in(diff.branch.metadata, diff.lake.metadata)},
          {"columns_removed", columns_only_in(diff.lake.metadata, diff.branch.metadata)},
          {"key", diff.asked.key},
          {"compared", diff.compared},
          {"masked", diff.masked},
          {"added", diff.base < 0 ? diff.branch.counts["rows"] : json()},
          {"removed", diff.base < 0 ? json(0) : json()},
          {"changed", diff.base < 0 ? json(0) : json()},
          {"unchanged", diff.base < 0 ? json(0) : json()},
          {"rows", json::array()},
          {"cut", false}};
}

class DiffAnswer {
 public:
  DiffAnswer(Context& context, Call call, AskedDiff asked)
      : context_(context), call_(std::move(call)) {
    diff_.asked = std::move(asked);
  }

  const std::shared_ptr<std::atomic<bool>>& gone() const { return gone_; }

  Result<Response> read() {
    auto found = looked_up(context_, diff_.asked);
    if (!found) return found.error();
    diff_ = *std::move(found);
    if (diff_.base < 0) return json_response(shape_of(diff_));
    const auto counts = ask(counting(diff_), 1);
    if (!counts) return counts.error();
    const json& row = (*counts)["rows"].at(0);
    if (row.at(4) != 0 || row.at(5) != 0)
      return {Errc::invalid,
              "these columns are no key of " + diff_.asked.table.path() +
                  ": rows have the same values in them; name more",
              "query.key"};
    json out = shape_of(diff_);
    for (const auto& [name, at] :
         {std::pair{"added", 0}, {"removed", 1}, {"changed", 2}, {"unchanged", 3}})
      out[name] = row.at(static_cast<std::size_t>(at));
    if (row.at(0) == 0 && row.at(1) == 0 && row.at(2) == 0) return json_response(out);
    if (diff_.asked.limit == 0) return json_response(out);
    const auto rows = ask(sampling(diff_), diff_.asked.limit);
    if (!rows) return rows.error();
    for (const json& each : (*rows)["rows"]) out["rows"].push_back(sampled(diff_, each));
    out["cut"] = rows->value("cut", false);
    return json_response(out);
  }

  // Who was shown what is masked for others is written down before the rows go out.
  void give(Response response) {
    if (diff_.bare.empty()) return call_.respond(std::move(response));
    context_.respond_recorded(call_, "lake_rows_unmasked",
                              {{"table", diff_.asked.table.path()},
                               {"branch", diff_.asked.branch},
                               {"unmasked", diff_.bare}},
                              std::move(response));
  }

 private:
  Result<json> ask(const std::string& sql, std::int64_t limit) {
    const auto stop = [this] { return *gone_ || context_.stopping; };
    if (stop()) return {Errc::unavailable, "nobody waits for the answer"};
    const json asked{{"operation", "sql"},
                     {"sql", sql},
                     {"limit", limit},
                     {"bytes", context_.services.sql.bytes},
                     {"return_errors", true}};
    auto told = lake_answer_of(ask_lake(context_, *call_.request, asked, stop));
    if (!told) return told.error();
    if (!told->contains("rows") || (limit == 1 && (*told)["rows"].empty()))
      return {Errc::internal, "the query gave no rows"};
    diff_.bare = told_of_table(*told, "unmasked");
    diff_.masked = told_of_table(*told, "masked");
    return told;
  }

  Context& context_;
  const Call call_;
  TableDiff diff_;
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace

void diff_lake_branch(Context& context, Call call) {
  QueryReader query(*call.request);
  AskedDiff asked;
  asked.branch = path_param(*call.request, "branch");
  const std::string table = query.text("table").value_or("");
  asked.key = query.list("key");
  asked.limit = query.integer("limit", 20, 0, 200);
  const auto name = lake_name(table);
  if (query.status() && !name)
    query.fail("table", "must name a table of the branch: layer/domain/table");
  if (!query.status()) return call.respond(error_response(query.status().error()));
  asked.table = *name;
  if (!may(call.request->identity, Action::read, name->resource()))
    return call.respond(error_response(needs_right(Action::read, name->resource())));
  const auto answer = std::make_shared<DiffAnswer>(context, call, std::move(asked));
  call.request->on_gone = [gone = answer->gone()] { *gone = true; };
  context.query_lake(
      call, [answer] { return answer->read(); },
      [answer](Response response) { answer->give(std::move(response)); });
}

}  // namespace batuta::http
