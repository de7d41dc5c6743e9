// Questions to people as columns: what the writer, the loader and the read side share.
#pragma once

#include <vector>

#include "scheduler/core/effects.h"
#include "scheduler/core/question.h"
#include "scheduler/store/codes.h"
#include "scheduler/store/sqlite.h"

// Of `p`, which is "" or ends with a dot.
#define BATUTA_OPEN_QUESTION_COLUMNS(p)                                                          \
  p "run, " p "task, " p "map_index, " p "try_number, " p "options_json, " p "defaults_json, " p \
    "default_input_json, " p "on_reject"
#define BATUTA_QUESTION_COLUMNS(p)                                                           \
  BATUTA_OPEN_QUESTION_COLUMNS(p)                                                            \
  ", " p "subject, " p "body, " p "multiple, " p "params_json, " p "assigned_users_json, " p \
  "created_at, " p "deadline"
#define BATUTA_ANSWER_COLUMNS(p) \
  p "responded_at, " p "responded_by, " p "chosen_options_json, " p "params_input_json"

namespace batuta {

// Each takes its columns and leaves the cursor behind them.
void read_open_question(Rows& rows, OpenQuestion& r);
void read_question(Rows& rows, QuestionRow& r);
std::optional<AnswerRow> read_answer(Rows& rows, const OpenQuestion& of);
// Of tasks that wait, the newest of each.
void load_open_questions(Database& db, std::vector<OpenQuestion>& out);
void write_questions(Database& db, const Changes& changes);

}  // namespace batuta
