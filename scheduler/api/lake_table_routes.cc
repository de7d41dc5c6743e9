// What became of one table: its versions, quality and lineage.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_columns.h"
#include "scheduler/api/lake_masks.h"
#include "scheduler/api/lake_questions.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_lineage_tables = 500;

json number_or_null(const std::optional<std::int64_t>& number) {
  return number ? json(*number) : json(nullptr);
}

std::string text_of(const json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto at = object.find(name);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}
json int_of(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(name);
  return at == object.end() ? json() : number_or_null(json_int(*at));
}

// Who made something, for who may see that DAG: what a table is made by is the DAG's, not the
// lake's.
void add_maker(json& out, const Sight& dags, const std::string& dag, const std::string& run,
               const std::string& task) {
  const bool seen = !dag.empty() && dags.sees(dag);
  out["dag_id"] = seen ? json(dag) : json(nullptr);
  out["dag_run_id"] = seen ? text_or_null(run) : json(nullptr);
  out["task_id"] = seen ? text_or_null(task) : json(nullptr);
}

json version_json_of(const LakeVersion& version, const Sight& dags) {
  const json info = stored_json(version.entry.info_json);
  const json made = info.is_object() ? info.value("batuta", json()) : json();
  const json metrics = stored_json(version.entry.metrics_json);
  json out{{"version", version.entry.version},
           {"time", to_iso(Time(std::chrono::milliseconds(version.entry.timestamp_ms)))},
           {"operation", text_or_null(version.entry.operation)},
           {"files_added", version.entry.added_files},
           {"files_removed", version.entry.removed_files},
           {"rows_added", number_or_null(version.rows_added)},
           {"rows_removed", number_or_null(version.rows_removed)},
           {"rows", number_or_null(version.rows)},
           {"bytes", number_or_null(version.bytes)},
           {"contract", text_or_null(text_of(metrics, "contract"))},
           {"contract_version", text_or_null(text_of(metrics, "contract_version"))},
           {"engine", text_or_null(text_of(info, "engineInfo"))}};
  add_maker(out, dags, text_of(made, "dag_id"), text_of(made, "run_id"), text_of(made, "task_id"));
  const bool seen = !out["dag_id"].is_null();
  out["map_index"] = seen ? int_of(made, "map_index") : json(nullptr);
  out["try_number"] = seen ? int_of(made, "try_number") : json(nullptr);
  return out;
}

json report_of(const QualityReportView& view, const std::string& table, const Sight& dags) {
  json results = json::array();
  bool passed = true;
  const json told = attempt_report_json(view.row);
  for (const json& one : told["quality"]) {
    if (text_of(one, "table") != table) continue;
    const auto held = one.find("passed");
    passed = passed && !(held != one.end() && held->is_boolean() && !held->get<bool>());
    results.push_back(one);
  }
  json out{{"try_number", view.row.try_number},
           {"run_after", to_iso(view.run_after)},
           {"passed", passed},
           {"results", std::move(results)}};
  add_maker(out, dags, view.dag_id, view.dag_run_id, view.task_id);
  const auto map = number_of(view.row.key.map_index);
  out["map_index"] = map >= 0 && !out["dag_id"].is_null() ? json(map) : json(nullptr);
  return out;
}

// The tables that can be reached from one, against or along the edges, and how far they are.
class LineageWalk {
 public:
  LineageWalk(const std::vector<LineageEdge>& edges, const Sight& lake) : lake_(lake) {
    for (const LineageEdge& edge : edges) {
      if (edge.from == edge.to) continue;
      below_[edge.from].push_back(edge.to);
      above_[edge.to].push_back(edge.from);
    }
  }
  void walk(const std::string& start, std::int64_t depth) {
    distance_[start] = 0;
    go(start, depth, above_, -1);
    go(start, depth, below_, 1);
  }
  bool reached(const std::string& table) const { return distance_.contains(table); }
  const std::map<std::string, std::int64_t>& distances() const { return distance_; }
  std::size_t hidden() const { return hidden_.size(); }
  bool more() const { return more_; }

 private:
  using Neighbours = std::map<std::string, std::vector<std::string>>;

  void go(const std::string& start, std::int64_t depth, const Neighbours& next, int step) {
    std::vector<std::string> front{start};
    std::set<std::string> been{start};
    for (std::int64_t far = 1; !front.empty(); ++far) {
      std::vector<std::string> reached;
      for (const std::string& table : front) {
        const auto others = next.find(table);
        if (others == next.end()) continue;
        for (const std::string& other : others->second) {
          if (!been.insert(other).second) continue;
          if (may_add(other, far, depth)) {
            distance_.try_emplace(other, step * far);
            reached.push_back(other);
          }
        }
      }
      front = std::move(reached);
    }
  }
  // What may not be seen ends the way: what lies behind it is not told either.
  bool may_add(const std::string& table, std::int64_t far, std::int64_t depth) {
    const auto name = lake_name(table);
    if (!name) return false;
    if (!lake_.sees(name->domain + "/" + name->layer)) {
      hidden_.insert(table);
      return false;
    }
    const bool fits = far <= depth && distance_.size() < max_lineage_tables;
    more_ = more_ || !fits;
    return fits;
  }

  const Sight& lake_;
  Neighbours above_, below_;
  std::map<std::string, std::int64_t> distance_;
  std::set<std::string> hidden_;
  bool more_ = false;
};

json lineage_json(const std::vector<LineageEdge>& edges, const LineageWalk& walk,
                  const Sight& dags) {
  json out{{"tables", json::array()},
           {"edges", json::array()},
           {"hidden", walk.hidden()},
           {"more", walk.more()}};
  for (const auto& [path, distance] : walk.distances()) {
    const auto name = lake_name(path);
    out["tables"].push_back({{"layer", name->layer},
                             {"domain", name->domain},
                             {"table", name->table},
                             {"distance", distance}});
  }
  for (const LineageEdge& edge : edges) {
    if (edge.from == edge.to || !walk.reached(edge.from) || !walk.reached(edge.to)) continue;
    json one{{"from", edge.from},
             {"to", edge.to},
             {"from_version", edge.from_version >= 0 ? json(edge.from_version) : json(nullptr)},
             {"run_after", to_iso(edge.run_after)}};
    add_maker(one, dags, edge.dag_id, edge.dag_run_id, edge.task_id);
    out["edges"].push_back(std::move(one));
  }
  return out;
}

}  // namespace

Result<Response> list_lake_versions(Context& context, const Request& request) {
  QueryReader query(request);
  const Page page = query.page();
  if (!query.status()) return query.status().error();
  const auto name = asked_table(context, request);
  if (!name) return name.error();
  const auto found = context.lake->versions(*name, page);
  if (!found) return found.error();
  const Sight dags = seen_dags(request);
  json items = json::array();
  for (const LakeVersion& version : found->rows) items.push_back(version_json_of(version, dags));
  return json_response(collection("versions", std::move(items), found->total));
}

Result<Response> list_lake_quality(Context& context, const Request& request) {
  QueryReader query(request);
  Page page = query.page();
  if (!query.status()) return query.status().error();
  const auto name = asked_table(context, request);
  if (!name) return name.error();
  page.limit = std::min(page.limit, max_page - 1);
  const auto wanted = static_cast<std::size_t>(page.limit++);  // one more tells of the next page
  auto views = context.services.history.quality_reports(name->path(), page);
  const bool more = views.size() > wanted;
  if (more) views.resize(wanted);
  const Sight dags = seen_dags(request);
  json reports = json::array();
  for (const QualityReportView& view : views)
    reports.push_back(report_of(view, name->path(), dags));
  return json_response({{"reports", std::move(reports)}, {"more", more}});
}

Result<Response> get_lake_lineage(Context& context, const Request& request) {
  QueryReader query(request);
  const std::int64_t depth = query.integer("depth", 3, 1, 20);
  const auto columns = query.list("columns");
  if (!query.status()) return query.status().error();
  const auto name = asked_table(context, request);
  if (!name) return name.error();
  const auto edges = context.services.history.lineage();
  const Sight lake = seen_lake(request);
  LineageWalk walk(edges, lake);
  walk.walk(name->path(), depth);
  json out = lineage_json(edges, walk, seen_dags(request));
  if (!columns.empty()) {
    ColumnWalk ways(context, edges, lake);
    if (auto found = ways.walk(*name, columns, depth); !found) return found.error();
    out["columns"] = ways.told();
  }
  return json_response(out);
}

}  // namespace batuta::http
