// Many writes in one request, as Airflow's BulkBody has them. Private to the room.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "scheduler/api/body_fields.h"
#include "scheduler/api/context.h"

namespace batuta::http {

// One entity's change, ready to be written; the event log gets before and after.
struct BulkWrite {
  std::string name;
  std::shared_ptr<const nlohmann::json> before, after;  // null: there is none
  std::function<Status()> write;
};

// A kind of entity. All of it is called between two writes, on any thread.
struct BulkKind {
  const char* resource;  // "admin:variables"
  const char* key;       // the member that names an entity
  const char* noun;      // "variable": of the events post_, patch_ and delete_variable
  BodyTable fields;
  std::function<bool(const std::string& name)> exists;
  // The entity as the body has it: made, or where it exists changed. Errc::invalid names the field.
  std::function<Result<BulkWrite>(const nlohmann::json& entity)> set;
  std::function<BulkWrite(const std::string& name)> remove;
};

// Carries out the body's actions in order and answers with what each of them did. An action is
// looked at as a whole before it writes; each entity is durable by itself.
void run_bulk(Context& context, const Call& call, BulkKind kind);

}  // namespace batuta::http
