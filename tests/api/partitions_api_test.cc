// Partitions of assets and tables: how each stands, by which run, and to whom that is told.
#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "scheduler/api/partition_matrix.h"
#include "scheduler/dagfile/dag_parser.h"
#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http::partitions_test {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

Time at_hour(int hours) {
  return Time(std::chrono::hours(hours));
}
MadePart made_at(const std::string& key, int hours) {
  return {key, at_hour(hours), {"demo", "r" + std::to_string(hours), "first"}, {}, {}};
}

// "2026-03-10 materialized, 2026-03-11 missing"
std::string states_of(const json& matrix) {
  std::string out;
  for (const json& one : matrix["partitions"])
    out += (out.empty() ? "" : ", ") + one["partition_key"].get<std::string>() + " " +
           one["state"].get<std::string>();
  return out;
}
std::string states_of(PartsKnown known) {
  return states_of(matrix_json(partition_matrix(std::move(known)), {}));
}

// Demo makes asset 1 by day out of asset 2, which comes by hour.
struct Parts : TestApi {
  Parts() {
    const auto parsed = parse_dag_file(
        R"({"dag_id":"demo","schedule":{"assets":[{"uri":"s3://hours","partitions":"day"}],
             "partitions":true},
            "tasks":[{"task_id":"first","type":"empty","outlets":["s3://days"]}]})",
        "demo.json", ".", {});
    REQUIRE(parsed.dag);
    backend.bag->dags["demo"] = parsed.dag;
    add_asset(1, "s3://days", AssetRole::outlet, "first");
    add_asset(2, "s3://hours", AssetRole::schedule, "");
    add_event(1, 1, "2026-03-10", 100, "one");
    add_event(2, 1, "2026-03-12", 101, "two");
    add_event(3, 2, "2026-03-10T09", 99, "");
    add_event(4, 2, "2026-03-12T04", 120, "");
    add_event(5, 2, "2026-03-13T04", 121, "");
    add_keyed_run("three", "2026-03-13", DagRunState::failed);
  }
  void add_asset(std::int64_t id, const std::string& uri, AssetRole role, const std::string& task) {
    AssetView view;
    view.row = {id, uri, uri, "asset", "{}", now, now};
    AssetRefView& ref = view.refs.emplace_back();
    ref.role = role;
    ref.dag_id = "demo";
    ref.task_id = task;
    history.asset_rows.push_back(view);
  }
  void add_event(std::int64_t id, std::int64_t asset, const std::string& key, int hours,
                 const std::string& run) {
    AssetEventView view;
    view.row.id = id;
    view.row.asset = asset;
    view.row.timestamp = at_hour(hours);
    view.row.partition_key = key;
    view.row.source_dag_id = run.empty() ? "" : "demo";
    view.row.source_run_id = run;
    view.row.source_task_id = run.empty() ? "" : "first";
    history.asset_event_rows.push_back(view);
  }
  void add_keyed_run(const std::string& id, const std::string& key, DagRunState state) {
    RunRow run = history.run_rows.front();
    run.seq = RunSeq{77};
    run.dag_run_id = id;
    run.partition_key = key;
    run.state = state;
    run.queued_at = at_hour(130);
    history.run_rows.push_back(run);
  }
  void add_reader(const std::string& name, std::initializer_list<std::string_view> rights) {
    Role role{name, "", {}};
    for (const auto right : rights) role.grants.push_back(*parse_grant(right));
    REQUIRE(registry.add_role(role).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
};

std::string day_file(const std::string& path, const std::string& day) {
  return json({{"add",
                {{"path", path},
                 {"partitionValues", {{"day", day}}},
                 {"size", 10},
                 {"modificationTime", 1},
                 {"dataChange", true},
                 {"stats", R"({"numRecords":3})"}}}})
             .dump() +
         "\n";
}
std::string day_table() {
  std::string text = empty_lake_table();
  const std::string none = R"("partitionColumns":[])", day = R"("partitionColumns":["day"])";
  text.replace(text.find(none), none.size(), day);
  const std::string bare = R"(\"fields\":[])";
  const std::string field =
      R"(\"fields\":[{\"name\":\"day\",\"type\":\"date\",\"nullable\":true,\"metadata\":{}}])";
  return text.replace(text.find(bare), bare.size(), field);
}
std::string made_by(int hours, const std::string& run) {
  return json({{"commitInfo",
                {{"timestamp", std::int64_t{hours} * 3'600'000},
                 {"operation", "MERGE"},
                 {"batuta", {{"dag_id", "demo"}, {"run_id", run}, {"task_id", "first"}}}}}})
             .dump() +
         "\n";
}

}  // namespace

TEST_CASE("partitions: a run that fails leaves made what was made after it began") {
  const auto tried = [](const std::string& key, int hours, DagRunState state) {
    return TriedPart{key, at_hour(hours), state, {}};
  };
  CHECK(states_of({{made_at("a", 5)}, {tried("a", 4, DagRunState::failed)}, {}}) ==
        "a materialized");
  CHECK(states_of({{made_at("a", 5)}, {tried("a", 6, DagRunState::failed)}, {}}) == "a failed");
  CHECK(states_of({{made_at("a", 5)}, {tried("a", 6, DagRunState::running)}, {}}) == "a running");
  CHECK(states_of({{}, {tried("a", 6, DagRunState::success)}, {}}) == "a missing");
  // The newest run of a key tells.
  CHECK(states_of(
            {{}, {tried("a", 7, DagRunState::failed), tried("a", 6, DagRunState::running)}, {}}) ==
        "a failed");
}

TEST_CASE("partitions: what has changed above makes a part stale, by its own grain, unless taken") {
  const auto needed = [](const std::string& key, int hours, bool taken = false) {
    return NeededPart{key, at_hour(hours), "above", taken};
  };
  CHECK(states_of({{made_at("2026-03-10", 5)}, {}, {needed("2026-03-10T09", 6)}}) ==
        "2026-03-10 stale");
  CHECK(states_of({{made_at("2026-03-10", 5)}, {}, {needed("2026-03-10T09", 4)}}) ==
        "2026-03-10 materialized");
  CHECK(states_of({{made_at("2026-03-10", 5)}, {}, {needed("2026-03-10", 6, true)}}) ==
        "2026-03-10 materialized");
  // Of a coarser one all that was made within it is older, and nothing is said of what was not.
  CHECK(states_of({{made_at("2026-02-28", 5), made_at("2026-03-02", 5), made_at("2026-03-03", 7)},
                   {},
                   {needed("2026-03", 6), needed("2026", 4)}}) ==
        "2026-02-28 materialized, 2026-03-01 missing, 2026-03-02 stale, 2026-03-03 materialized");
  CHECK(states_of({{made_at("2026-03-10", 5)}, {}, {needed("2026-03", 6, true)}}) ==
        "2026-03-10 materialized");
  CHECK(states_of({{}, {}, {needed("2026-03-10", 6), needed("2026-03-12", 6)}}) ==
        "2026-03-10 missing, 2026-03-11 missing, 2026-03-12 missing");
}

TEST_CASE("partitions: times of one grain that lack between others are missing, to a bound") {
  CHECK(states_of({{made_at("2026-11", 1), made_at("2027-02", 1)}, {}, {}}) ==
        "2026-11 materialized, 2026-12 missing, 2027-01 missing, 2027-02 materialized");
  CHECK(states_of({{made_at("2026-W52", 1), made_at("2027-W01", 1)}, {}, {}}) ==
        "2026-W52 materialized, 2026-W53 missing, 2027-W01 materialized");
  CHECK(states_of({{made_at("2026-Q3", 1), made_at("2027-Q1", 1)}, {}, {}}) ==
        "2026-Q3 materialized, 2026-Q4 missing, 2027-Q1 materialized");
  CHECK(states_of({{made_at("2026-02-28T23", 1), made_at("2026-03-01T01", 1)}, {}, {}}) ==
        "2026-02-28T23 materialized, 2026-03-01T00 missing, 2026-03-01T01 materialized");
  CHECK(states_of({{made_at("a", 1), made_at("c", 1)}, {}, {}}) ==
        "a materialized, c materialized");
  const PartMatrix far =
      partition_matrix({{made_at("1999-01-01T00", 1), made_at("2026-01-01T00", 1)}, {}, {}});
  CHECK_FALSE(far.gaps);
  CHECK(far.cells.size() == 2);
}

TEST_CASE_FIXTURE(Parts, "partitions of an asset: made, stale, failed, missing, and by which run") {
  const json all = get("/api/batuta/assets/1/partitions?group_by=month");
  CHECK(states_of(all) ==
        "2026-03-10 materialized, 2026-03-11 missing, 2026-03-12 stale, 2026-03-13 failed");
  CHECK(all["grain"] == "day");
  CHECK(all["group_by"] == "month");
  CHECK(all["counts"] ==
        json{{"materialized", 1}, {"stale", 1}, {"running", 0}, {"failed", 1}, {"missing", 1}});
  CHECK(all["more"] == false);
  const json& parts = all["partitions"];
  CHECK(parts[0]["group"] == "2026-03");
  CHECK(parts[0]["dag_run_id"] == "one");
  CHECK(parts[0]["task_id"] == "first");
  CHECK(parts[1]["dag_id"].is_null());
  CHECK(parts[2]["newer"] == "s3://hours");
  CHECK(parts[3]["dag_run_id"] == "three");
  CHECK(all["makers"] ==
        json::array({{{"dag_id", "demo"}, {"may_trigger", true}, {"takes", "partition_key"}}}));
  CHECK(states_of(get("/api/batuta/assets/1/partitions?from=2026-03-11&to=2026-03-12")) ==
        "2026-03-11 missing, 2026-03-12 stale");
  const json last = get("/api/batuta/assets/1/partitions?limit=1");
  CHECK(states_of(last) == "2026-03-13 failed");
  CHECK(last["total_entries"] == 4);
  CHECK(last["more"] == true);
  CHECK(status(Method::get, "/api/batuta/assets/1/partitions?group_by=decade") == 422);
  CHECK(status(Method::get, "/api/batuta/assets/9/partitions") == 404);
  // What a run on a branch of the lake came to says nothing of the lake's own.
  history.run_rows.back().branch = "fix/1";
  CHECK(states_of(get("/api/batuta/assets/1/partitions?from=2026-03-13")) == "2026-03-13 missing");
}

TEST_CASE_FIXTURE(Parts, "partitions of an asset are told as far as its DAGs are seen") {
  add_reader("other", {"read dag:other"});
  add_reader("looker", {"read dag:demo"});
  CHECK(call(Method::get, "/api/batuta/assets/1/partitions", "", "other").status == 404);
  const json seen = body_of(call(Method::get, "/api/batuta/assets/1/partitions", "", "looker"));
  CHECK(seen["makers"][0]["may_trigger"] == false);
}

TEST_CASE_FIXTURE(Parts, "partitions of a table are looked for once for each of its versions") {
  const std::string name = "silver/shop/sales";
  write_lake_version(home, name, 0, made_by(100, "one") + day_table());
  write_lake_version(home, name, 1, made_by(101, "two") + day_file("a", "2026-03-10"));
  write_lake_version(home, name, 2, made_by(102, "three"));
  const auto run = [&] {
    return get("/api/lake/tables/" + name + "/partitions")["partitions"][0]["dag_run_id"];
  };
  CHECK(run() == "two");
  // As nothing may happen to a log: another answer would be read from it.
  write_lake_version(home, name, 1, made_by(101, "other") + day_file("a", "2026-03-10"));
  CHECK(run() == "two");
  write_lake_version(home, name, 3, made_by(103, "four"));
  CHECK(run() == "other");
}

TEST_CASE_FIXTURE(Parts, "partitions: that not all who make an asset are listed is told") {
  for (int i = 0; i < 16; ++i) {
    const std::string id = "maker_" + std::to_string(i);
    backend.bag->dags[id] = backend.bag->dags["demo"];
    AssetRefView& ref = history.asset_rows.front().refs.emplace_back();
    ref.role = AssetRole::outlet;
    ref.dag_id = id;
    ref.task_id = "first";
  }
  const json all = get("/api/batuta/assets/1/partitions");
  CHECK(all["makers"].size() == 16);
  CHECK(all["more"] == true);
}

TEST_CASE_FIXTURE(Parts,
                  "partitions of a table: by which version and run, and what is newer above") {
  write_lake_version(home, "silver/shop/sales", 0,
                     made_by(100, "one") + day_table() + day_file("a", "2026-03-10") +
                         day_file("b", "2026-03-12"));
  write_lake_version(home, "silver/shop/sales", 1,
                     made_by(110, "two") + day_file("c", "2026-03-12"));
  write_lake_version(home, "gold/shop/days", 0,
                     made_by(105, "gold") + day_table() + day_file("a", "2026-03-10") +
                         day_file("b", "2026-03-12"));
  history.report_rows.push_back(
      {{RunSeq{1}, 0, unmapped, 1},
       1,
       R"({"lineage":[{"from":"silver/shop/sales","to":"gold/shop/days","from_version":0}]})"});
  const json silver = get("/api/lake/tables/silver/shop/sales/partitions");
  CHECK(states_of(silver) ==
        "2026-03-10 materialized, 2026-03-11 missing, 2026-03-12 materialized, 2026-03-13 failed");
  CHECK(silver["columns"] == json{"day"});
  CHECK(silver["partitions"][0]["version"] == 0);
  CHECK(silver["partitions"][0]["rows"] == 3);
  CHECK(silver["partitions"][2]["version"] == 1);
  CHECK(silver["partitions"][2]["dag_run_id"] == "two");
  CHECK(silver["partitions"][2]["made_at"] == "1970-01-05T14:00:00Z");
  const json gold = get("/api/lake/tables/gold/shop/days/partitions?to=2026-03-12");
  CHECK(states_of(gold) == "2026-03-10 materialized, 2026-03-11 missing, 2026-03-12 stale");
  CHECK(gold["partitions"][2]["newer"] == "silver/shop/sales");
  // A scheduled run without a key is about the day that its interval begins in; one by hand is not.
  RunRow run = history.run_rows.back();
  run.dag_run_id = "tick";
  run.partition_key.clear();
  run.type = RunType::scheduled;
  run.data_interval_start = *parse_iso("2026-03-11T00:00:00Z");
  history.run_rows.push_back(run);
  const auto third = [&] {
    return get("/api/lake/tables/silver/shop/sales/partitions?to=2026-03-11")["partitions"][1];
  };
  CHECK(third()["state"] == "failed");
  CHECK(third()["dag_run_id"] == "tick");
  history.run_rows.back().type = RunType::manual;
  CHECK(third()["state"] == "missing");
  // Who may not read what it is made of is not told that it changed, nor whose run made it.
  add_reader("golden", {"read lake:shop/gold"});
  const json seen = body_of(
      call(Method::get, "/api/lake/tables/gold/shop/days/partitions?to=2026-03-12", "", "golden"));
  CHECK(states_of(seen) == "2026-03-10 materialized, 2026-03-11 missing, 2026-03-12 materialized");
  CHECK(seen["partitions"][0]["dag_id"].is_null());
  CHECK(seen["makers"].empty());
}

}  // namespace batuta::http::partitions_test
