// What every Store must do around its turns: the lead, questions, and what is kept beside the runs.
// The harness is that of store_conformance.h.
#pragma once

#include <doctest/doctest.h>

#include "tests/store/describe.h"
#include "tests/store/store_fixture.h"
#include "tests/support/ask.h"

namespace batuta::test {

TEST_CASE_TEMPLATE_DEFINE("whoever took the lead last may commit, and nobody before", Harness,
                          lead) {
  Harness h;
  const Lead first = h.store().lead();
  CHECK(first.last_turn == 0);
  const auto commit_as = [&](const Lead& lead, std::int64_t number, const Changes& changes) {
    return h.store().commit(changes, {}, {lead.epoch, number}).kind;
  };
  CHECK(commit_as(first, 1, new_run(make_run(1))) == CommitResult::Kind::committed);
  CHECK(h.store().last_turn() == 1);
  const Lead second = h.store().lead();
  CHECK(second.epoch > first.epoch);
  CHECK(second.last_turn == 1);
  CHECK(commit_as(first, 2, new_run(make_run(2))) == CommitResult::Kind::fatal);
  CHECK_FALSE(find_run(h.store(), "etl", "run_2"));
  CHECK(h.store().last_turn() == 1);
  CHECK(commit_as(second, 2, new_run(make_run(3))) == CommitResult::Kind::committed);
  h.reopen();
  CHECK(h.store().last_turn() == 2);
  CHECK(find_run(h.store(), "etl", "run_3"));
  CHECK(commit_as(second, 3, {}) == CommitResult::Kind::committed);  // reopening is no election
  CHECK(h.store().lead().epoch > second.epoch);
}

TEST_CASE_TEMPLATE_DEFINE("a task whose loop waits is kept with the time when it goes on", Harness,
                          waiting_loop) {
  Harness h;
  Changes made = new_run(make_run(1));
  made.tasks_created[0].state = TaskState::up_for_reschedule;
  made.tasks_created[0].retry_at = at(77);
  made.tasks_created[0].repeats = 3;
  commit(h.store(), made);
  h.reopen();
  const StoredState state = h.store().load();
  REQUIRE(state.runs.size() == 1);
  const TaskInstanceRow row = state.runs[0].rows()[0];
  CHECK(row.state == TaskState::up_for_reschedule);
  CHECK(row.retry_at == at(77));
  CHECK(row.repeats == 3);
}

TEST_CASE_TEMPLATE_DEFINE(
    "failures in a row are kept until there are none, or their DAG is deleted", Harness, streaks) {
  Harness h;
  commit(h.store(), new_run(make_run(1)));
  const StreakRow often{"etl", "load", 3, 2};
  const StreakRow once{"etl", "load", -1, 1};
  const StreakRow other{"other", "load", -1, 4};
  Changes put;
  put.streaks = {often, once, other};
  commit(h.store(), put);
  h.reopen();
  CHECK(h.store().load().streaks == std::vector<StreakRow>{once, often, other});
  Changes over;
  over.streaks = {{"etl", "load", 3, 0}, {"etl", "load", -1, 5}};
  over.dags_deleted = {"other"};
  commit(h.store(), over);
  h.reopen();
  CHECK(h.store().load().streaks == std::vector<StreakRow>{{"etl", "load", -1, 5}});
}

TEST_CASE_TEMPLATE_DEFINE(
    "starts of runs count in their rate until they are old, or their DAG is deleted", Harness,
    rate_starts) {
  Harness h;
  commit(h.store(), new_run(make_run(1)));
  Changes put;
  put.rate_starts = {
      {"etl", "eu", at(5)}, {"etl", "eu", at(5)}, {"etl", "br", at(9)}, {"other", "eu", at(1)}};
  commit(h.store(), put);
  h.reopen();
  const std::vector<RateStartRow> all = {
      {"etl", "br", at(9)}, {"etl", "eu", at(5)}, {"etl", "eu", at(5)}, {"other", "eu", at(1)}};
  CHECK(h.store().load().rate_starts == all);
  Changes gone;
  gone.rate_starts_gone = {{"etl", at(5)}};
  gone.dags_deleted = {"other"};
  gone.rate_starts = {{"etl", "eu", at(11)}};
  commit(h.store(), gone);
  h.reopen();
  const std::vector<RateStartRow> left = {{"etl", "br", at(9)}, {"etl", "eu", at(11)}};
  CHECK(h.store().load().rate_starts == left);
}

TEST_CASE_TEMPLATE_DEFINE("one question is answered in its own order, what is not there as nothing",
                          Harness, questions) {
  Harness h;
  commit(h.store(), new_run(make_full_run(1)));
  commit(h.store(), new_run(make_full_run(2)));
  Changes put;
  put.xcoms.push_back({RunSeq{2}, 1, unmapped, "return_value", "7", at(1)});
  commit(h.store(), put);
  commit(h.store(), end_run(make_full_run(1), at(200)));
  Questions ask;
  ask.whole_runs = {{"etl", "run_9"}, {"etl", "run_2"}};
  ask.runs = {{"etl", "run_2"}, {"other", "run_1"}, {"etl", "run_1"}};
  ask.keys = {{"etl", "key-2"}, {"etl", ""}, {"etl", "key-1"}};
  ask.dates = {{"etl", at(5)}, {"etl", *make_full_run(2).logical_date}};
  ask.before = {{"etl", *make_full_run(2).logical_date},
                {"etl", *make_full_run(1).logical_date},
                {"other", *make_full_run(2).logical_date}};
  ask.xcoms = {{{RunSeq{1}, 1, unmapped}, "return_value"},
               {{RunSeq{2}, 1, unmapped}, "return_value"}};
  const Answers answers = h.store().read(ask);
  REQUIRE(answers.whole_runs.size() == 2);
  CHECK_FALSE(answers.whole_runs[0]);
  REQUIRE(answers.whole_runs[1]);
  CHECK(answers.whole_runs[1]->hot.size() == 3);
  REQUIRE(answers.runs.size() == 3);
  CHECK(answers.runs[0]->seq == RunSeq{2});
  CHECK_FALSE(answers.runs[1]);
  CHECK(answers.runs[2]->seq == RunSeq{1});
  REQUIRE(answers.keys.size() == 3);
  CHECK(answers.keys[0]->seq == RunSeq{2});
  CHECK_FALSE(answers.keys[1]);
  CHECK(answers.keys[2]->seq == RunSeq{1});
  REQUIRE(answers.dates.size() == 2);
  CHECK_FALSE(answers.dates[0]);
  CHECK(answers.dates[1]->seq == RunSeq{2});
  REQUIRE(answers.before.size() == 3);
  CHECK(answers.before[0]->seq == RunSeq{1});
  CHECK_FALSE(answers.before[1]);
  CHECK_FALSE(answers.before[2]);
  REQUIRE(answers.xcoms.size() == 2);
  CHECK_FALSE(answers.xcoms[0]);
  CHECK(answers.xcoms[1] == "7");
  CHECK(h.store().read({}).runs.empty());
}

TEST_CASE_TEMPLATE_DEFINE("outbox rows keep their tries, come alive again, and only alerts go",
                          Harness, outbox) {
  Harness h;
  Changes c;
  c.dag_versions = {make_dag("etl", "v1")};
  c.tables = {{"silver/quotes", 2, -1}};
  c.publications = {make_publication(1, {RunSeq{1}, 0, unmapped, 1})};
  OutboxRow publish;
  publish.id = 1;
  publish.key = "silver/quotes";
  publish.publication = 1;
  publish.created_at = at(1);
  OutboxRow alert = publish;
  alert.id = 2;
  alert.kind = OutboxKind::alert;
  alert.publication = 0;
  alert.key = "slack";
  OutboxRow other = alert;
  other.id = 3;
  c.outbox = {publish, alert, other};
  commit(h.store(), c);

  alert.tries = 3;
  alert.next_try_at = at(60);
  alert.last_error = "503";
  CHECK(h.store().update_outbox(alert));
  h.store().finish_outbox({3});
  h.reopen();
  REQUIRE(h.store().load().outbox.size() == 2);
  CHECK(described(h.store().load().outbox[0]) == described(publish));
  CHECK(described(h.store().load().outbox[1]) == described(alert));

  alert.dead = true;
  CHECK(h.store().update_outbox(alert));
  CHECK(h.store().load().outbox.size() == 1);
  const auto alive = h.store().retry_outbox(2, at(99));
  REQUIRE(alive);
  CHECK(alive->tries == 0);
  CHECK(alive->next_try_at == at(99));
  CHECK(h.store().load().outbox.size() == 2);
  CHECK_FALSE(h.store().retry_outbox(77, at(99)));

  CHECK(h.store().drop_outbox(1).error().code == Errc::conflict);
  CHECK(h.store().drop_outbox(2).ok());
  CHECK(h.store().drop_outbox(2).error().code == Errc::not_found);
  CHECK_FALSE(h.store().update_outbox(alert));
}

TEST_CASE_TEMPLATE_DEFINE("the catalogue is replaced whole, a job's configuration keeps its birth",
                          Harness, beside) {
  Harness h;
  PluginInfo plugin{"shell", "1.0", "builtin", "runs", "abc", {}};
  plugin.params = {{"command", ParamType::string, true, "", "what to run"},
                   {"retries", ParamType::integer, false, "3", ""}};
  const PluginInfo other{"financial_bronze", "2", "extract", "quotes \"raw\"", "def", {}};
  h.store().save_catalogue({plugin});
  h.store().save_catalogue({other, plugin});
  const JobConfigView job{"etl.a", "{\"x\":1}", "PT2H", "", "lake", "etl.json", at(5), at(5)};
  h.store().save_job_configs({{"etl.a", "{}", "PT1H", "", "lake", "etl.json", at(1), at(1)}});
  h.store().save_job_configs({job});
  JobConfigView same = job;
  same.updated_at = at(9);
  h.store().save_job_configs({same});
  const std::string uuid = h.store().store_uuid();
  CHECK(parse_uuid(uuid));
  h.reopen();
  CHECK(h.store().store_uuid() == uuid);
  const auto catalogue = h.store().load().catalogue;
  REQUIRE(catalogue.size() == 2);
  CHECK(catalogue[0] == other);
  CHECK(catalogue[1] == plugin);
  const std::vector<JobConfigView> jobs = h.job_configs();
  REQUIRE(jobs.size() == 1);
  CHECK(jobs[0].params_json == "{\"x\":1}");
  CHECK(jobs[0].interval == "PT2H");
  CHECK(jobs[0].created_at == at(1));
  CHECK(jobs[0].updated_at == at(5));
}

TEST_CASE_TEMPLATE_DEFINE("a DAG goes with its history, some of the oldest runs before the others",
                          Harness, dag_deleted) {
  Harness h;
  for (const std::int64_t seq : {1, 2, 3}) {
    commit(h.store(), new_run(make_run(seq)));
    commit(h.store(), end_run(make_run(seq), at(10 + seq)));
  }
  RunRow other = make_run(4, "other");
  other.dag_version = "v-other";
  commit(h.store(), new_run(other));
  commit(h.store(), new_run(make_run(5)));
  Changes some;
  some.runs_removed.push_back({"etl", 2});
  commit(h.store(), some);
  CHECK_FALSE(find_run(h.store(), "etl", "run_1"));
  CHECK_FALSE(find_run(h.store(), "etl", "run_2"));
  CHECK(find_run(h.store(), "etl", "run_3"));
  Changes all;
  all.runs_deleted.push_back(RunSeq{5});
  all.runs_removed.push_back({"etl", 0});
  all.dags_deleted.push_back("etl");
  commit(h.store(), all);
  h.reopen();
  const StoredState left = h.store().load();
  REQUIRE(left.dags.size() == 1);
  CHECK(left.dags[0].first.dag_id == "other");
  REQUIRE(left.runs.size() == 1);
  CHECK(left.last_run_seq == 5);
  CHECK_FALSE(find_run(h.store(), "etl", "run_3"));
  // It may come back.
  commit(h.store(), new_run(make_run(6)));
  CHECK(h.store().load().dags.size() == 2);
}

TEST_CASE_TEMPLATE_DEFINE(
    "of what is asked of people, the newest of each task that waits comes back", Harness,
    questions_kept) {
  Harness h;
  Changes c = new_run(make_full_run(1));
  WaitRow wait;
  wait.run = RunSeq{1};
  wait.task = 1;
  wait.map_index = MapIndex{2};
  wait.kind = WaitKind::answer;
  c.waits = {wait};
  c.questions = {make_question(1, 1), make_question(1, 3)};
  QuestionRow other = make_question(1, 4);  // of a task that does not wait
  other.task = 2;
  c.questions.push_back(other);
  commit(h.store(), c);
  h.reopen();
  const StoredState state = h.store().load();
  REQUIRE(state.questions.size() == 1);
  const OpenQuestion& asked = c.questions[1];
  CHECK(described(state.questions[0]) == described(asked));
  Changes answered;
  answered.answers = {make_answer(c.questions[1])};
  answered.waits_done = {wait.key()};
  commit(h.store(), answered);
  h.reopen();
  CHECK(h.store().load().questions.empty());
  Changes gone;
  gone.runs_deleted = {RunSeq{1}};
  commit(h.store(), gone);
  Changes again = new_run(make_run(2));
  again.questions = {make_question(2, 1)};
  commit(h.store(), again);
}

TEST_CASE_TEMPLATE_DEFINE("assets and what is queued of their events come back, and are counted on",
                          Harness, assets_kept) {
  Harness h;
  Changes c = new_run(make_run(1));
  AssetRow asset{3, "s3://a", "orders", "sales", R"({"owner":"data"})", at(1), at(2)};
  c.assets = {asset};
  c.asset_refs = {{"etl", at(2), {{3, AssetRole::schedule, ""}, {3, AssetRole::inlet, "task_0"}}}};
  AssetEventRow event;
  event.asset = 3;
  event.timestamp = at(5);
  for (event.id = 7; event.id <= 9; ++event.id) c.asset_events.push_back(event);
  c.asset_events.back().partition_key = "2026-03";
  // One of them for two runs, and one under another key than its own.
  c.asset_queued = {{"etl", 3, 7, at(5)},
                    {"etl", 3, 8, at(6), "2026-03"},
                    {"etl", 3, 8, at(6), "2026-04"},
                    {"ml", 3, 9, at(6), "2026", "2026-03"}};
  c.asset_aliases = {{4, "all orders", "raw"}};
  c.asset_alias_links = {{4, 3}};
  c.asset_refs[0].aliases = {{4, AssetRole::outlet, "task_0"}};
  AssetWatcherRow watcher{5, 3, {"file", R"({"file":"/in/*"})", Duration(7)}, at(3), "12", "slow"};
  c.asset_watchers = {watcher, {6, 3, {"other", "{}", Duration(8)}, at(3)}};
  commit(h.store(), c);
  h.reopen();
  StoredState state = h.store().load();
  REQUIRE(state.assets.size() == 1);
  CHECK(described(state.assets[0]) == described(asset));
  REQUIRE(state.asset_queue.size() == 4);
  CHECK(state.asset_queue[2].partition_key == "2026-04");
  CHECK(state.asset_queue[2].event_key.empty());
  CHECK(state.asset_queue[3].event_key == "2026-03");
  CHECK(described(state.asset_queue[1]) == described(c.asset_queued[1]));
  CHECK(state.last_asset == 3);
  CHECK(state.last_asset_event == 9);
  CHECK(state.asset_aliases == c.asset_aliases);
  CHECK(state.asset_alias_links == c.asset_alias_links);
  CHECK(state.last_asset_alias == 4);
  REQUIRE(state.asset_watchers.size() == 2);
  CHECK(described(state.asset_watchers[0]) == described(watcher));
  CHECK_FALSE(state.asset_watchers[1].seen);
  CHECK(state.last_asset_watcher == 6);
  Changes next;
  watcher.seen.reset();
  watcher.spec.interval = Duration(9);
  // The name of one that goes is another's in the same turn.
  next.asset_watchers = {watcher, {7, 3, {"other", "{}", Duration(8)}, at(9)}};
  next.asset_watchers_gone = {6};
  next.asset_aliases = {{4, "all orders", "sales"}};
  asset.name = "all orders";
  next.assets = {asset};
  next.asset_refs = {{"etl", at(9), {}}};
  // Of one turn what is queued comes first, and may leave again.
  event.id = 10;
  next.asset_events = {event};
  next.asset_queued = {{"etl", 3, 10, at(9)}};
  next.asset_unqueued = {{"etl", 7}, {"etl", 8, "2026-03"}, {"etl", 10}};
  next.asset_events_consumed = {{RunSeq{1}, 7}, {RunSeq{1}, 8}, {RunSeq{1}, 10}};
  commit(h.store(), next);
  h.reopen();
  state = h.store().load();
  CHECK(state.assets.at(0).name == "all orders");
  REQUIRE(state.asset_queue.size() == 2);
  CHECK(state.asset_queue[0].partition_key == "2026-04");
  CHECK(state.last_asset_event == 10);
  CHECK(state.asset_aliases.at(0).group == "sales");
  REQUIRE(state.asset_watchers.size() == 2);
  CHECK(described(state.asset_watchers[0]) == described(watcher));
  CHECK(state.asset_watchers[1].id == 7);
  CHECK(state.last_asset_watcher == 7);
  Changes gone;
  gone.runs_deleted = {RunSeq{1}};
  gone.dags_deleted = {"etl"};
  commit(h.store(), gone);
  h.reopen();
  CHECK(h.store().load().asset_queue.size() == 1);
  CHECK(h.store().load().assets.size() == 1);
}

TEST_CASE_TEMPLATE_DEFINE(
    "a checkpoint is read under its task instance until another takes its place or it goes",
    Harness, checkpoints) {
  Harness h;
  commit(h.store(), new_run(make_run(1)));
  const InstanceKey one{RunSeq{1}, 1, MapIndex{2}};
  const InstanceKey other{RunSeq{1}, 2, unmapped};
  const auto read = [&](const InstanceKey& of) {
    Questions asked;
    asked.checkpoints = {of};
    return h.store().read(asked).checkpoints.at(0);
  };
  Changes c;
  c.checkpoints = {{RunSeq{1}, 1, MapIndex{2}, 1, at(3), "{\"page\":7}"},
                   {RunSeq{1}, 2, unmapped, 1, at(3), "\"x\""}};
  commit(h.store(), c);
  h.reopen();
  CHECK(read(one) == "{\"page\":7}");
  CHECK(read(other) == "\"x\"");
  CHECK_FALSE(read({RunSeq{1}, 1, unmapped}));
  Changes next;
  next.checkpoints = {{RunSeq{1}, 1, MapIndex{2}, 2, at(4), "8"}};
  next.checkpoints_gone = {other};
  commit(h.store(), next);
  h.reopen();
  CHECK(read(one) == "8");
  CHECK_FALSE(read(other));
  Changes gone;
  gone.runs_deleted = {RunSeq{1}};
  commit(h.store(), gone);
  CHECK_FALSE(read(one));
}

#define BATUTA_STORE_CONFORMANCE_BESIDE(...)              \
  TEST_CASE_TEMPLATE_INVOKE(lead, __VA_ARGS__);           \
  TEST_CASE_TEMPLATE_INVOKE(questions, __VA_ARGS__);      \
  TEST_CASE_TEMPLATE_INVOKE(questions_kept, __VA_ARGS__); \
  TEST_CASE_TEMPLATE_INVOKE(assets_kept, __VA_ARGS__);    \
  TEST_CASE_TEMPLATE_INVOKE(checkpoints, __VA_ARGS__);    \
  TEST_CASE_TEMPLATE_INVOKE(waiting_loop, __VA_ARGS__);   \
  TEST_CASE_TEMPLATE_INVOKE(streaks, __VA_ARGS__);        \
  TEST_CASE_TEMPLATE_INVOKE(rate_starts, __VA_ARGS__);    \
  TEST_CASE_TEMPLATE_INVOKE(outbox, __VA_ARGS__);         \
  TEST_CASE_TEMPLATE_INVOKE(dag_deleted, __VA_ARGS__);    \
  TEST_CASE_TEMPLATE_INVOKE(beside, __VA_ARGS__)

}  // namespace batuta::test
