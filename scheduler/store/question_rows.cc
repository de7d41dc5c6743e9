#include "scheduler/store/question_rows.h"

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/store/change_writer.h"

namespace batuta {
namespace {

using Texts = std::vector<std::string>;

constexpr char insert_question[] =
    "INSERT INTO question (" BATUTA_QUESTION_COLUMNS("") ") "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
// One answer: the first.
constexpr char keep_answer[] =
    "UPDATE question SET responded_at = ?, responded_by = ?, chosen_options_json = ?, "
    "params_input_json = ? WHERE run = ? AND task = ? AND map_index = ? AND try_number = ? "
    "AND responded_at IS NULL";
// Kind 3 is `answer`.
constexpr char select_open[] =
    "SELECT " BATUTA_OPEN_QUESTION_COLUMNS("q.") " FROM task_wait AS w "
    "CROSS JOIN question AS q ON q.run = w.run AND q.task = w.task AND q.map_index = w.map_index "
    "WHERE w.kind = 3 AND q.try_number = (SELECT MAX(n.try_number) FROM question AS n "
    "WHERE n.run = w.run AND n.task = w.task AND n.map_index = w.map_index) "
    "ORDER BY q.run, q.task, q.map_index";

std::string json_of(const Texts& texts) {
  return json_text(nlohmann::json(texts));
}

Texts texts_of(const std::string& text) {
  const auto list = parse_untrusted(text);
  Texts texts;
  bool sound = list.ok() && list->is_array();
  for (const auto& item : sound ? *list : nlohmann::json::array()) {
    sound = sound && item.is_string();
    if (sound) texts.push_back(item.get<std::string>());
  }
  if (!sound) throw StoreError("a stored question is damaged; restore a backup", false);
  return texts;
}

}  // namespace

void read_open_question(Rows& rows, OpenQuestion& r) {
  std::string options;
  std::string defaults;
  rows.read(r.run, r.task, r.map_index, r.try_number, options, defaults, r.default_input_json,
            r.on_reject);
  r.options = texts_of(options);
  r.defaults = texts_of(defaults);
}

void read_question(Rows& rows, QuestionRow& r) {
  std::string users;
  read_open_question(rows, r);
  rows.read(r.subject, r.body, r.multiple, r.params_json, users, r.created_at, r.deadline);
  r.assigned_users = texts_of(users);
}

std::optional<AnswerRow> read_answer(Rows& rows, const OpenQuestion& of) {
  AnswerRow r{of.run, of.task, of.map_index, of.try_number, {}, {}, {}, {}};
  OptTime at;
  std::string chosen;
  rows.read(at, r.responded_by, chosen, r.params_input_json);
  if (!at) return std::nullopt;
  r.responded_at = *at;
  r.chosen_options = texts_of(chosen);
  return r;
}

void load_open_questions(Database& db, std::vector<OpenQuestion>& out) {
  Rows rows = db.statement(select_open).query();
  while (rows.next()) read_open_question(rows, out.emplace_back());
}

void write_questions(Database& db, const Changes& changes) {
  for (const QuestionRow& r : changes.questions) {
    db.statement(insert_question)
        .run(r.run, r.task, r.map_index, r.try_number, json_of(r.options), json_of(r.defaults),
             r.default_input_json, r.on_reject, r.subject, r.body, r.multiple, r.params_json,
             json_of(r.assigned_users), r.created_at, r.deadline);
  }
  for (const AnswerRow& r : changes.answers) {
    const std::int64_t touched =
        db.statement(keep_answer)
            .run(r.responded_at, r.responded_by, json_of(r.chosen_options), r.params_input_json,
                 r.run, r.task, r.map_index, r.try_number);
    BATUTA_CHECK(touched == 1, "an answer to a question that was not asked, or has one");
  }
}

}  // namespace batuta
