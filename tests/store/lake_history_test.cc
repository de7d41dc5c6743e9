// What attempts told of the lake's tables, as the catalogue asks for it.
#include "tests/store/history_fixture.h"

namespace batuta::test::lake_history_test {
namespace {

AttemptReportRow told(std::int64_t run, TaskIndex task, std::int32_t fence, std::string report) {
  return {{RunSeq{run}, task, unmapped, fence}, fence, std::move(report)};
}

struct LakeHistory : HistoryFixture {
  void add(std::vector<AttemptReportRow> rows) {
    Changes changes;
    changes.attempt_reports = std::move(rows);
    commit(*store, changes);
  }
  std::string quality(const std::string& table, Page page = {}) {
    std::string found;
    for (const QualityReportView& view : history.quality_reports(table, page))
      found += view.dag_id + "/" + view.dag_run_id + "/" + view.task_id + " ";
    return found;
  }
};

}  // namespace

TEST_CASE_FIXTURE(LakeHistory, "quality reports of a table are those that name it, newest first") {
  add({told(1, 0, 1, R"({"quality":[{"table":"silver/a/t","rule":"r","passed":false}]})"),
       told(3, 1, 1, R"({"quality":[{"table":"silver/a/tt"},{"table":"silver/a/t"}]})"),
       told(4, 0, 1, R"({"quality":[{"table":"silver/a/other"}]})"),
       told(5, 0, 1, R"({"quality":[],"lineage":[{"from":"silver/a/t","to":"gold/a/t"}]})"),
       told(6, 0, 1, R"(no JSON, but "silver/a/t")"),
       told(7, 0, 1, R"({"quality":["silver/a/t",{"table":"silver/a/t"}]})")});
  CHECK(quality("silver/a/t") == "ml/run_7/task_0 etl/run_3/task_1 etl/run_1/task_0 ");
  CHECK(quality("silver/a/t", {1, 1}) == "etl/run_3/task_1 ");
  CHECK(quality("silver/a/t", {5, 3}).empty());
  CHECK(quality("silver/a").empty());
  const std::string longer = "silver/a/" + std::string(100, 'x');
  add({told(6, 1, 1, R"({"quality":[{"table":")" + longer + R"("}]})")});
  CHECK(quality(longer) == "etl/run_6/task_1 ");
  CHECK(quality("silver/a/%").empty());
}

TEST_CASE_FIXTURE(LakeHistory,
                  "lineage has each edge of a task once, as the newest attempt told it") {
  add({told(1, 0, 1, R"({"lineage":[{"from":"a/x/1","from_version":4,"to":"b/x/1"}]})"),
       told(3, 0, 1, R"({"lineage":[{"from":"a/x/1","from_version":9,"to":"b/x/1"}]})"),
       told(3, 1, 1,
            R"({"lineage":[{"from":"a/x/1","to":"b/x/1"},{"from":"b/x/1","to":"c/x/1"}]})"),
       told(5, 0, 1, R"({"lineage":[{"from":"a/x/1"},7]})"), told(6, 0, 1, R"({"quality":[]})")});
  const auto edges = history.lineage();
  REQUIRE(edges.size() == 3);
  for (const LineageEdge& edge : edges) {
    if (edge.task_id != "task_0") continue;
    CHECK(edge.dag_run_id == "run_3");
    CHECK(edge.from_version == 9);
    CHECK(edge.from == "a/x/1");
    CHECK(edge.to == "b/x/1");
  }
  CHECK(std::count_if(edges.begin(), edges.end(), [](const LineageEdge& edge) {
          return edge.task_id == "task_1" && edge.from_version == -1;
        }) == 2);
}

TEST_CASE_FIXTURE(LakeHistory,
                  "news of quality are what came since, and all of it when that is gone") {
  const auto news = [&](const ReportMark& since) {
    std::string found;
    const QualityNews told = history.quality_news(since);
    for (const TableQuality& one : told.tables)
      found += one.table + ":" + std::to_string(one.broken_blocking.size()) + "/" +
               std::to_string(one.broken_warning.size()) + "/" + std::to_string(one.rules) + " ";
    return (told.anew ? "anew " : "") + found;
  };
  CHECK(news({}).empty());
  add({told(1, 0, 1,
            R"({"quality":[{"table":"s/a/t","rule":"r","passed":false,"severity":"blocking"},)"
            R"({"table":"s/a/t","rule":"q","passed":false},{"table":"s/a/t","passed":true}]})"),
       told(3, 0, 1, R"({"quality":[7,{"table":"s/a/u"},{"table":"s/a/t"}]})"),
       told(4, 0, 1, R"(no JSON, but "quality":[)")});
  CHECK(news({}) == "s/a/t:1/1/3 s/a/t:0/0/1 s/a/u:0/0/1 ");
  const ReportMark seen = history.quality_news({}).mark;
  CHECK(news(seen).empty());
  add({told(5, 0, 1, R"({"quality":[{"table":"s/a/u","rule":"x","passed":false}]})")});
  CHECK(news(seen) == "s/a/u:0/1/1 ");
  CHECK(history.quality_news(seen).tables[0].broken_warning[0] == "x");
  ReportMark gone = seen;
  gone.run = 99;  // its row's number was given again
  CHECK(news(gone) == "anew s/a/t:1/1/3 s/a/t:0/0/1 s/a/u:0/0/1 s/a/u:0/1/1 ");
}

TEST_CASE_FIXTURE(
    LakeHistory,
    "runs that ended are told once each, by their end, in parts where they are large") {
  add({told(3, 1, 0, R"({"quality":[]})")});
  // What is asked from `since` on in answers of `most` instances: "run:tries", "+" where it goes
  // on.
  const auto told_of = [&](EndedMark since, std::int64_t most) {
    std::string found;
    for (bool more = true; more;) {
      const EndedRuns runs = history.ended_runs(since, most);
      for (const EndedRun& run : runs.runs) {
        found += (run.begins ? "" : "+") + run.row.dag_run_id + ":";
        for (const EndedTry& each : run.tries) {
          found += each.task_id.substr(5);
          if (!each.report_json.empty()) found += "!";
        }
        found += " ";
      }
      REQUIRE((!runs.more || since < runs.mark));
      since = runs.mark;
      more = runs.more;
    }
    return found;
  };
  CHECK(told_of({}, 100) == "run_1:012 run_3:01!2 run_5:012 ");
  CHECK(told_of({}, 3) == "run_1:012 run_3:01!2 run_5:012 ");
  CHECK(told_of({}, 2) == "run_1:01 +run_1:2 run_3:0 +run_3:1!2 run_5:01 +run_5:2 ");
  CHECK(told_of({}, 1).starts_with("run_1:0 +run_1:1 +run_1:2 run_3:0 "));
  const EndedMark all = history.ended_runs({}, 100).mark;
  CHECK((all == EndedMark{at(1005), RunSeq{5}, 0}));
  CHECK(told_of(all, 100).empty());
  CHECK(history.ended_runs(all, 100).mark == all);
  // One that ends by an older time, for the clock was set back, comes behind them all, in parts
  // too.
  RunRow second = make_full_run(2);
  second.ending.reset();
  commit(*store, end_run(second, at(500)));
  CHECK(told_of(all, 100) == "100%_sure:012 ");
  CHECK(told_of(all, 2) == "100%_sure:01 +100%_sure:2 ");
  const EndedMark late = history.ended_runs(all, 100).mark;
  CHECK(all < late);
  CHECK(told_of(late, 100).empty());
  CHECK(told_of({}, 100) == "run_1:012 run_3:01!2 run_5:012 100%_sure:012 ");
  // What is written of it after its end is told once more, by whatever process.
  store.reset();
  store = open_store(path);
  second.state = DagRunState::failed;
  commit(*store, end_run(second, at(500)));
  CHECK(told_of(late, 100) == "100%_sure:012 ");
  // By the right time again it stands at its end.
  commit(*store, end_run(second, at(9000)));
  CHECK((history.ended_runs(late, 100).mark == EndedMark{at(9000), RunSeq{2}, 0}));
  CHECK(told_of({}, 100) == "run_1:012 run_3:01!2 run_5:012 100%_sure:012 ");
}

TEST_CASE_FIXTURE(LakeHistory, "runs that ended at one moment are told apart") {
  Changes both = end_run(make_run(2), at(2000));
  Changes other = end_run(make_run(4), at(2000));
  both.runs_updated.push_back(other.runs_updated.at(0));
  commit(*store, both);
  const auto ids_after = [&](const EndedMark& since) {
    std::string ids;
    for (const EndedRun& run : history.ended_runs(since, 100).runs)
      ids += std::to_string(static_cast<std::int64_t>(run.row.seq)) + " ";
    return ids;
  };
  CHECK(ids_after({at(1005), RunSeq{5}, 0}) == "2 4 ");
  CHECK(ids_after({at(2000), RunSeq{2}, 0}) == "4 ");
  // A turn later the same moment is an older one: it comes behind.
  commit(*store, end_run(make_run(6), at(2000)));
  CHECK(ids_after({at(2000), RunSeq{4}, 0}) == "6 ");
}

TEST_CASE_FIXTURE(
    LakeHistory,
    "a run that ended tells older tries before the newest, and who wrote which table") {
  Changes changes;
  TaskInstanceRow row = make_task(1, 0, TaskState::none);
  TaskInstanceRow failed = row;
  failed.state = TaskState::failed;
  failed.try_number = failed.fence = 1;
  changes.attempts_archived.push_back({failed});
  row.state = TaskState::success;
  row.try_number = row.fence = 2;
  changes.tasks_updated.push_back(move_task(row, TaskState::none, 0));
  changes.tables.push_back({"silver/quotes", 2, 0});
  changes.publications.push_back(make_publication(1, {RunSeq{1}, 0, unmapped, 2}));
  commit(*store, changes);
  const EndedRuns runs = history.ended_runs({}, 1);
  REQUIRE(runs.runs.size() == 1);
  REQUIRE(runs.runs[0].tries.size() == 2);
  CHECK(runs.runs[0].tries[0].row.state == TaskState::failed);
  CHECK(runs.runs[0].tries[1].row.try_number == 2);
  REQUIRE(runs.written.size() == 1);
  CHECK(runs.written[0].dag_id == "etl");
  CHECK(runs.written[0].task_id == "task_0");
  CHECK(runs.written[0].table == "silver/quotes");
}

TEST_CASE_FIXTURE(LakeHistory, "a store without reports has neither quality nor lineage") {
  CHECK(history.lineage().empty());
  CHECK(quality("silver/a/t").empty());
}

TEST_CASE_FIXTURE(LakeHistory, "who ends waits for no read: none begins any more") {
  REQUIRE(history.run("etl", "run_1"));
  history.stop();
  CHECK_THROWS_AS(history.run("etl", "run_1"), StoreError);
  CHECK_THROWS_AS(history.ended_runs({}, 100), StoreError);
}

}  // namespace batuta::test::lake_history_test
