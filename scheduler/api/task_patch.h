// What a PATCH of task instances asks, whether of one path or as an entity of a bulk body. Private
// to the room.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "scheduler/api/params.h"
#include "scheduler/core/event.h"

namespace batuta::http {

struct TaskPatch {
  std::optional<MarkRequested> mark;  // with the note, if there is one
  std::optional<NoteSet> note;        // when it is all there is
  bool past = false;                  // the mark is meant for the runs before, or after, too
  bool future = false;
};
// `all`: every instance of the task, whatever map index `name` has. Neither state nor note is fine.
// The first thing wrong is the reader's status.
TaskPatch read_task_patch(const InstanceName& name, bool all, const std::string& user,
                          const nlohmann::json& body, BodyReader& fields);

}  // namespace batuta::http
