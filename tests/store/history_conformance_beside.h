// The rest of the suite of history_conformance.h: what stands beside runs and their tasks. The
// harness has, beside what that one asks for: two backfills and two ticks of one of them, two
// questions, an asset that a DAG waits for with an alias, an event and a place in the queue, a try
// that told of quality and lineage, one with a checkpoint, and a favourite of ana's.
#pragma once

#include "tests/store/history_conformance.h"

namespace batuta::test {

TEST_CASE_TEMPLATE_DEFINE("the pages of what stands beside runs are the whole list", Harness,
                          beside_pages) {
  Harness h;
  History& history = h.history();
  const auto by_id = [](const auto& view) { return std::to_string(view.row.id); };
  check_pages(
      [&](Page page) {
        BackfillQuery query;
        query.page = page;
        return history.backfills(query);
      },
      [](const BackfillRow& row) { return std::to_string(row.id); });
  BackfillQuery every;
  every.page = {max_page, 0};
  for (const BackfillRow& row : history.backfills(every).rows)
    check_pages([&](Page page) { return history.backfill_ticks(row.id, page); },
                [](const BackfillTickView& view) { return std::to_string(view.row.ordinal); });
  check_pages(
      [&](Page page) {
        QuestionQuery query;
        query.page = page;
        return history.questions(query);
      },
      // One of each instance: that of its newest try.
      [](const QuestionView& view) { return name_of(view.task); });
  check_pages(
      [&](Page page) {
        AssetQuery query;
        query.page = page;
        return history.assets(query);
      },
      by_id);
  check_pages(
      [&](Page page) {
        AssetEventQuery query;
        query.page = page;
        return history.asset_events(query);
      },
      by_id);
  check_pages(
      [&](Page page) {
        AssetAliasQuery query;
        query.page = page;
        return history.asset_aliases(query);
      },
      by_id);
  const auto reports = history.quality_reports("gold/t", {max_page, 0});
  REQUIRE_FALSE(reports.empty());
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto one = history.quality_reports("gold/t", {1, static_cast<std::int64_t>(i)});
    REQUIRE(one.size() == 1);
    CHECK(one[0].row.key == reports[i].row.key);
  }
  CHECK(history.quality_reports("gold/t", {1, std::ssize(reports)}).empty());
  CHECK(history.quality_reports("gold/none", {max_page, 0}).empty());
}

TEST_CASE_TEMPLATE_DEFINE("what stands beside runs is found by its name, and nothing else is",
                          Harness, beside_names) {
  Harness h;
  History& history = h.history();
  const auto backfills = history.backfills({}).rows;
  REQUIRE(backfills.size() >= 2);
  for (const BackfillRow& row : backfills) {
    REQUIRE(history.backfill(row.id));
    CHECK(described(*history.backfill(row.id)) == described(row));
    std::int64_t told = 0;
    for (const auto& [outcome, count] : history.backfill_counts(row.id).outcomes) told += count;
    CHECK(told == history.backfill_ticks(row.id, {max_page, 0}).total);
    BackfillQuery query;
    query.dag_id = row.dag_id;
    query.unfinished = true;
    for (const BackfillRow& open : history.backfills(query).rows) {
      CHECK(open.dag_id == row.dag_id);
      CHECK(open.phase != BackfillPhase::done);
    }
  }
  CHECK_FALSE(history.backfill(1'000'000));
  CHECK(history.backfill_ticks(1'000'000, {max_page, 0}).total == 0);
  for (const RunRow& run : history.runs({}).rows) {
    if (!run.logical_date) continue;
    const auto found =
        history.runs_of_dates(run.dag_id, {*run.logical_date + Duration(1), *run.logical_date});
    REQUIRE(found.size() == 2);
    CHECK_FALSE(found[0]);
    REQUIRE(found[1]);
    CHECK(found[1]->logical_date == run.logical_date);
    CHECK_FALSE(history.runs_of_dates("no such DAG", {*run.logical_date})[0]);
  }
  const auto questions = history.questions({}).rows;
  REQUIRE(questions.size() >= 2);
  for (const QuestionView& view : questions) {
    const auto found = history.question(view.row.key(), view.row.try_number);
    REQUIRE(found);
    CHECK(found->row.subject == view.row.subject);
    CHECK(found->answer.has_value() == view.answer.has_value());
    CHECK(view.task.row.try_number == view.row.try_number);
    CHECK_FALSE(history.question(view.row.key(), 1000));
  }
  bool any_report = false, any_checkpoint = false;
  for (const TaskInstanceView& view : history.task_instances({}).rows) {
    const InstanceKey instance = view.row.key();
    if (const auto told = history.attempt_report(instance, std::nullopt)) {
      any_report = true;
      CHECK(told->key.instance() == instance);
      const auto again = history.attempt_report(instance, told->try_number);
      REQUIRE(again);
      CHECK(again->report_json == told->report_json);
      CHECK_FALSE(history.attempt_report(instance, told->try_number + 1000));
    }
    if (const auto kept = history.checkpoint(instance)) {
      any_checkpoint = true;
      CHECK(kept->key() == instance);
    }
  }
  CHECK(any_report);
  CHECK(any_checkpoint);
  CHECK_FALSE(history.checkpoint({RunSeq{1'000'000}, 0, unmapped}));
  CHECK(history.favorites("ana").size() == 1);
  CHECK(history.favorites("nobody").empty());
  std::set<std::string> jobs;
  for (const JobConfigView& job : history.job_configs()) CHECK(jobs.insert(job.job_name).second);
}

TEST_CASE_TEMPLATE_DEFINE("what stands beside runs is shown to who sees its DAG alone", Harness,
                          beside_sights) {
  Harness h;
  History& history = h.history();
  const auto shown = [&](const Sight& sight) {
    BackfillQuery backfills;
    QuestionQuery questions;
    AssetQuery assets;
    AssetEventQuery events;
    AssetAliasQuery aliases;
    QueuedAssetQuery queued;
    backfills.sight = questions.sight = assets.sight = events.sight = aliases.sight = queued.sight =
        sight;
    return std::vector<std::int64_t>{
        history.backfills(backfills).total,   history.questions(questions).total,
        history.assets(assets).total,         history.asset_events(events).total,
        history.asset_aliases(aliases).total, std::ssize(history.queued_assets(queued))};
  };
  const std::string dag_id = history.backfills({}).rows.at(0).dag_id;
  const std::vector<std::int64_t> all = shown({});
  CHECK(std::count(all.begin(), all.end(), 0) == 0);
  CHECK(shown(Sight{{{dag_id}}}) == all);
  CHECK(shown(Sight{{{"no_such_dag"}}}) == std::vector<std::int64_t>(all.size(), 0));
  QueuedAssetQuery queued;
  queued.dag_id = dag_id;
  const auto waiting = history.queued_assets(queued);
  REQUIRE_FALSE(waiting.empty());
  for (const QueuedAssetView& view : waiting) CHECK(view.dag_id == dag_id);
  queued.before = waiting[0].queued_at;
  for (const QueuedAssetView& view : history.queued_assets(queued))
    CHECK(view.queued_at < waiting[0].queued_at);
  queued.dag_id = "no such DAG";
  CHECK(history.queued_assets(queued).empty());
}

TEST_CASE_TEMPLATE_DEFINE("what is asked for from a mark on is told once", Harness, told_once) {
  Harness h;
  History& history = h.history();
  const QualityNews news = history.quality_news({});
  REQUIRE_FALSE(news.tables.empty());
  CHECK(news.tables[0].table == "gold/t");
  CHECK(history.quality_news(news.mark).tables.empty());
  CHECK(history.quality_news(news.mark).mark == news.mark);

  std::set<std::string> edges;
  for (const LineageEdge& edge : history.lineage())
    CHECK(edges.insert(edge.from + ">" + edge.to + "@" + edge.dag_id + "/" + edge.task_id).second);
  CHECK(edges.size() == 1);

  const EndedRuns ended = history.ended_runs({}, 1'000'000);
  CHECK_FALSE(ended.more);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < ended.runs.size(); ++i) {
    const RunRow& row = ended.runs[i].row;
    CHECK(seen.insert(seq_of(row)).second);
    REQUIRE(row.end_date);
    if (i > 0) CHECK(*ended.runs[i - 1].row.end_date <= *row.end_date);
  }
  for (const RunRow& run : history.runs({}).rows)
    CHECK(seen.contains(seq_of(run)) == run.end_date.has_value());
  CHECK(history.ended_runs(ended.mark, 1'000'000).runs.empty());

  for (const RunRow& run : history.runs({}).rows)
    for (const PublicationRow& row : history.publications(run.seq)) CHECK(row.key.run == run.seq);
}

#define BATUTA_HISTORY_CONFORMANCE_BESIDE(...)           \
  TEST_CASE_TEMPLATE_INVOKE(beside_pages, __VA_ARGS__);  \
  TEST_CASE_TEMPLATE_INVOKE(beside_names, __VA_ARGS__);  \
  TEST_CASE_TEMPLATE_INVOKE(beside_sights, __VA_ARGS__); \
  TEST_CASE_TEMPLATE_INVOKE(told_once, __VA_ARGS__)

}  // namespace batuta::test
