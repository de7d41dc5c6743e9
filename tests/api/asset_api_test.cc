// Assets over the API: what is listed of them, who sees and changes what.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "scheduler/dagfile/dag_parser.h"
#include "tests/api/fake_services.h"

namespace batuta::http::asset_test {
namespace {

using nlohmann::json;

const std::string v2 = "/api/v2";

AssetRefView named_by(AssetRole role, const std::string& dag_id, const std::string& task_id) {
  AssetRefView ref;
  ref.role = role;
  ref.dag_id = dag_id;
  ref.task_id = task_id;
  return ref;
}

// Asset 1 is made by demo and waited for by `waits`, for which an event of it is queued; asset 2 is
// made by two DAGs, asset 3 is a table that nobody names.
struct Assets : TestApi {
  Assets() {
    AssetView orders;
    orders.row = {1, "s3://lake/orders", "orders", "sales", R"({"owner":"data"})", now, now};
    orders.refs = {named_by(AssetRole::schedule, "waits", ""),
                   named_by(AssetRole::outlet, "demo", "first"),
                   named_by(AssetRole::inlet, "demo", "second")};
    orders.last_event = {7, now};
    AssetView both;
    both.row = {2, "s3://both", "s3://both", "asset", "{}", now, now};
    both.refs = {named_by(AssetRole::outlet, "demo", "first"),
                 named_by(AssetRole::outlet, "waits", "a")};
    AssetView table;
    table.row = {3, "lake://gold/t", "lake://gold/t", "asset", "{}", now, now};
    history.asset_rows = {orders, both, table};
    AssetEventView event;
    event.row = {7, 1, now, R"({"version":4})", "demo", "done", "first", MapIndex{2}};
    event.uri = "s3://lake/orders";
    event.name = "orders";
    event.group = "sales";
    RunRow run = history.run_rows.front();
    run.start_date.reset();
    event.consumed_by = {run};
    event.started = {run.seq};
    history.asset_event_rows = {event};
    history.queued_rows = {{"waits", 1, "s3://lake/orders", 2, now}};
    history.dag_rows.push_back({"waits", false, false, demo_dag()->version, std::nullopt, 0});
    const auto parsed = parse_dag_file(
        R"({"dag_id":"waits","schedule":{"assets":{"all":["s3://lake/orders",
            {"any":["s3://both",{"uri":"x","name":"ex"}]}]}},
            "tasks":[{"task_id":"a","type":"empty"}]})",
        "waits.json", ".", {});
    backend.bag->dags["waits"] = parsed.dag;
    backend.bag->parsed_at["waits"] = now;
    backend.answer = [this](const Event& asked) {
      Reply reply;
      if (std::holds_alternative<RunRequested>(asked)) reply.run = history.run_rows.front();
      if (const auto* told = std::get_if<AssetChanged>(&asked)) {
        reply.asset_event.emplace();
        reply.asset_event->id = 9;
        reply.asset_event->asset = told->asset;
        reply.asset_event->timestamp = now;
        reply.asset_event->extra_json = told->extra_json;
      }
      return reply;
    };
    add_user("waiter", {"read dag:waits", "trigger dag:waits"});
    add_user("maker", {"trigger dag:demo"});
  }
  void add_user(const std::string& name, std::initializer_list<std::string_view> rights) {
    std::vector<Grant> grants;
    for (const auto text : rights) grants.push_back(*parse_grant(text));
    REQUIRE(registry.add_role({name, "", grants}).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
  json of(const std::string& path, const std::string& role) {
    return body_of(call(Method::get, v2 + path, "", role));
  }
};

}  // namespace

TEST_CASE_FIXTURE(Assets, "an asset tells who makes, reads and waits for it") {
  const json one = get(v2 + "/assets/1");
  CHECK(one["uri"] == "s3://lake/orders");
  CHECK(one["name"] == "orders");
  CHECK(one["group"] == "sales");
  CHECK(one["extra"] == json{{"owner", "data"}});
  CHECK(one["scheduled_dags"][0]["dag_id"] == "waits");
  CHECK_FALSE(one["scheduled_dags"][0].contains("task_id"));
  CHECK(one["producing_tasks"][0]["task_id"] == "first");
  CHECK(one["consuming_tasks"][0]["task_id"] == "second");
  CHECK(one["last_asset_event"]["id"] == 7);
  CHECK(get(v2 + "/assets/3")["last_asset_event"].is_null());
  CHECK(get(v2 + "/assets")["total_entries"] == 3);
  CHECK(history.last_asset_query.only_active);
  get(v2 + "/assets?only_active=false&dag_ids=demo&dag_ids=x&uri_pattern=orders&order_by=-name");
  CHECK_FALSE(history.last_asset_query.only_active);
  CHECK(history.last_asset_query.dag_ids == std::vector<std::string>{"demo", "x"});
  CHECK(status(Method::get, v2 + "/assets/9") == 404);
  CHECK(status(Method::get, v2 + "/assets/x") == 422);
}

TEST_CASE_FIXTURE(Assets, "an event tells its source, and the runs that consumed it") {
  const json one = get(v2 + "/assets/events")["asset_events"][0];
  CHECK(one["asset_id"] == 1);
  CHECK(one["uri"] == "s3://lake/orders");
  CHECK(one["extra"] == json{{"version", 4}});
  CHECK(one["source_run_id"] == "done");
  CHECK(one["source_map_index"] == 2);
  CHECK(one["created_dagruns"][0]["run_id"] == history.run_rows.front().dag_run_id);
  CHECK(one["created_dagruns"][0]["triggering"] == true);
  CHECK(one["created_dagruns"][0]["start_date"].is_string());
  CHECK(get(v2 + "/assets/events?asset_id=3")["total_entries"] == 0);
  const std::string run = v2 + "/dags/demo/dagRuns/" + history.run_rows.front().dag_run_id;
  CHECK(get(run + "/upstreamAssetEvents")["total_entries"] == 1);
  CHECK(status(Method::get, v2 + "/dags/demo/dagRuns/none/upstreamAssetEvents") == 404);
}

TEST_CASE_FIXTURE(Assets, "who sees some DAGs sees their part of an asset") {
  const json one = of("/assets/1", "waiter");
  CHECK(one["producing_tasks"].empty());
  CHECK(one["scheduled_dags"].size() == 1);
  CHECK(of("/assets", "waiter")["total_entries"] == 2);
  CHECK(of("/assets/events", "waiter")["total_entries"] == 0);
  CHECK(call(Method::get, v2 + "/assets/3", "", "waiter").status == 404);
  CHECK(call(Method::get, v2 + "/assets/3/queuedEvents", "", "waiter").status == 404);
  CHECK(of("/assets/1/queuedEvents", "maker")["total_entries"] == 0);
  CHECK(of("/assets/1/queuedEvents", "waiter")["total_entries"] == 1);
}

TEST_CASE_FIXTURE(
    Assets, "what names a DAG that is not seen is told neither by a filter nor by a refusal") {
  CHECK(of("/assets?dag_ids=demo", "waiter")["total_entries"] == 0);
  of("/assets?dag_ids=demo&dag_ids=waits", "waiter");
  CHECK(history.last_asset_query.dag_ids == std::vector<std::string>{"waits"});
  const auto refused = call(Method::post, v2 + "/assets/events", R"({"asset_id":1})", "maker");
  CHECK(refused.status == 403);
  CHECK(refused.body.find("waits") == std::string::npos);
}

TEST_CASE_FIXTURE(Assets, "who tells of an asset may start the DAGs that wait for it") {
  const std::string body = R"({"asset_id":1,"extra":{"rows":3}})";
  const auto told = call(Method::post, v2 + "/assets/events", body, "waiter");
  CHECK(told.status == 200);
  CHECK(body_of(told)["uri"] == "s3://lake/orders");
  CHECK(body_of(told)["extra"] == json{{"rows", 3}, {"from_rest_api", true}});
  CHECK(last_event<AssetChanged>().user == "waiter");
  backend.events.clear();
  CHECK(call(Method::post, v2 + "/assets/events", body, "maker").status == 403);
  CHECK(call(Method::post, v2 + "/assets/events", R"({"asset_id":2})", "maker").status == 200);
  backend.events.clear();
  CHECK(status(Method::post, v2 + "/assets/events", R"({"asset_id":9})") == 404);
  CHECK(status(Method::post, v2 + "/assets/events", "{}") == 422);
  CHECK(status(Method::post, v2 + "/assets/events", R"({"asset_id":1,"extra":[]})") == 422);
  CHECK(backend.events.empty());
}

TEST_CASE_FIXTURE(Assets, "to materialise an asset is to run the one DAG that makes it") {
  const auto run = call(Method::post, v2 + "/assets/1/materialize", R"({"conf":{"n":4}})", "maker");
  CHECK(run.status == 200);
  CHECK(body_of(run)["dag_id"] == "demo");
  const auto& asked = last_event<RunRequested>();
  CHECK(asked.dag_id == "demo");
  CHECK(asked.type == RunType::asset_materialization);
  CHECK(asked.conf_json == R"({"n":4})");
  CHECK(asked.user == "maker");
  backend.events.clear();
  CHECK(status(Method::post, v2 + "/assets/1/materialize", R"({"conf":{"n":"x"}})") == 422);
  CHECK(status(Method::post, v2 + "/assets/2/materialize") == 400);
  CHECK(status(Method::post, v2 + "/assets/3/materialize") == 404);
  CHECK(call(Method::post, v2 + "/assets/1/materialize", "", "waiter").status == 404);
  CHECK(backend.events.empty());
}

TEST_CASE_FIXTURE(Assets, "a DAG whose file is gone makes no asset any more") {
  auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
  bag->dags.erase("waits");
  backend.bag = bag;
  CHECK(status(Method::post, v2 + "/assets/2/materialize") == 200);
  CHECK(last_event<RunRequested>().dag_id == "demo");
}

TEST_CASE_FIXTURE(Assets, "what is queued is listed and deleted, of a DAG, an asset or both") {
  const json queued = get(v2 + "/dags/waits/assets/queuedEvents")["queued_events"][0];
  CHECK(queued["asset_id"] == 1);
  CHECK(queued["batuta"] == json{{"uri", "s3://lake/orders"}, {"events", 2}});
  CHECK(get(v2 + "/dags/waits/assets/1/queuedEvents")["dag_id"] == "waits");
  CHECK(status(Method::get, v2 + "/dags/waits/assets/2/queuedEvents") == 404);
  CHECK(get(v2 + "/dags/demo/assets/queuedEvents")["total_entries"] == 0);
  CHECK(status(Method::del, v2 + "/dags/waits/assets/queuedEvents") == 204);
  CHECK(last_event<QueuedAssetEventsDropped>().dag_id == "waits");
  CHECK(last_event<QueuedAssetEventsDropped>().asset == 0);
  const std::string before = "?before=2026-01-01T00:00:00Z";
  CHECK(status(Method::del, v2 + "/dags/waits/assets/1/queuedEvents" + before) == 204);
  CHECK(last_event<QueuedAssetEventsDropped>().asset == 1);
  CHECK(last_event<QueuedAssetEventsDropped>().before);
  CHECK(status(Method::del, v2 + "/assets/1/queuedEvents") == 204);
  CHECK(last_event<QueuedAssetEventsDropped>().dag_ids == std::vector<std::string>{"waits"});
  backend.events.clear();
  CHECK(status(Method::del, v2 + "/assets/3/queuedEvents") == 404);
  add_user("remover", {"delete dag:demo", "read dag:waits"});
  CHECK(call(Method::del, v2 + "/assets/1/queuedEvents", "", "remover").status == 403);
  CHECK(backend.events.empty());
}

TEST_CASE_FIXTURE(Assets, "a DAG tells what it waits for, and what of it has come") {
  const json told = get("/api/batuta/dags/waits/awaitedAssets");
  CHECK(told["condition_met"] == false);
  CHECK(told["reason"] == "it waits for any of (s3://both, x)");
  CHECK(told["assets"].size() == 3);
  CHECK(told["assets"][0]["queued_events"] == 2);
  CHECK(told["assets"][1]["queued_events"] == 0);
  CHECK(told["asset_expression"]["all"][1]["any"][1]["asset"]["name"] == "ex");
  history.queued_rows.push_back({"waits", 2, "s3://both", 1, now});
  CHECK(get("/api/batuta/dags/waits/awaitedAssets")["condition_met"] == true);
  CHECK(get("/api/batuta/dags/demo/awaitedAssets")["reason"] == "the DAG waits for no asset");
  CHECK(status(Method::get, "/api/batuta/dags/none/awaitedAssets") == 404);
}

TEST_CASE_FIXTURE(Assets, "a DAG by assets is told apart in lists and details") {
  CHECK(get(v2 + "/dags?has_asset_schedule=true")["dags"][0]["dag_id"] == "waits");
  CHECK(get(v2 + "/dags?has_asset_schedule=true")["total_entries"] == 1);
  const json details = get(v2 + "/dags/waits/details");
  CHECK(details["timetable_summary"] == "Asset");
  CHECK(details["timetable_description"] == "Triggered by assets");
  CHECK(details["asset_expression"]["all"][0]["asset"]["uri"] == "s3://lake/orders");
  CHECK(get(v2 + "/dags/demo/details")["asset_expression"].is_null());
}

TEST_CASE_FIXTURE(Assets,
                  "aliases are listed, stand for assets, and are seen with a DAG that names them") {
  AssetAliasView alias;
  alias.row = {4, "daily", "raw"};
  alias.refs = {named_by(AssetRole::outlet, "demo", "first")};
  alias.assets = {{1, "s3://lake/orders"}};
  history.asset_alias_rows = {alias};
  history.asset_rows[0].aliases = {alias.row};
  const json shown{{"id", 4}, {"name", "daily"}, {"group", "raw"}};
  json whole = shown;
  whole["batuta"]["assets"][0] = {{"id", 1}, {"uri", "s3://lake/orders"}};
  CHECK(get(v2 + "/assets/aliases")["asset_aliases"][0] == whole);
  get(v2 + "/assets/events?alias=daily&partition_key=eu");
  CHECK(history.last_asset_event_query.alias == "daily");
  CHECK(history.last_asset_event_query.filters.at(0).field == "partition_key");
  CHECK(get(v2 + "/assets/aliases?name_pattern=dai&order_by=-name")["total_entries"] == 1);
  CHECK(get(v2 + "/assets/aliases/4") == whole);
  CHECK(get(v2 + "/assets/1")["aliases"][0] == shown);
  CHECK(status(Method::get, v2 + "/assets/aliases/9") == 404);
  CHECK(status(Method::get, v2 + "/assets/aliases?order_by=uri") == 400);
  CHECK(of("/assets/aliases", "waiter")["total_entries"] == 0);
  CHECK(call(Method::get, v2 + "/assets/aliases/4", "", "waiter").status == 404);
}

TEST_CASE_FIXTURE(Assets, "a DAG that waits for an alias waits for what that stands for") {
  const auto parsed = parse_dag_file(
      R"({"dag_id":"waits","schedule":{"assets":[{"alias":"daily"},{"alias":"none"}]},
          "tasks":[{"task_id":"a","type":"empty"}]})",
      "waits.json", ".", {});
  REQUIRE(parsed.dag);
  backend.bag->dags["waits"] = parsed.dag;
  AssetAliasView alias;
  alias.row = {4, "daily", "asset"};
  alias.assets = {{1, "s3://lake/orders"}};
  history.asset_alias_rows = {alias};
  const json told = get("/api/batuta/dags/waits/awaitedAssets");
  CHECK(told["assets"].size() == 1);
  CHECK(told["assets"][0]["queued_events"] == 2);
  CHECK(told["reason"] == "it waits for what the alias none stands for (nothing yet)");
  CHECK(told["asset_expression"]["all"][0] ==
        json{{"alias", {{"name", "daily"}, {"group", "asset"}}}});
  CHECK(get(v2 + "/dags/waits/details")["asset_expression"]["all"][1]["alias"]["name"] == "none");
}

TEST_CASE_FIXTURE(Assets, "events and runs tell their partition, and requests give it") {
  history.asset_event_rows[0].row.partition_key = "2026-03-10T09";
  history.asset_event_rows[0].consumed_by[0].partition_key = "2026-03-10";
  history.run_rows.front().partition_key = "2026-03-10";
  history.run_rows.front().partition_date = now;
  const json event = get(v2 + "/assets/events")["asset_events"][0];
  CHECK(event["partition_key"] == "2026-03-10T09");
  CHECK(event["created_dagruns"][0]["partition_key"] == "2026-03-10");
  const json run = get(v2 + "/dags/demo/dagRuns/" + history.run_rows.front().dag_run_id);
  CHECK(run["partition_key"] == "2026-03-10");
  CHECK(run["partition_date"] == to_iso(now));
  const std::string key = R"({"asset_id":1,"partition_key":"eu"})";
  CHECK(status(Method::post, v2 + "/assets/events", key) == 200);
  CHECK(last_event<AssetChanged>().partition_key == "eu");
  CHECK(status(Method::post, v2 + "/assets/1/materialize", R"({"partition_key":"eu"})") == 200);
  CHECK(last_event<RunRequested>().partition_key == "eu");
  CHECK(status(Method::post, v2 + "/dags/demo/dagRuns", R"({"partition_key":"us"})") == 200);
  CHECK(last_event<RunRequested>().partition_key == "us");
  backend.events.clear();
  CHECK(status(Method::post, v2 + "/dags/demo/dagRuns", R"({"partition_key":"a\nb"})") == 422);
  CHECK(status(Method::post, v2 + "/assets/events", R"({"asset_id":1,"partition_key":""})") == 422);
  CHECK(backend.events.empty());
}

TEST_CASE_FIXTURE(Assets, "runs are cleared by partition, and keep it") {
  RunRow& run = history.run_rows.front();
  run.partition_key = "eu";
  const std::string path = v2 + "/dags/demo/clearDagRuns";
  CHECK(status(Method::post, path, R"({"partition_key":"eu","dry_run":false})") == 200);
  CHECK(last_event<ClearRequested>().dag_run_id == run.dag_run_id);
  CHECK(last_event<ClearRequested>().more_runs.empty());
  backend.events.clear();
  const std::string reset = v2 + "/dags/demo/clearPartitions";
  const auto counted = body_of(call(Method::post, reset, R"({"partition_key":"eu"})"));
  CHECK(counted["dag_runs_cleared"] == 1);
  CHECK(status(Method::post, reset, R"({"partition_key":"eu","dry_run":false})") == 409);
  CHECK(status(Method::post, reset, R"({"partition_key":"us","dry_run":false})") == 200);
  CHECK(backend.events.empty());
}

TEST_CASE_FIXTURE(Assets, "partitions that have come in part are runs to be") {
  const auto parsed = parse_dag_file(
      R"({"dag_id":"waits","schedule":{"assets":["s3://lake/orders","s3://both"],"partitions":"day"},
          "tasks":[{"task_id":"a","type":"empty"}]})",
      "waits.json", ".", {});
  REQUIRE(parsed.dag);
  backend.bag->dags["waits"] = parsed.dag;
  history.queued_rows = {{"waits", 1, "s3://lake/orders", 3, now, "2026-03-10"}};
  const json runs = get("/api/batuta/dags/waits/partitionedDagRuns");
  CHECK(runs["total_entries"] == 1);
  const json& one = runs["partitioned_dag_runs"][0];
  CHECK(one["partition_key"] == "2026-03-10");
  CHECK(one["partition_date"] == "2026-03-10T00:00:00Z");
  CHECK(one["received"][0]["queued_events"] == 3);
  CHECK(one["missing"] == "s3://both");
  const auto rolled = parse_dag_file(
      R"({"dag_id":"rolls","schedule":{"assets":["s3://lake/orders"],"partitions":{"roll_up":"day","of":"hour"}},
          "tasks":[{"task_id":"a","type":"empty"}]})",
      "rolls.json", ".", {});
  REQUIRE(rolled.dag);
  backend.bag->dags["rolls"] = rolled.dag;
  history.queued_rows = {
      {"rolls", 1, "s3://lake/orders", 3, now, "2026-03-10", {"2026-03-10T00", "2026-03-10T02"}}};
  CHECK(get("/api/batuta/dags/rolls/partitionedDagRuns")["partitioned_dag_runs"][0]["missing"] ==
        "s3://lake/orders (2 of 24 parts have come; 2026-03-10T01 has not)");
  CHECK(get("/api/batuta/dags/demo/partitionedDagRuns")["total_entries"] == 0);
  CHECK(status(Method::get, "/api/batuta/dags/none/partitionedDagRuns") == 404);
  const json details = get(v2 + "/dags/waits/details");
  CHECK(details["timetable_partitioned"] == true);
  CHECK(details["timetable_summary"] == "Partitioned Asset");
}

TEST_CASE_FIXTURE(Assets, "deadlines are shown with their runs and their DAG") {
  const auto parsed = parse_dag_file(
      R"({"dag_id":"demo","tasks":[{"task_id":"first","type":"empty"}],
          "deadline":[{"interval":"1h","name":"soon"},
                      {"reference":"fixed_datetime","datetime":"2030-01-01T00:00:00Z","interval":"-30m"},
                      {"reference":"average_runtime","max_runs":5,"min_runs":2}]})",
      "demo.json", ".", {});
  REQUIRE(parsed.dag);
  backend.bag->dags["demo"] = parsed.dag;
  const json alerts = get("/api/batuta/dags/demo/deadlineAlerts");
  CHECK(alerts["total_entries"] == 3);
  CHECK(alerts["deadline_alerts"][0]["name"] == "soon");
  CHECK(alerts["deadline_alerts"][0]["reference_type"] == "queued_at");
  CHECK(alerts["deadline_alerts"][1]["interval"] == -1800.0);
  CHECK(alerts["deadline_alerts"][1]["datetime"] == "2030-01-01T00:00:00Z");
  CHECK(alerts["deadline_alerts"][2]["min_runs"] == 2);
  CHECK(status(Method::get, "/api/batuta/dags/none/deadlineAlerts") == 404);
  CHECK(status(Method::get, "/api/batuta/dags/demo/dagRuns/none/deadlines") == 404);
  const std::string run = history.run_rows.front().dag_run_id;
  CHECK(get("/api/batuta/dags/demo/dagRuns/" + run + "/deadlines")["total_entries"] == 0);
}

TEST_CASE_FIXTURE(Assets,
                  "deadlines that may still be kept are listed over all DAGs, the soonest first") {
  auto dag = std::make_shared<Dag>(*demo_dag());
  dag->deadlines.resize(2);
  dag->deadlines[0].interval = std::chrono::hours(2);
  dag->deadlines[1].interval = std::chrono::hours(1);
  dag->deadlines[1].name = "soon";
  backend.bag->dags["demo"] = dag;
  RunRow run = history.run_rows.front();
  run.dag_run_id = "goes_on";
  run.state = DagRunState::running;
  run.queued_at = now;
  run.deadlines_missed = 0;
  history.run_rows = {run};
  run.dag_run_id = "has_ended";
  run.state = DagRunState::success;
  history.run_rows.push_back(run);
  const json all = get("/api/batuta/deadlines");
  REQUIRE(all["total_entries"] == 2);
  CHECK(all["more"] == false);
  CHECK(all["deadlines"][0]["alert_name"] == "soon");
  CHECK(all["deadlines"][0]["dag_run_id"] == "goes_on");
  CHECK(all["deadlines"][0]["missed"] == false);
  CHECK(get("/api/batuta/deadlines?limit=1&offset=1")["deadlines"][0]["alert_name"].is_null());
  history.run_rows.front().deadlines_missed = 2;
  CHECK(get("/api/batuta/deadlines")["total_entries"] == 1);
  CHECK(body_of(call(Method::get, "/api/batuta/deadlines", "", "waiter"))["total_entries"] == 0);
}

TEST_CASE_FIXTURE(Assets, "an asset shows its watchers") {
  AssetWatcherRow watcher{5, 1, {"landing", R"({"file":"/in/*"})", std::chrono::seconds(30)}, now};
  watcher.message = "nothing there";
  history.asset_rows[0].watchers = {watcher};
  const json one = get(v2 + "/assets/1")["watchers"][0];
  CHECK(one["name"] == "landing");
  CHECK(one["trigger_id"] == 5);
  CHECK(one["batuta"]["looks_at"]["file"] == "/in/*");
  CHECK(one["batuta"]["poke_interval"] == 30.0);
  CHECK(one["batuta"]["seen"].is_null());
  CHECK(one["batuta"]["message"] == "nothing there");
}

TEST_CASE_FIXTURE(Assets, "what a watcher looks at is told to whoever sees a DAG that has it") {
  history.asset_rows[0].watchers = {
      {5, 1, {"landing", R"({"file":"/in/*"})", std::chrono::seconds(30)}, now}};
  CHECK(of("/assets/1", "waiter")["watchers"].empty());
  CHECK(of("/assets", "waiter")["assets"][0]["watchers"].empty());
  const auto parsed = parse_dag_file(
      R"({"dag_id":"waits","schedule":{"assets":[{"uri":"s3://lake/orders",
          "watchers":[{"name":"landing","wait_for":{"file":"/in/*"}}]}]},
          "tasks":[{"task_id":"a","type":"empty"}]})",
      "waits.json", ".", {});
  REQUIRE(parsed.dag);
  backend.bag->dags["waits"] = parsed.dag;
  CHECK(of("/assets/1", "waiter")["watchers"].size() == 1);
  CHECK(of("/assets", "waiter")["assets"][0]["watchers"].size() == 1);
  CHECK(of("/assets/1", "maker")["watchers"].empty());
}

TEST_CASE_FIXTURE(Assets, "an asset keeps no states, and says so") {
  CHECK(get(v2 + "/assets/1/state-store")["total_entries"] == 0);
  CHECK(status(Method::get, v2 + "/assets/1/state-store/k") == 404);
  CHECK(status(Method::put, v2 + "/assets/1/state-store/k", R"({"value":1})") == 404);
  CHECK(status(Method::del, v2 + "/assets/1/state-store") == 204);
  CHECK(status(Method::get, v2 + "/assets/9/state-store") == 404);
}

}  // namespace batuta::http::asset_test
