// How long lists of all tasks take over millions of rows. Opt-in: BATUTA_HISTORY_ROWS=3000000, and
// BATUTA_HISTORY_PLAIN=1 to time reading and sorting everything beside it.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "scheduler/store/history_reader.h"
#include "scheduler/store/migrator.h"
#include "tests/store/history_fixture.h"

namespace batuta::test {
namespace {

constexpr std::int64_t tasks_of_run = 300;

// Of the processor, which other work on the machine does not lengthen as much.
double spent_ms() {
  timespec spent{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) * 1e3 + static_cast<double>(spent.tv_nsec) / 1e6;
}

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

// Four DAGs in turn, a run a minute, each for ten; one task of a hundred failed, one was skipped.
void fill(const std::string& path, std::int64_t rows) {
  Database db(path, Database::Mode::read_write);
  db.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144");
  const std::string runs = std::to_string(rows / tasks_of_run);
  const std::string tasks = std::to_string(tasks_of_run);
  db.execute("BEGIN");
  for (const char* id : {"d0", "d1", "d2", "d3"}) {
    const std::string text = std::string("'") + id + "'";
    db.execute(
        "INSERT INTO dag_version (version, dag_id, number, file, created_at, "
        "canonical_json, source_text) VALUES (" +
        text + ", " + text + ", 1, '', 0, '{}', '')");
    db.execute(
        "INSERT INTO dag (dag_id, is_paused, is_stale, version, cursor, "
        "consecutive_failures, last_parsed_at) VALUES (" +
        text + ", 0, 0, " + text + ", NULL, 0, 0)");
  }
  db.execute(
      "INSERT INTO dag_run (seq, uuid, dag_id, dag_run_id, dag_version, type, state, logical_date, "
      "run_after, queued_at, start_date, end_date, conf_json, note, triggered_by, triggering_user, "
      "idempotency_key, request_digest, reason, clear_number) "
      "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
      runs +
      ") "
      "SELECT i, CAST(printf('%016d', i) AS BLOB), 'd' || (i % 4), 'scheduled__' || i, "
      "'d' || (i % 4), 1, 2, i * 60000000, i * 60000000, i * 60000000, i * 60000000, "
      "i * 60000000 + 600000000, '{}', '', 'timetable', '', '', '', '', 0 FROM n");
  db.execute(
      "INSERT INTO task_instance (id, run, task, map_index, state, fence, try_number, max_tries, "
      "failures, losses, conflicts, scheduled_at, queued_at, start_date, end_date, worker, "
      "hostname, slot, reason, note, plugin_sha256, exit_code, signal, peak_rss_kib, pid, task_id, "
      "pool) WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < " +
      tasks +
      " - 1), t AS (SELECT seq, i, CASE abs(seq * 7919 + i * 104729) % 100 WHEN 0 THEN 6 WHEN 1 "
      "THEN 9 ELSE 5 END AS state, run_after + i * 2000000 - (seq * 31 + i) % 1000 AS start "
      "FROM dag_run CROSS JOIN n) "
      "SELECT seq * 1000 + i, seq, i, -1, state, 1, 1, 0, 0, 0, 0, start, start, "
      "iif(state = 9, NULL, start), start + (seq * 13 + i * 7) % 5000000, 'agent-1', "
      "'worker.example.org', 'slot-1', '', '', "
      "'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 0, 0, 2048, 4711, "
      "'task_' || i, 'default_pool' FROM t");
  db.execute("COMMIT");
  const auto start = std::chrono::steady_clock::now();
  const std::string upgrade(embedded_migrations()[3].sql);
  db.execute(upgrade.substr(upgrade.find("INSERT INTO run_summary")));
  std::printf("summaries of all runs, as the upgrade makes them: %.0f ms\n", ms_since(start));
}

double plainly(const std::string& path, const TaskQuery& query) {
  Database db(path, Database::Mode::read_only);
  const ListSql sql = tasks_sql(query);
  const auto start = std::chrono::steady_clock::now();
  count_of(db, sql);
  Statement statement = db.prepare(sql.rows);
  const int next = bind_values(statement, sql.values);
  statement.bind_at(next, query.page.limit);
  statement.bind_at(next + 1, query.page.offset);
  Rows rows = statement.bound_query();
  while (rows.next()) {
  }
  return ms_since(start);
}

// What summing a large run up adds to the commit of its end.
void time_an_end(SqliteStore& store, std::int64_t seq) {
  Changes changes = new_run(make_run(seq), 20'000, TaskState::success);
  for (TaskInstanceRow& row : changes.tasks_created) {
    row.id += 1'000'000'000'000;
    row.start_date = at(1);
    row.end_date = at(2);
  }
  commit(store, changes);
  const auto start = std::chrono::steady_clock::now();
  commit(store, end_run(make_run(seq), at(3)));
  std::printf("the end of a run of 20,000 tasks: %.1f ms\n", ms_since(start));
}

struct Asked {
  const char* order;
  std::vector<TaskState> states{};
  std::vector<Filter> filters{};
  std::int64_t offset = 0;
};

}  // namespace

TEST_CASE("lists of all tasks over millions of rows") {
  const char* asked_rows = std::getenv("BATUTA_HISTORY_ROWS");
  if (!asked_rows) return;
  const std::int64_t rows = std::atoll(asked_rows);
  TempFolder folder;
  const std::string path = folder.file("batuta.db");
  open_store(path);
  fill(path, rows);
  auto store = open_store(path);
  SqliteHistory history(path);
  using enum TaskState;
  const std::vector<Asked> all = {
      {"start_date"},
      {"-start_date"},
      {"end_date"},
      {"-end_date"},
      {"run_after"},
      {"-run_after"},
      {"id"},
      {"-id"},
      {"duration"},
      {"-duration"},
      {"map_index"},
      {"-logical_date"},
      {"-start_date", {failed}},
      {"start_date", {failed}},
      {"-run_after", {failed}},
      {"-id", {failed}},
      {"-start_date", {running}},
      {"-start_date", {success}},
      {"-start_date", {skipped}},
      {"-start_date", {upstream_failed}},
      {"-start_date", {}, {is("task_id", Filter::Op::any, "task_7")}},
      {"-start_date", {failed}, {is("task_id", Filter::Op::any, "task_7")}},
      {"-start_date", {}, {is("start_date", Filter::Op::lt, rows / tasks_of_run * 30'000'000)}},
      {"-start_date", {}, {}, rows / 2},
      {"-run_after", {failed}, {}, rows / 300},
      {"-id", {}, {}, rows - rows / 10},
      {"start_date", {success}, {}, rows / 2},
      {"-hostname"}};
  for (const Asked& asked : all) {
    TaskQuery query;
    query.order_by = {asked.order};
    query.states = asked.states;
    query.filters = asked.filters;
    query.page = {100, asked.offset};
    std::vector<double> took, spent;
    std::string end = "all";
    for (int i = 0; i < 40; ++i) {
      const auto start = std::chrono::steady_clock::now();
      const double before = spent_ms();
      try {
        const auto page = history.task_instances(query);
        if (page.total_is_least) end = "at least";
        end = (page.total_is_least ? "at least " : "") + std::to_string(page.total);
      } catch (const StoreError&) {
        end = "given up";
        i += 15;
      }
      took.push_back(ms_since(start));
      spent.push_back(spent_ms() - before);
    }
    std::sort(took.begin(), took.end());
    std::sort(spent.begin(), spent.end());
    std::printf(
        "%-12s state %d filters %zu offset %8lld: p50 %7.1f p95 %7.1f ms, of the processor %7.1f "
        "and %7.1f, %s",
        asked.order, asked.states.empty() ? -1 : static_cast<int>(asked.states.front()),
        asked.filters.size(), static_cast<long long>(asked.offset), took[took.size() / 2],
        took[took.size() * 95 / 100], spent[spent.size() / 2], spent[spent.size() * 95 / 100],
        end.c_str());
    if (std::getenv("BATUTA_HISTORY_PLAIN")) std::printf("; plainly %.0f ms", plainly(path, query));
    std::printf("\n");
    std::fflush(stdout);
  }
  // Last: these are the newest runs, with five times 20,000 tasks of one start.
  for (int i = 1; i <= 5; ++i) time_an_end(*store, rows / tasks_of_run + i);
}

}  // namespace batuta::test
