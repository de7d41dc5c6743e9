// What a task asks of people, and what they answered: approval and input tasks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/ids.h"
#include "common/message.h"
#include "common/time.h"

namespace batuta {

// Of a subject, which is shown in lists and told in messages.
inline constexpr std::size_t max_subject_bytes = 1000;
inline constexpr const char* approve_option = "Approve";
inline constexpr const char* reject_option = "Reject";

// What follows from the answer "Reject", and from no other.
enum class OnReject : std::uint8_t {
  nothing,    // it is an answer like others
  skip_next,  // what follows directly is skipped
  skip_all,   // all that follows is skipped, whatever its trigger rules say
  fail,       // the task fails for good
};

// What decisions need of a question whose task waits.
struct OpenQuestion {
  RunSeq run{};
  TaskIndex task = 0;
  MapIndex map_index = unmapped;
  std::int32_t try_number = 0;            // each try asks anew
  std::vector<std::string> options;       // at least one
  std::vector<std::string> defaults;      // taken when the time is over; empty: the task fails then
  std::string default_input_json = "{}";  // the form's defaults, which go with them
  OnReject on_reject = OnReject::nothing;

  InstanceKey key() const { return {run, task, map_index}; }
};

// As it is kept, from when it was asked to the end of its run's history.
struct QuestionRow : OpenQuestion {
  std::string subject;
  std::string body;  // Markdown; may be empty
  bool multiple = false;
  std::string params_json = "{}";           // the form: by name a schema, as in a DAG's params
  std::vector<std::string> assigned_users;  // who may answer; empty: whoever may edit the DAG
  Time created_at;
  OptTime deadline;
};

// A question has one answer, or none.
struct AnswerRow {
  RunSeq run{};
  TaskIndex task = 0;
  MapIndex map_index = unmapped;
  std::int32_t try_number = 0;
  Time responded_at;
  std::string responded_by;  // empty: nobody; the time was over, and the defaults were taken
  std::vector<std::string> chosen_options;
  std::string params_input_json = "{}";

  InstanceKey key() const { return {run, task, map_index}; }
};

}  // namespace batuta
