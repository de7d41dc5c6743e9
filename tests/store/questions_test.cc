// Questions to people in the store: their lists, their answers, what retention and a run's new
// version make of them.
#include "scheduler/store/history_sql.h"
#include "scheduler/store/sqlite_upkeep.h"
#include "tests/store/describe.h"
#include "tests/store/history_fixture.h"

namespace batuta::test {
namespace {

std::vector<std::string> subjects(const PageOf<QuestionView>& page) {
  std::vector<std::string> found;
  for (const QuestionView& view : page.rows) found.push_back(view.row.subject);
  return found;
}
using Names = std::vector<std::string>;

QuestionRow plain(std::int64_t run, TaskIndex task, const std::string& subject) {
  QuestionRow row = make_question(run);
  row.task = task;
  row.map_index = unmapped;
  row.subject = subject;
  row.created_at = at(run);
  row.assigned_users.clear();
  if (run == 7) row.on_reject = OnReject::nothing;
  return row;
}

// Run 2 waits for an answer, run 4 has one, run 6 took its default; so does ml's run 7 wait.
struct QuestionFixture : HistoryFixture {
  QuestionFixture() {
    Changes c;
    c.questions = {plain(2, 0, "Deploy?"), plain(4, 0, "Drop it?"), plain(6, 1, "Which?"),
                   plain(7, 0, "Train?")};
    c.questions[1].body = "100% of *it*";
    c.questions[2].on_reject = OnReject::nothing;
    AnswerRow by_ana = make_answer(c.questions[1]);
    AnswerRow by_default = make_answer(c.questions[2]);
    by_default.responded_by.clear();
    c.answers = {by_ana, by_default};
    for (const QuestionRow& row : c.questions) put(c, row);
    commit(*store, c);
  }
  void put(Changes& c, const QuestionRow& of) {
    const bool waits = of.run == RunSeq{2} || of.run == RunSeq{7};
    for (const TaskInstanceView& view : history.task_instances({}).rows) {
      if (view.row.key() != of.key()) continue;
      TaskInstanceRow row = view.row;
      const TaskState from = row.state;
      row.try_number = 1;
      row.state = waits ? TaskState::deferred : TaskState::success;
      c.tasks_updated.push_back({from, row.fence, row});
    }
  }
  Names listed(const std::function<void(QuestionQuery&)>& change) {
    QuestionQuery query;
    change(query);
    const auto page = history.questions(query);
    CHECK(page.total >= std::ssize(page.rows));
    return subjects(page);
  }
};

TEST_CASE_FIXTURE(QuestionFixture, "questions are listed by run, answer, state, words and sight") {
  CHECK(listed([](auto&) {}) == Names{"Deploy?", "Drop it?", "Which?", "Train?"});
  CHECK(listed([](auto& q) { q.dag_id = "ml"; }) == Names{"Train?"});
  CHECK(listed([](auto& q) { q.dag_run_id = "run_4"; }) == Names{"Drop it?"});
  CHECK(listed([](auto& q) { q.response_received = false; }) == Names{"Deploy?", "Train?"});
  CHECK(listed([](auto& q) { q.response_received = true; }) == Names{"Drop it?", "Which?"});
  CHECK(listed([](auto& q) { q.states = {TaskState::success}; }) == Names{"Drop it?", "Which?"});
  CHECK(listed([](auto& q) { q.sight = Sight{{{"m*"}}}; }) == Names{"Train?"});
  using enum Filter::Op;
  CHECK(listed([](auto& q) { q.filters = {is("subject", like, "%D%")}; }) ==
        Names{"Deploy?", "Drop it?"});
  CHECK(listed([](auto& q) { q.filters = {is("body", like, "%100\\%%")}; }) == Names{"Drop it?"});
  CHECK(listed([](auto& q) { q.filters = {is("responded_by_user_id", any, "ana")}; }) ==
        Names{"Drop it?"});
  CHECK(listed([](auto& q) { q.filters = {is("task_id", any, "task_1")}; }) == Names{"Which?"});
  CHECK(listed([](auto& q) {
          q.filters = {is("created_at", gte, at(6).time_since_epoch().count())};
        }) == Names{"Which?", "Train?"});
  for (const char* order :
       {"ti_id", "subject", "responded_at", "created_at", "dag_id", "run_id",
        "responded_by_user_id", "responded_by_user_name", "run_after", "task_display_name",
        "rendered_map_index", "task_instance_state", "task_instance_operator"}) {
    CHECK(listed([&](auto& q) { q.order_by = {order}; }).size() == 4);
  }
  CHECK(listed([](auto& q) { q.order_by = {"-subject"}; }) ==
        Names{"Which?", "Train?", "Drop it?", "Deploy?"});
  CHECK(listed([](auto& q) { q.page = {2, 1}; }) == Names{"Drop it?", "Which?"});
  CHECK_THROWS(listed([](auto& q) { q.order_by = {"body2"}; }));
}

TEST_CASE_FIXTURE(QuestionFixture, "a question comes back with its answer and its task") {
  const auto page = history.questions({});
  REQUIRE(page.rows.size() == 4);
  CHECK_FALSE(page.rows[0].answer);
  CHECK(page.rows[0].task.dag_run_id == "100%_sure");
  CHECK(page.rows[0].task.task_id == "task_0");
  CHECK(page.rows[0].task.row.state == TaskState::deferred);
  REQUIRE(page.rows[1].answer);
  CHECK(described(*page.rows[1].answer) == described(make_answer(plain(4, 0, ""))));
  CHECK(page.rows[2].answer->responded_by.empty());
  const auto one = history.question(page.rows[1].row.key(), 1);
  REQUIRE(one);
  CHECK(described(one->row) == described(page.rows[1].row));
  CHECK(described(*one->answer) == described(*page.rows[1].answer));
  CHECK_FALSE(history.question(page.rows[1].row.key(), 2));
}

TEST_CASE_FIXTURE(QuestionFixture,
                  "of an earlier try, or one that is about to run again, it is listed no more") {
  Changes c;
  TaskInstanceRow row = history.questions({}).rows[0].task.row;
  const TaskInstanceRow before = row;
  row.state = TaskState::none;
  c.tasks_updated = {{before.state, before.fence, row}};
  commit(*store, c);
  CHECK(listed([](auto& q) { q.dag_id = "etl"; }) == Names{"Drop it?", "Which?"});
  CHECK(history.question(row.key(), 1));
}

TEST_CASE_FIXTURE(QuestionFixture, "retention takes questions with their runs") {
  Changes c;
  RunRow run = *history.run("etl", "run_4");
  run.state = DagRunState::success;
  run.end_date = at(4000);
  run.ending.reset();
  c.runs_updated = {run};
  commit(*store, c);
  SqliteUpkeep upkeep(store->database());
  while (upkeep.prune_runs(at(5000))) {
  }
  CHECK_FALSE(history.question(plain(4, 0, "").key(), 1));
  CHECK(history.question(plain(2, 0, "").key(), 1));
}

TEST_CASE_FIXTURE(QuestionFixture,
                  "the list of what waits for an answer reads no question that has one") {
  QuestionQuery query;
  query.response_received = false;
  ListSql sql = questions_sql(query);
  sql.rows.resize(sql.rows.find(" LIMIT"));
  std::string plan;
  Rows rows = store->database().statement(("EXPLAIN QUERY PLAN " + sql.rows).c_str()).query();
  while (rows.next()) {
    std::int64_t id = 0, parent = 0, unused = 0;
    std::string detail;
    rows.read(id, parent, unused, detail);
    plan += detail + "\n";
  }
  CHECK_MESSAGE(plan.find("question_unanswered") != std::string::npos, plan);
}

}  // namespace
}  // namespace batuta::test
