#include "scheduler/outbox/lineage_event.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "common/safe_json.h"
#include "common/url.h"
#include "common/version.h"
#include "lakelog/payload.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr char lineage_producer[] = "https://batuta.dev/scheduler";
constexpr char lineage_spec[] = "https://openlineage.io/spec/";
// Of the documentation of a job; what is longer is left out. Event and facets must stay small: they
// are rows of the store until they are sent.
constexpr std::size_t longest_documentation = 16 << 10;
// A table with more columns is told without them, a publication with a longer text without schema
// and statistics: reading it takes time of the scheduler's loop.
constexpr std::size_t most_columns = 2'000;
constexpr std::size_t longest_publication = 1 << 20;
constexpr std::size_t most_inputs = 1'000;

json facet(const std::string& schema, json members) {
  members["_producer"] = lineage_producer;
  members["_schemaURL"] = lineage_spec + schema;
  return members;
}

std::string encoded_path(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    out += percent_encoded(std::string(path.substr(0, end)));
    if (end < path.size()) out += '/';
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return out;
}

json identity(const std::string& space, const std::string& name) {
  return {{"namespace", space}, {"name", name}};
}

// ---- the job ------------------------------------------------------------------------------------

struct JobTexts {
  const char* type;
  std::string documentation;
  std::vector<std::string> owners;
  std::vector<std::string> tags;
};

json job_facets(const JobTexts& texts, bool all) {
  json facets{{"jobType",
               facet("facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
                     {{"processingType", "BATCH"},
                      {"integration", "BATUTA"},
                      {"jobType", texts.type},
                      {"emissionPattern",
                       {{"eventTrigger", "EVENT_BASED"}, {"eventContentMode", "ACCUMULATIVE"}}}})}};
  if (!all) return facets;
  if (!texts.documentation.empty() && texts.documentation.size() <= longest_documentation) {
    facets["documentation"] =
        facet("facets/1-1-0/DocumentationJobFacet.json#/$defs/DocumentationJobFacet",
              {{"description", texts.documentation}, {"contentType", "text/markdown"}});
  }
  if (!texts.owners.empty()) {
    json owners = json::array();
    for (const std::string& owner : texts.owners) {
      owners.push_back({{"name", owner}, {"type", "OWNER"}});
    }
    facets["ownership"] = facet("facets/1-0-1/OwnershipJobFacet.json#/$defs/OwnershipJobFacet",
                                {{"owners", std::move(owners)}});
  }
  if (!texts.tags.empty()) {
    json tags = json::array();
    for (const std::string& tag : texts.tags) {
      tags.push_back({{"key", tag}, {"value", "true"}, {"source", "BATUTA"}});
    }
    facets["tags"] =
        facet("facets/1-0-0/TagsJobFacet.json#/$defs/TagsJobFacet", {{"tags", std::move(tags)}});
  }
  return facets;
}

// ---- the run ------------------------------------------------------------------------------------

json run_facets(const RunRow& run, const Moment& moment, const std::string& reason) {
  json facets{{"processing_engine",
               facet("facets/1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet",
                     {{"name", "Batuta"}, {"version", version}})}};
  const OptTime from = run.data_interval_start ? run.data_interval_start : run.logical_date;
  if (from) {
    json nominal{{"nominalStartTime", to_iso(*from)}};
    if (run.data_interval_end) nominal["nominalEndTime"] = to_iso(*run.data_interval_end);
    facets["nominalTime"] =
        facet("facets/1-0-1/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet", nominal);
  }
  const bool bad = moment.type == MomentType::fail || moment.type == MomentType::abort;
  if (bad && !reason.empty()) {
    facets["errorMessage"] =
        facet("facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
              {{"message", reason}, {"programmingLanguage", "C++"}});
  }
  return facets;
}

// Ours: by what names people know it here.
json batuta_facet(const LineageNames& names, const RunRow& run, json members) {
  members["dag_id"] = run.dag_id;
  members["dag_run_id"] = run.dag_run_id;
  members["execution_id"] = to_string(run.uuid);
  members["dag_version"] = run.dag_version;
  if (!names.base_url.empty()) {
    members["url"] = names.base_url + "/#/dags/" + percent_encoded(run.dag_id) + "/runs/" +
                     percent_encoded(run.dag_run_id);
  }
  return facet("2-0-2/OpenLineage.json#/$defs/RunFacet", std::move(members));
}

std::string event_text(const Moment& moment, json run, json job, json inputs, json outputs) {
  return json_text(
      {{"eventType", to_string(moment.type)},
       {"eventTime", to_iso(moment.when)},
       {"producer", lineage_producer},
       {"schemaURL", std::string(lineage_spec) + "2-0-2/OpenLineage.json#/$defs/RunEvent"},
       {"run", std::move(run)},
       {"job", std::move(job)},
       {"inputs", std::move(inputs)},
       {"outputs", std::move(outputs)}});
}

// ---- tables -------------------------------------------------------------------------------------

json table_json(const LineageNames& names, const std::string& table, std::int64_t at) {
  json facets{{"dataSource",
               facet("facets/1-0-1/DatasourceDatasetFacet.json#/$defs/DatasourceDatasetFacet",
                     {{"name", names.tables}, {"uri", names.tables + "/" + encoded_path(table)}})}};
  if (at >= 0) {
    facets["version"] =
        facet("facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
              {{"datasetVersion", std::to_string(at)}});
  }
  json dataset = identity(names.tables, table);
  dataset["facets"] = std::move(facets);
  return dataset;
}

void add_schema(const lakelog::Payload& payload, json& facets) {
  std::vector<lakelog::Column> columns = payload.schema;
  if (columns.empty() && payload.base) columns = payload.base->metadata.columns;
  if (columns.empty() || columns.size() > most_columns) return;
  json fields = json::array();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    fields.push_back(
        {{"name", columns[i].name}, {"type", columns[i].type}, {"ordinal_position", i + 1}});
  }
  facets["schema"] = facet("facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
                           {{"fields", std::move(fields)}});
}

// Which columns of which tables each column comes of, as the publication's metrics tell it
// (plugins/models/column_lineage.h): {"n": {"from": [[table, column]…]}, "at": {"unknown": why}}.
// What is not known is no field of the facet, and named beside them.
void add_column_lineage(const LineageNames& names, const lakelog::Payload& payload, json& facets) {
  const auto metrics = parse_untrusted(payload.metrics_json.empty() ? "{}" : payload.metrics_json);
  if (!metrics || !metrics->is_object()) return;
  const auto told = metrics->find("column_lineage");
  if (told == metrics->end() || !told->is_string()) return;
  const auto columns = parse_untrusted(told->get_ref<const std::string&>());
  if (!columns || !columns->is_object() || columns->size() > most_columns) return;
  json fields = json::object(), unknown = json::object();
  for (const auto& [column, origin] : columns->items()) {
    if (!origin.is_object() || !origin.value("from", json()).is_array()) {
      unknown[column] = origin.is_object() ? origin.value("unknown", json("unknown")) : json();
      continue;
    }
    json inputs = json::array();
    for (const json& from : origin["from"]) {
      if (!from.is_array() || from.size() != 2 || !from[0].is_string()) continue;
      json input = identity(names.tables, from[0].get<std::string>());
      input["field"] = from[1];
      inputs.push_back(std::move(input));
    }
    fields[column] = {{"inputFields", std::move(inputs)}};
  }
  json members{{"fields", std::move(fields)}};
  if (!unknown.empty()) members["unknown"] = std::move(unknown);
  facets["columnLineage"] =
      facet("facets/1-0-1/ColumnLineageDatasetFacet.json#/$defs/ColumnLineageDatasetFacet",
            std::move(members));
}

// What was written; rows only where every file tells how many it has.
json statistics_of(const lakelog::Payload& payload) {
  std::int64_t rows = 0, bytes = 0;
  bool counted = true;
  for (const lakelog::AddFile& file : payload.adds) {
    const auto count = lakelog::record_count(file);
    counted = counted && count;
    rows += count.value_or(0);
    bytes += file.size;
  }
  json told{{"size", bytes}, {"fileCount", payload.adds.size()}};
  if (counted) told["rowCount"] = rows;
  return facet(
      "facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/"
      "OutputStatisticsOutputDatasetFacet",
      std::move(told));
}

json output_json(const LineageNames& names, const PublicationRow& row) {
  json dataset = table_json(names, row.table, row.version);
  if (row.payload_json.size() > longest_publication) return dataset;
  const auto payload = lakelog::parse_payload(row.payload_json);
  if (!payload) return dataset;  // publishing it would have told
  add_schema(*payload, dataset["facets"]);
  add_column_lineage(names, *payload, dataset["facets"]);
  const bool whole =
      payload->operation == lakelog::Operation::overwrite_partitions && !payload->read_partitions;
  if (payload->read_version < 0 || whole) {
    dataset["facets"]["lifecycleStateChange"] = facet(
        "facets/1-0-1/LifecycleStateChangeDatasetFacet.json#/$defs/"
        "LifecycleStateChangeDatasetFacet",
        {{"lifecycleStateChange", payload->read_version < 0 ? "CREATE" : "OVERWRITE"}});
  }
  dataset["outputFacets"] = {{"outputStatistics", statistics_of(*payload)}};
  return dataset;
}

}  // namespace

std::string_view to_string(MomentType type) {
  static constexpr std::string_view names[] = {"START", "RUNNING", "COMPLETE", "FAIL", "ABORT"};
  return names[static_cast<std::size_t>(type)];
}

std::string lineage_of_run(const LineageNames& names, const Moment& moment, const RunRow& run,
                           const Dag& dag) {
  json job = identity(names.jobs, dag.id);
  job["facets"] =
      job_facets({"DAG", dag.doc_md.empty() ? dag.description : dag.doc_md, dag.owners, dag.tags},
                 moment.type == MomentType::start);
  json facets = run_facets(run, moment, run.reason);
  facets["batuta"] = batuta_facet(names, run, {{"state", to_string(run.state)}});
  return event_text(moment,
                    {{"runId", to_string(run_event_id(run))}, {"facets", std::move(facets)}},
                    std::move(job), json::array(), json::array());
}

std::string lineage_of_attempt(const LineageNames& names, const Moment& moment, const RunRow& run,
                               const Dag& dag, const TaskInstanceRow& instance,
                               const LineageTables& tables) {
  const Task& task = dag.tasks.at(instance.task);
  json job = identity(names.jobs, dag.id + "." + task.id);
  std::vector<std::string> owners = dag.owners;
  if (!task.owner.empty()) owners = {task.owner};
  job["facets"] =
      job_facets({"TASK", task.doc_md, std::move(owners), {}}, moment.type == MomentType::start);
  json facets = run_facets(run, moment, instance.reason);
  const json parent{{"run", {{"runId", to_string(run_event_id(run))}}},
                    {"job", identity(names.jobs, dag.id)}};
  facets["parent"] = facet("facets/1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet",
                           {{"run", parent["run"]}, {"job", parent["job"]}, {"root", parent}});
  facets["batuta"] = batuta_facet(names, run,
                                  {{"task_id", task.id},
                                   {"map_index", number_of(instance.map_index)},
                                   {"try_number", instance.try_number},
                                   {"plugin", task.plugin},
                                   {"state", to_string(instance.state)}});
  json inputs = json::array(), outputs = json::array();
  for (const LineageInput& input : tables.inputs) {
    inputs.push_back(table_json(names, input.table, input.version));
  }
  for (const PublicationRow& row : tables.outputs) outputs.push_back(output_json(names, row));
  return event_text(moment,
                    {{"runId", to_string(attempt_event_id(run.uuid, task.id, instance.map_index,
                                                          instance.try_number))},
                     {"facets", std::move(facets)}},
                    std::move(job), std::move(inputs), std::move(outputs));
}

std::vector<LineageInput> lineage_inputs(const std::string& report_json) {
  const auto report = parse_untrusted(report_json);
  if (!report || !report->is_object()) return {};
  const auto told = report->find("lineage");
  if (told == report->end() || !told->is_array()) return {};
  std::set<LineageInput> inputs;
  for (const json& edge : *told) {
    if (!edge.is_object() || inputs.size() >= most_inputs) continue;
    const auto from = edge.find("from");
    if (from == edge.end() || !from->is_string()) continue;
    LineageInput input{from->get<std::string>(), -1};
    if (const auto at = edge.find("from_version"); at != edge.end()) {
      input.version = json_int(*at).value_or(-1);
    }
    inputs.insert(std::move(input));
  }
  return {inputs.begin(), inputs.end()};
}

std::string lineage_namespace_of(const std::string& lake) {
  return lake.starts_with('/') ? "file://" + encoded_path(lake) : lake;
}

}  // namespace batuta
