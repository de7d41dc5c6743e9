// Lists of what tasks ask people.
#include "scheduler/store/history_reader.h"
#include "scheduler/store/list_sql.h"
#include "scheduler/store/question_rows.h"
#include "scheduler/store/row_codec.h"
#include "scheduler/store/sqlite_history.h"

namespace batuta {
namespace {

constexpr Field question_fields[] = {
    {"ti_id", "q.id"},
    {"subject", "q.subject"},
    {"body", "q.body"},
    {"created_at", "q.created_at"},
    {"responded_at", "q.responded_at", Holds::sometimes},
    {"responded_by_user_id", "q.responded_by", Holds::text},
    {"responded_by_user_name", "q.responded_by", Holds::text},
    {"response_received", "(q.responded_at IS NOT NULL)"},
    {"dag_id", "r.dag_id"},
    {"run_id", "r.dag_run_id"},
    {"run_after", "r.run_after"},
    {"task_id", "t.task_id"},
    {"task_display_name", "t.task_id"},
    {"map_index", "q.map_index"},
    {"rendered_map_index", "t.map_name", Holds::text},
    {"task_instance_state", "t.state"},
    {"task_instance_operator", "(q.on_reject = 0)"},  // approval before input
};

// Of each task instance the question of its newest try, unless it is about to run again.
constexpr char question_tables[] =
    " FROM question AS q CROSS JOIN dag_run AS r ON r.seq = q.run "
    "CROSS JOIN task_instance AS t ON t.run = q.run AND t.task = q.task "
    "AND t.map_index = q.map_index AND t.try_number = q.try_number AND t.state > 1";
constexpr char rendered_table[] =
    " LEFT JOIN rendered AS x ON x.run = t.run AND x.task = t.task "
    "AND x.map_index = t.map_index AND x.try_number = t.try_number";

void read_question_view(Rows& rows, QuestionView& view) {
  Uuid uuid;
  read_question(rows, view.row);
  view.answer = read_answer(rows, view.row);
  rows.read(view.task.row.id);
  read_task(rows, view.task.row);
  rows.read(view.task.dag_id, view.task.dag_run_id, view.task.task_id, uuid, view.task.logical_date,
            view.task.run_after, view.task.dag_version, view.task.rendered_json);
  view.task.run_uuid = to_string(uuid);
}

constexpr char select_question[] =
    "SELECT " BATUTA_QUESTION_COLUMNS("") ", " BATUTA_ANSWER_COLUMNS("") " FROM question "
    "WHERE run = ? AND task = ? AND map_index = ? AND try_number = ?";

}  // namespace

ListSql questions_sql(const QuestionQuery& query) {
  Where where;
  if (query.dag_id) where.add("r.dag_id = ?", *query.dag_id);
  if (query.dag_run_id) where.add("r.dag_run_id = ?", *query.dag_run_id);
  // For the index of those that have none.
  if (query.response_received) {
    where.add(*query.response_received ? "q.responded_at IS NOT NULL" : "q.responded_at IS NULL");
  }
  where.add_any("t.state", query.states);
  where.add_all(query.filters, question_fields);
  where.add_sight("r.dag_id", query.sight);
  return {"SELECT " BATUTA_QUESTION_COLUMNS("q.") ", " BATUTA_ANSWER_COLUMNS("q.") ", " +
              std::string(task_view_columns) + question_tables + rendered_table + where.text() +
              order_text(query.order_by, question_fields, "q.id") + " LIMIT ? OFFSET ?",
          "SELECT COUNT(*)" + std::string(question_tables) + where.text(), where.values};
}

PageOf<QuestionView> SqliteHistory::questions(const QuestionQuery& query) {
  return Reader(*this).list<QuestionView>(questions_sql(query), query.page, read_question_view);
}

std::optional<QuestionView> SqliteHistory::question(const InstanceKey& of,
                                                    std::int32_t try_number) {
  Reader reader(*this);
  Rows rows =
      reader.db().statement(select_question).query(of.run, of.task, of.map_index, try_number);
  if (!rows.next()) return std::nullopt;
  QuestionView view;
  read_question(rows, view.row);
  view.answer = read_answer(rows, view.row);
  return view;
}

}  // namespace batuta
