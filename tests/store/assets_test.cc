// Assets in the store: their lists, who sees what, and what retention makes of their events.
#include "scheduler/store/history_sql.h"
#include "scheduler/store/sqlite_upkeep.h"
#include "tests/store/describe.h"
#include "tests/store/history_fixture.h"

namespace batuta::test {
namespace {

AssetRow asset(std::int64_t id, const std::string& uri) {
  AssetRow row;
  row.id = id;
  row.uri = uri;
  row.name = "name of " + uri;
  row.group = "group";
  row.extra_json = R"({"a":1})";
  row.created_at = at(id);
  row.updated_at = at(id + 1);
  return row;
}

AssetEventRow event(std::int64_t id, std::int64_t of, const std::string& dag_id,
                    const std::string& run_id) {
  AssetEventRow row;
  row.id = id;
  row.asset = of;
  row.timestamp = at(100 + id);
  row.extra_json = R"({"version":4})";
  row.source_dag_id = dag_id;
  row.source_run_id = run_id;
  row.source_task_id = dag_id.empty() ? "" : "task_1";
  if (id == 2) row.source_map_index = MapIndex{3};
  return row;
}

// etl makes s3://a and waits for s3://b, of which people told; ml reads s3://a. A table beside.
struct AssetFixture : HistoryFixture {
  AssetFixture() {
    Changes c;
    c.assets = {asset(1, "s3://a"), asset(2, "s3://b"), asset(3, "lake://gold/t"),
                asset(4, "s3://gone")};
    c.asset_refs = {
        {"etl", at(5), {{1, AssetRole::outlet, "task_1"}, {2, AssetRole::schedule, ""}}},
        {"ml", at(6), {{1, AssetRole::inlet, "task_0"}}}};
    c.asset_events = {event(1, 1, "etl", "run_1"), event(2, 1, "etl", "run_3"), event(3, 2, "", ""),
                      event(4, 3, "ml", "run_7"), event(5, 2, "", "")};
    c.asset_queued = {{"etl", 2, 3, at(103)}, {"etl", 2, 5, at(105)}, {"ml", 1, 2, at(102)}};
    c.asset_events_consumed = {{RunSeq{3}, 1}, {RunSeq{7}, 1}, {RunSeq{7}, 2}};
    commit(*store, c);
  }
  std::vector<std::string> listed(const std::function<void(AssetQuery&)>& change = {}) {
    AssetQuery query;
    if (change) change(query);
    const auto page = history.assets(query);
    CHECK(page.total == std::ssize(page.rows));
    std::vector<std::string> uris;
    for (const AssetView& view : page.rows) uris.push_back(view.row.uri);
    return uris;
  }
  std::vector<std::int64_t> events(const std::function<void(AssetEventQuery&)>& change = {}) {
    AssetEventQuery query;
    if (change) change(query);
    const auto page = history.asset_events(query);
    CHECK(page.total == std::ssize(page.rows));
    std::vector<std::int64_t> ids;
    for (const AssetEventView& view : page.rows) ids.push_back(view.row.id);
    return ids;
  }
};
using Uris = std::vector<std::string>;
using Ids = std::vector<std::int64_t>;

Sight only(const std::string& pattern) {
  return Sight{{{pattern}}};
}

}  // namespace

TEST_CASE_FIXTURE(AssetFixture, "assets: a row comes back with who names it and its last event") {
  AssetQuery query;
  query.id = 1;
  const auto page = history.assets(query);
  REQUIRE(page.rows.size() == 1);
  const AssetView& view = page.rows[0];
  CHECK(described(view.row) == described(asset(1, "s3://a")));
  REQUIRE(view.refs.size() == 2);
  CHECK(view.refs[0].role == AssetRole::outlet);
  CHECK(view.refs[0].dag_id == "etl");
  CHECK(view.refs[0].task_id == "task_1");
  CHECK(view.refs[0].created_at == at(5));
  CHECK(view.refs[1].role == AssetRole::inlet);
  REQUIRE(view.last_event);
  CHECK(view.last_event->first == 2);
  query.id = 9;
  CHECK(history.assets(query).rows.empty());
}

TEST_CASE_FIXTURE(AssetFixture, "assets: lists are filtered, ordered, and of who names them") {
  CHECK(listed() == Uris{"s3://a", "s3://b", "lake://gold/t", "s3://gone"});
  CHECK(listed([](AssetQuery& q) { q.only_active = true; }) ==
        Uris{"s3://a", "s3://b", "lake://gold/t"});
  CHECK(listed([](AssetQuery& q) { q.order_by = {"-uri"}; }) ==
        Uris{"s3://gone", "s3://b", "s3://a", "lake://gold/t"});
  CHECK(listed([](AssetQuery& q) { q.dag_ids = {"ml", "none"}; }) == Uris{"s3://a"});
  CHECK(listed([](AssetQuery& q) {
          q.filters = {{"name", Filter::Op::like, {std::string("%s3%b%")}}};
        }) == Uris{"s3://b"});
  CHECK(listed([](AssetQuery& q) {
          q.filters = {{"uri", Filter::Op::prefix, {std::string("lake")}}};
        }) == Uris{"lake://gold/t"});
}

TEST_CASE_FIXTURE(AssetFixture, "assets: who sees some DAGs sees what these name and write") {
  CHECK(listed([](AssetQuery& q) { q.sight = only("etl"); }) == Uris{"s3://a", "s3://b"});
  CHECK(listed([](AssetQuery& q) { q.sight = only("ml"); }) == Uris{"s3://a", "lake://gold/t"});
  CHECK(listed([](AssetQuery& q) { q.sight = Sight::nothing(); }).empty());
  AssetQuery query;
  query.id = 1;
  query.sight = only("ml");
  REQUIRE(history.assets(query).rows.size() == 1);
  CHECK(history.assets(query).rows[0].refs.size() == 1);
  CHECK(events([](AssetEventQuery& q) { q.sight = only("ml"); }) == Ids{4});
  CHECK(events([](AssetEventQuery& q) { q.sight = only("etl"); }) == Ids{1, 2, 3, 5});
}

TEST_CASE_FIXTURE(AssetFixture,
                  "assets: aliases are listed with what they stand for, of who names them") {
  Changes c;
  c.asset_aliases = {{1, "daily", "raw"}, {2, "hourly", "asset"}};
  c.asset_alias_links = {{1, 2}, {1, 4}};
  c.asset_refs = {{"ml", at(7), {}}};
  c.asset_refs[0].aliases = {{1, AssetRole::outlet, "task_0"}};
  c.asset_watchers = {{3, 4, {"landing", "{}", std::chrono::seconds(30)}, at(8)}};
  commit(*store, c);
  const auto names = [&](const std::function<void(AssetAliasQuery&)>& change) {
    AssetAliasQuery query;
    change(query);
    std::vector<std::string> found;
    for (const auto& view : history.asset_aliases(query).rows) found.push_back(view.row.name);
    return found;
  };
  CHECK(names([](auto& q) { q.order_by = {"-name"}; }) == Uris{"hourly", "daily"});
  CHECK(names([](auto& q) { q.names = {"daily", "none"}; }) == Uris{"daily"});
  CHECK(names([](auto& q) { q.sight = only("ml"); }) == Uris{"daily"});
  CHECK(names([](auto& q) { q.sight = only("etl"); }).empty());
  AssetAliasQuery query;
  query.id = 1;
  const auto view = history.asset_aliases(query).rows.at(0);
  CHECK(view.refs.at(0).dag_id == "ml");
  CHECK(view.assets ==
        std::vector<std::pair<std::int64_t, std::string>>{{2, "s3://b"}, {4, "s3://gone"}});
  AssetQuery one;
  one.id = 4;
  CHECK(history.assets(one).rows.at(0).aliases.at(0).name == "daily");
  CHECK(history.assets(one).rows.at(0).watchers.at(0).spec.name == "landing");
  // Whoever made it by an alias keeps it among those that are in use.
  CHECK(listed([](AssetQuery& q) { q.only_active = true; }) ==
        Uris{"s3://a", "s3://b", "lake://gold/t", "s3://gone"});
}

TEST_CASE_FIXTURE(AssetFixture, "assets: events of an alias are those of what it stands for") {
  Changes c;
  c.asset_aliases = {{7, "second", "asset"}};
  c.asset_alias_links = {{7, 2}};
  commit(*store, c);
  AssetEventQuery query;
  query.page.limit = 100;
  query.alias = "second";
  const auto found = history.asset_events(query);
  CHECK(found.total > 0);
  for (const AssetEventView& event : found.rows) CHECK(event.row.asset == 2);
  query.alias = "none";
  CHECK(history.asset_events(query).total == 0);
}

TEST_CASE_FIXTURE(AssetFixture, "assets: what is queued is told by partition where that is asked") {
  Changes c;
  c.asset_queued = {{"part", 2, 3, at(103), "eu"}, {"part", 2, 5, at(104), "us"}};
  commit(*store, c);
  QueuedAssetQuery query;
  query.dag_id = "part";
  CHECK(history.queued_assets(query).size() == 1);
  query.by_partition = true;
  const auto keys = history.queued_assets(query);
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].partition_key == "eu");
  CHECK(keys[1].queued_at == at(104));
  CHECK(keys[0].event_keys.size() == 1);  // what the events said themselves
}

TEST_CASE_FIXTURE(AssetFixture,
                  "assets: all keys of a full queue are told, however long they are") {
  Changes c;
  for (std::int64_t id = 100; id < 4600; ++id) {
    AssetEventRow& event = c.asset_events.emplace_back();
    event.id = id;
    event.asset = 2;
    event.timestamp = at(103);
    event.partition_key = std::string(246, 'k') + std::to_string(id);
    c.asset_queued.push_back({"full", 2, id, at(103), "all"});
  }
  commit(*store, c);
  QueuedAssetQuery query;
  query.dag_id = "full";
  query.by_partition = true;
  const auto found = history.queued_assets(query);
  REQUIRE(found.size() == 1);
  CHECK(found[0].event_keys.size() == 4500);
}

TEST_CASE_FIXTURE(AssetFixture, "assets: an event tells its source and the runs that consumed it") {
  CHECK(events() == Ids{1, 2, 3, 4, 5});
  CHECK(events([](AssetEventQuery& q) { q.consumed_by = RunSeq{7}; }) == Ids{1, 2});
  CHECK(events([](AssetEventQuery& q) {
          q.filters = {is("asset_id", Filter::Op::any, 2)};
          q.order_by = {"-timestamp"};
        }) == Ids{5, 3});
  CHECK(events([](AssetEventQuery& q) {
          q.filters = {is("source_run_id", Filter::Op::any, "run_3")};
        }) == Ids{2});
  AssetEventQuery query;
  query.filters = {is("id", Filter::Op::any, 1)};
  const auto page = history.asset_events(query);
  REQUIRE(page.rows.size() == 1);
  const AssetEventView& view = page.rows[0];
  CHECK(described(view.row) == described(event(1, 1, "etl", "run_1")));
  CHECK(view.uri == "s3://a");
  CHECK(view.name == "name of s3://a");
  REQUIRE(view.consumed_by.size() == 2);
  CHECK(view.consumed_by[0].dag_run_id == "run_3");
  CHECK(view.started == std::vector<RunSeq>{RunSeq{3}});  // run 7 took event 2, too
  query.sight = only("etl");
  CHECK(history.asset_events(query).rows[0].consumed_by.size() == 1);
}

TEST_CASE_FIXTURE(AssetFixture, "assets: what is queued is counted by DAG and asset") {
  const auto all = history.queued_assets({});
  REQUIRE(all.size() == 2);
  CHECK(all[0].dag_id == "etl");
  CHECK(all[0].uri == "s3://b");
  CHECK(all[0].events == 2);
  CHECK(all[0].queued_at == at(103));
  QueuedAssetQuery query;
  query.before = at(103);
  CHECK(history.queued_assets(query).size() == 1);
  query = {};
  query.dag_id = "etl";
  query.asset = 1;
  CHECK(history.queued_assets(query).empty());
  query = {};
  query.sight = only("ml");
  CHECK(history.queued_assets(query).size() == 1);
}

TEST_CASE_FIXTURE(AssetFixture,
                  "assets: what a DAG names is replaced, and since when it does stays") {
  Changes c;
  c.asset_refs = {{"etl", at(50), {{1, AssetRole::outlet, "task_1"}}}};
  commit(*store, c);
  AssetQuery query;
  query.id = 1;
  CHECK(history.assets(query).rows[0].refs[0].created_at == at(5));
  CHECK(history.assets(query).rows[0].refs[0].updated_at == at(50));
  query.id = 2;
  CHECK(history.assets(query).rows[0].refs.empty());
}

TEST_CASE_FIXTURE(AssetFixture, "assets: an event goes when it is old, unless somebody needs it") {
  Changes c;  // nobody waits for event 5 any more; the others are queued or consumed, or table's
  c.asset_unqueued = {{"etl", 5}};
  commit(*store, c);
  SqliteUpkeep upkeep(store->database());
  while (upkeep.prune_runs(at(104))) {
  }
  CHECK(events() == Ids{1, 2, 3, 4, 5});
  while (upkeep.prune_runs(at(500))) {
  }
  CHECK(events() == Ids{1, 2, 3});
  Changes gone;
  gone.runs_deleted = {RunSeq{3}, RunSeq{7}};
  gone.asset_unqueued = {{"ml", 2}};
  commit(*store, gone);
  while (upkeep.prune_runs(at(500))) {
  }
  CHECK(events() == Ids{3});
  CHECK(store->load().last_asset_event == 5);
}

TEST_CASE_FIXTURE(AssetFixture, "assets: a DAG that is deleted leaves no queue and names nothing") {
  Changes c;
  c.runs_deleted = {RunSeq{7}};
  c.dags_deleted = {"ml"};
  commit(*store, c);
  CHECK(store->load().asset_queue.size() == 2);
  AssetQuery query;
  query.id = 1;
  CHECK(history.assets(query).rows[0].refs.size() == 1);
}

}  // namespace batuta::test
