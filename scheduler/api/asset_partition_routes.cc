// The partitions of an asset, and of a table of the lake: which are made, which lack, which have to
// be made again, and by which runs.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "scheduler/api/asset_answers.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/lake_questions.h"
#include "scheduler/api/params.h"
#include "scheduler/api/partition_matrix.h"

namespace batuta::http {

using nlohmann::json;

namespace {

// How far is looked back, told as `more` where there is more.
constexpr std::int64_t most_part_events = 1000, most_part_runs = 1000;
constexpr std::size_t most_part_inputs = 16, most_part_makers = 16;
constexpr std::int64_t most_shown_parts = 2000;

// Read so far; `cut`: there is more than was looked at.
struct PartsFound {
  PartsKnown known;
  bool cut = false;
};

Result<PartsAsked> asked_parts(const Request& request) {
  QueryReader query(request);
  PartsAsked asked;
  asked.from = query.text("from").value_or("");
  asked.to = query.text("to").value_or("");
  if (const auto grain = query.text("group_by")) {
    asked.group = parse_grain(*grain);
    if (!asked.group || *asked.group == PartitionGrain::as_it_is)
      query.fail("group_by", "must be minute, hour, day, week, month, quarter or year");
  }
  asked.limit = static_cast<std::size_t>(query.integer("limit", 500, 1, most_shown_parts));
  if (!query.status()) return query.status().error();
  return asked;
}

PartMaker maker_seen(const Sight& dags, const std::string& dag, const std::string& run,
                     const std::string& task) {
  if (dag.empty() || !dags.sees(dag)) return {};
  return {dag, run, task};
}

// Newest first. What nobody may tell of is left out.
std::vector<AssetEventView> keyed_events(Context& context, const Sight& sight, std::int64_t asset,
                                         PartsFound& found) {
  AssetEventQuery query;
  query.sight = sight;
  query.filters = {{"asset_id", Filter::Op::any, {asset}},
                   {"partition_key", Filter::Op::gt, {std::string()}}};
  query.order_by = {"-id"};
  query.page.limit = most_part_events;
  auto page = context.services.history.asset_events(query);
  found.cut = found.cut || page.total > std::ssize(page.rows);
  std::erase_if(page.rows, [](const auto& view) { return view.row.partition_key.empty(); });
  return std::move(page.rows);
}

// Of a schedule's runs that have no key those that make something yet, or failed to: one that went
// well made what there is.
bool is_about_its_interval(const RunRow& run) {
  const bool is_tick = run.type == RunType::scheduled || run.type == RunType::backfill;
  return is_tick && run.state != DagRunState::success && run.data_interval_start.has_value();
}

// A run on a branch of the lake is about the branch's parts.
void add_runs(Context& context, const std::string& dag_id, const Dag* by_interval,
              PartitionGrain grain, PartsFound& found) {
  RunQuery query;
  query.dag_id = dag_id;
  if (by_interval == nullptr) query.filters = {{"partition_key", Filter::Op::gt, {std::string()}}};
  query.order_by = {"-id"};
  query.page.limit = most_part_runs;
  const auto page = context.services.history.runs(query);
  found.cut = found.cut || page.total > std::ssize(page.rows);
  for (const RunRow& run : page.rows) {
    std::string key = run.partition_key;
    if (key.empty() && by_interval != nullptr && is_about_its_interval(run) &&
        grain != PartitionGrain::as_it_is)
      key = partition_key_of(*run.data_interval_start, by_interval->schedule.zone.get(), grain);
    if (key.empty() || !run.branch.empty()) continue;
    found.known.tried.push_back(
        {key, run.queued_at, run.state, {run.dag_id, run.dag_run_id, std::string()}});
  }
}

struct PartInput {
  std::string uri;
  PartitionMapper mapper{};
  std::shared_ptr<const Dag> dag;  // whose zone the keys are of
};

void waited_inputs(const AssetCondition& condition, const std::shared_ptr<const Dag>& dag,
                   std::vector<PartInput>& out) {
  if (condition.kind == AssetCondition::Kind::asset)
    out.push_back({dag->assets[condition.asset].uri, condition.mapper, dag});
  for (const AssetCondition& each : condition.of) waited_inputs(each, dag, out);
}

// What the DAG makes an asset of: what it waits for, and what the task that makes it reads.
std::vector<PartInput> inputs_of(const std::shared_ptr<const Dag>& dag,
                                 const std::string& task_id) {
  std::vector<PartInput> out;
  if (dag->waits_for) waited_inputs(*dag->waits_for, dag, out);
  for (const Task& task : dag->tasks) {
    if (task.id != task_id) continue;
    for (const AssetIndex index : task.inlets) out.push_back({dag->assets[index].uri, {}, dag});
  }
  return out;
}

void add_inputs(Context& context, const Request& request, const std::vector<PartInput>& inputs,
                const std::string& own, PartsFound& found) {
  std::set<std::string> seen{own};
  for (const PartInput& input : inputs) {
    if (!seen.insert(input.uri).second) continue;
    if (seen.size() > most_part_inputs) {
      found.cut = true;
      return;
    }
    AssetQuery query;
    query.sight = seen_dags(request);
    query.filters = {{"uri", Filter::Op::any, {input.uri}}};
    query.page.limit = max_page;
    for (const AssetView& asset : context.services.history.assets(query).rows) {
      if (asset.row.uri != input.uri) continue;
      for (const AssetEventView& event : keyed_events(context, query.sight, asset.row.id, found)) {
        for (std::string& key : map_partition_key(event.row.partition_key, input.mapper,
                                                  input.dag->schedule.zone.get()))
          found.known.needed.push_back({std::move(key), event.row.timestamp, input.uri});
      }
    }
  }
}

json maker_json(const Request& request, const std::string& dag_id, const char* takes) {
  return {{"dag_id", dag_id},
          {"may_trigger", may(request.identity, Action::trigger, "dag:" + dag_id)},
          {"takes", takes}};
}

json parts_json(PartsFound found, const PartsAsked& asked, json makers) {
  json out = matrix_json(partition_matrix(std::move(found.known)), asked);
  out["more"] = out["more"] == true || found.cut;
  out["makers"] = std::move(makers);
  return out;
}

void add_keyed_events(Context& context, const Sight& sight, std::int64_t asset, PartsFound& found) {
  for (const AssetEventView& event : keyed_events(context, sight, asset, found)) {
    const AssetEventRow& row = event.row;
    found.known.made.push_back(
        {row.partition_key, row.timestamp,
         maker_seen(sight, row.source_dag_id, row.source_run_id, row.source_task_id), std::nullopt,
         std::nullopt});
  }
}

// As far as the caller sees its DAGs.
json asset_parts(Context& context, const Request& request, const AssetView& asset,
                 const PartsAsked& asked) {
  const Sight sight = seen_dags(request);
  const auto bag = context.services.backend.dags();
  PartsFound found;
  add_keyed_events(context, sight, asset.row.id, found);
  std::vector<PartInput> inputs;
  json makers = json::array();
  std::set<std::string> dags;
  for (const AssetRefView& ref : asset.refs) {
    if (ref.role != AssetRole::outlet || !sight.sees(ref.dag_id)) continue;
    const auto dag = bag->dags.find(ref.dag_id);
    if (dag == bag->dags.end()) continue;
    for (PartInput& input : inputs_of(dag->second, ref.task_id)) inputs.push_back(input);
    if (!dags.insert(ref.dag_id).second) continue;
    if (makers.size() == most_part_makers) {
      found.cut = true;
      continue;
    }
    makers.push_back(maker_json(request, ref.dag_id, "partition_key"));
    add_runs(context, ref.dag_id, nullptr, PartitionGrain::as_it_is, found);
  }
  add_inputs(context, request, inputs, asset.row.uri, found);
  return parts_json(std::move(found), asked, std::move(makers));
}

// "2026-03-10" of one column; of several all by their names.
std::string part_key(const lakelog::PartitionValues& values) {
  if (values.size() == 1) return values.begin()->second.value_or("NULL");
  std::string out;
  for (const auto& [column, value] : values)
    out += (out.empty() ? "" : "/") + column + "=" + value.value_or("NULL");
  return out;
}

Time part_time(std::int64_t ms) {
  return Time(std::chrono::milliseconds(ms));
}

// Tables that this one is made of change it by their parts of the same key.
void add_table_inputs(Context& context, const Request& request, const std::string& path,
                      const std::vector<std::string>& columns,
                      const std::vector<LineageEdge>& edges, PartsFound& found) {
  const Sight lake = seen_lake(request);
  std::set<std::string> seen{path};
  for (const LineageEdge& edge : edges) {
    const auto name = lake_name(edge.from);
    if (edge.to != path || !name || !lake.sees(name->domain + "/" + name->layer)) continue;
    if (!seen.insert(edge.from).second) continue;
    if (seen.size() > most_part_inputs) {
      found.cut = true;
      break;
    }
    const auto parts = context.lake->parts(*name);
    if (!parts) continue;  // its own page says why
    found.cut = found.cut || parts->more;
    // Bronze lies by the day on which rows came, whatever day they are about.
    if (name->layer == "bronze" && parts->columns != columns) continue;
    for (const LakeMadePart& part : parts->parts) {
      if (part.changed_ms == 0) continue;
      const bool taken = edge.from_version >= 0 && part.version <= edge.from_version;
      found.known.needed.push_back(
          {part_key(part.values), part_time(part.changed_ms), edge.from, taken});
    }
  }
}

PartitionGrain grain_of_parts(const std::vector<MadePart>& made) {
  std::set<PartitionGrain> grains;
  for (const MadePart& part : made) grains.insert(grain_of_key(part.key));
  return grains.size() == 1 ? *grains.begin() : PartitionGrain::as_it_is;
}

void add_made_parts(const LakeMadeParts& parts, const Sight& dags, PartsFound& found) {
  found.cut = found.cut || parts.more;
  for (const LakeMadePart& part : parts.parts) {
    found.known.made.push_back({part_key(part.values), part_time(part.changed_ms),
                                maker_seen(dags, part.dag_id, part.run_id, part.task_id),
                                part.version < 0 ? std::nullopt : std::optional(part.version),
                                part.rows});
  }
}

// Of what makes the table: who may be asked to, and what became of their runs.
json add_table_makers(Context& context, const Request& request,
                      const std::vector<LineageEdge>& edges, const std::string& path,
                      PartsFound& found) {
  const Sight sight = seen_dags(request);
  const auto bag = context.services.backend.dags();
  const PartitionGrain grain = grain_of_parts(found.known.made);
  std::set<std::string> dags;
  for (const MadePart& part : found.known.made) dags.insert(part.by.dag_id);
  for (const LineageEdge& edge : edges)
    if (edge.to == path) dags.insert(edge.dag_id);
  json makers = json::array();
  for (const std::string& id : dags) {
    const auto dag = bag->dags.find(id);
    if (dag == bag->dags.end() || !sight.sees(id)) continue;
    if (makers.size() == most_part_makers) {
      found.cut = true;
      break;
    }
    const bool keyed = dag->second->partitioned || dag->second->tick_partition;
    makers.push_back(maker_json(request, id, keyed ? "partition_key" : "logical_date"));
    add_runs(context, id, dag->second.get(), grain, found);
  }
  return makers;
}

}  // namespace

Result<Response> list_asset_partitions(Context& context, const Request& request) {
  const auto asked = asked_parts(request);
  if (!asked) return asked.error();
  const auto id = path_number(request, "asset_id");
  if (!id) return id.error();
  const auto asset = find_asset_of(context, request, *id);
  if (!asset) return asset.error();
  return json_response(asset_parts(context, request, *asset, *asked));
}

// Of a table that lies in partitions those; of another one those that its runs were about.
Result<Response> list_lake_partitions(Context& context, const Request& request) {
  const auto asked = asked_parts(request);
  if (!asked) return asked.error();
  const auto name = asked_table(context, request);
  if (!name) return name.error();
  const auto parts = context.lake->parts(*name);
  if (!parts) return parts.error();
  PartsFound found;
  const auto edges = context.services.history.lineage();
  add_made_parts(*parts, seen_dags(request), found);
  if (parts->columns.empty()) {
    AssetQuery query;
    query.filters = {{"uri", Filter::Op::any, {std::string(lake_assets) + name->path()}}};
    query.page.limit = 1;
    for (const AssetView& asset : context.services.history.assets(query).rows)
      add_keyed_events(context, seen_dags(request), asset.row.id, found);
  }
  json makers = add_table_makers(context, request, edges, name->path(), found);
  if (!parts->columns.empty())
    add_table_inputs(context, request, name->path(), parts->columns, edges, found);
  json out = parts_json(std::move(found), *asked, std::move(makers));
  out["columns"] = parts->columns;
  return json_response(out);
}

}  // namespace batuta::http
