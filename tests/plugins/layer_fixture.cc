#include "tests/plugins/layer_fixture.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "lakelog/branch.h"
#include "lakelog/payload.h"
#include "lakelog/publish.h"
#include "plugins/lake/attempt_session.h"
#include "plugins/lake/layer/bronze_rows.h"
#include "plugins/lake/layer/raw_landing.h"
#include "tests/plugins/table_rows.h"

namespace batuta {
namespace {

const std::vector<std::string> source_columns = {"at", "sensor", "value"};

const lake::TableShape bronze{
    "bronze/demo/readings", "as sent", "ingest_date", lake::bronze_columns(source_columns), {}};

}  // namespace

const lake::TransformSpec& readings_to_silver() {
  static const lake::TransformSpec made{
      .source = bronze,
      .target = {"silver/demo/readings",
                 "typed",
                 "day",
                 {{"at", "timestamp", true},
                  {"sensor", "string", true},
                  {"value", "long", true},
                  {"_ingested_at", "timestamp", true},
                  {"execution_id", "string", true},
                  {"day", "date", true}},
                 {"sensor", "at"}},
      .quarantine = {"quarantine/demo/readings",
                     "rejected",
                     "ingest_date",
                     {{"at", "string", true},
                      {"sensor", "string", true},
                      {"value", "string", true},
                      {"reason", "string", true},
                      {"run_id", "string", true},
                      {"_ingested_at", "timestamp", true},
                      {"ingest_date", "date", true}},
                     {}},
      .marker = "silver/bronze",
      .typed = {{"at", "batuta_instant(\"at\")"},
                {"sensor", "\"sensor\""},
                {"value", "batuta_whole(\"value\")"}},
      .partition_sql = "CAST(new_at AS DATE)",
      .time_column = "at",
      .reasons = {{"bad_time", "new_at IS NULL"},
                  {"bad_value", "new_value IS NULL"},
                  {"unknown_sensor", "NOT asked_for"}},
      .asked = lake::Asked{"sensors", "sensor"},
      .raw_columns = source_columns,
      .quality = {{"unique", "uniqueness", "copies > 1"},
                  {"value_small", "validity", "\"value\" > 999999"}}};
  static const lake::TransformSpec spec = [] {
    lake::TransformSpec with_decisions = made;
    for (const auto& column : lake::decision_columns())
      with_decisions.quarantine.columns.push_back(column);
    return with_decisions;
  }();
  return spec;
}

void Readings::attempt(const std::string& run, const std::function<void(plugin::Context&)>& body) {
  FakeHost host;
  const std::string scratch = lake.path() + "/_scratch";
  std::filesystem::create_directories(scratch);
  host.engine_memory = engine_memory;
  host.engine_threads = engine_threads;
  host.context = {{"execution_id", run}, {"task_id", "task"},   {"try_number", 1},
                  {"fence", 1},          {"lake", lake.path()}, {"scratch", scratch}};
  if (!branch.empty()) host.context["lake_branch"] = branch;
  const batuta_host table = host.table();
  {
    plugin::Context context(table);
    body(context);
  }
  lines = host.lines;
  outputs = host.outputs;
  for (const std::string& output : outputs)
    if (refused.empty() || lakelog::parse_payload(output)->table != refused) publish(output);
}

void Readings::publish(const std::string& payload_json) {
  const auto storage =
      branch.empty() ? lake.storage() : lakelog::branch_storage(lake.storage(), branch);
  lakelog::Publication publication;
  publication.storage = storage.get();
  publication.payload_json = payload_json;
  publication.app_id = "batuta/test";
  publication.number = ++publications_;
  publication.uuid = "publication-" + std::to_string(publications_);
  const auto published = lakelog::publish(publication);
  if (!published.ok()) FAIL(published.error().message);
}

void Readings::extract(const std::string& run, const std::vector<std::string>& sensors,
                       const std::vector<Reading>& readings) {
  extract(run, sensors, static_cast<std::int64_t>(readings.size()),
          [&readings](std::int64_t i) { return readings[static_cast<std::size_t>(i)]; });
}

void Readings::extract(const std::string& run, const std::vector<std::string>& sensors,
                       std::int64_t count, const std::function<Reading(std::int64_t)>& reading) {
  attempt(run, [&](plugin::Context& context) {
    lake::Session session(lake::session_options(context));
    lake::RawLanding landing(context, "demo/readings", nlohmann::json{{"sensors", sensors}}.dump());
    lake::BronzeRows rows(context, session, bronze, source_columns);
    const Time now = std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
    std::string file;
    for (std::int64_t i = 0; i < count; ++i) {
      if (i % 10'000 == 0) file = landing.add("[]");
      const Reading each = reading(i);
      const std::optional<std::string> fields[] = {each.at, each.sensor, each.value};
      rows.add(fields, each.at + each.sensor + each.value, file, now);
    }
    rows.set_snapshot(snapshot);
    rows.finish();
  });
}

lake::TransformSpec Readings::spec() const {
  lake::TransformSpec spec = readings_to_silver();
  spec.history = history;
  spec.column_lineage_json = column_lineage;
  for (lakelog::Column& column : spec.target.columns)
    if (column.name == "value") column.type = value_type;
  spec.target.widens = widens;
  if (!decisions)
    spec.quarantine.columns.resize(spec.quarantine.columns.size() -
                                   lake::decision_columns().size());
  spec.makes_table = makes_table;
  spec.deletes = deletes;
  spec.expired = expired;
  if (deletes) spec.deletes->keys = spec.source;
  if (deletes && deletes->mark) spec.target.columns.push_back({"_deleted_at", "timestamp", true});
  if (least_value > 0)
    spec.reasons.push_back({"value_small", "new_value < " + std::to_string(least_value)});
  return spec;
}

lake::TransformResult Readings::transform(const std::string& run, const lake::OwnList& own) {
  lake::TransformResult result;
  attempt(run, [&](plugin::Context& context) { result = lake::transform(context, spec(), own); });
  return result;
}

std::string Readings::order(const std::string& run, const lake::QuarantineOrder& order) {
  std::string told;
  attempt(run, [&](plugin::Context& context) {
    told = lake::transform_ordered(context, spec(), order);
  });
  return told;
}

std::vector<std::string> Readings::rows(const std::string& table, const std::string& sql) {
  return table_rows(stores::Lake(lake.path()).on_branch(branch), table, sql);
}

}  // namespace batuta
