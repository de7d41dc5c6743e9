// Mapped tasks in a DAG file: "expand", "expand_zip" or "expand_kwargs" beside the task's other
// fields, which all of its instances share. What an instance gets (mapped_items.h) fills the fields
// of its type that bear its names (`url`, `env`), and is `item.<name>` in the task's templates.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "scheduler/core/dag.h"
#include "scheduler/dagfile/fields.h"

namespace batuta {

inline constexpr const char* mapping_fields[] = {
    "expand", "expand_zip", "expand_kwargs", "expand_fill", "map_index_template", "max_map_length"};
// The task has one of them.
bool has_mapping(const nlohmann::json& object);

// Reads the fields above, "expand_fill", "map_index_template" and "max_map_length" of a task into
// expand_json, map_index_template and max_map_length; for a task that is not mapped it only sees
// that none of them is there. `object` is the task as it is written; it gets, in the place of what
// instances are given, values that its type takes: so it can be read as any other.
void read_mapping(nlohmann::json& object, const std::string& pointer, Problems& problems,
                  Task& task);

// Of a mapped group, once it was read: its lists, and what its template calls its instances.
void check_group_mapping(const std::string& expand_json, const std::string& map_index_template,
                         std::int32_t most, const std::string& pointer, Problems& problems);

// Once the rest of the task was read: takes these values out of its spec, and holds every item that
// is written out, and every use of `item`, against its type. Of a task that stands in a mapped
// group only whether it may, and its uses of `item`: those fill no field by themselves.
void check_mapping(const nlohmann::json& object, const std::string& pointer, Problems& problems,
                   Task& task);

// Puts an instance's arguments into the parameters that its attempt gets. Errc::invalid when they
// hold what may not come from data: a shell command, a connection.
Status fill_arguments(const Task& task, const nlohmann::json& item, nlohmann::json& params);

// A file's "expand" of several names as a list of objects with one each, in the order in which they
// are written: what is kept of a definition is sorted.
void keep_expand_order(nlohmann::json& definition, std::string_view text);

}  // namespace batuta
