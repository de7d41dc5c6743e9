// Many writes in one request, as Airflow's BulkBody has them. Private to the room.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/api/body_fields.h"
#include "scheduler/api/context.h"
#include "scheduler/core/event.h"

namespace batuta::http {

// ---- shared by both kinds

// The request's actions. Errc::invalid when one of them is not what Airflow's BulkBody says, whose
// entities have the member `key`; or what `entity` says of one, given what is done to it.
using EntityCheck = std::function<Status(const nlohmann::json& entity, Action does)>;
Result<nlohmann::json> bulk_actions(const Request& request, const char* key,
                                    const EntityCheck& entity);
// What an entity is called, in either form; "" when it has no name.
std::string bulk_name(const char* key, const nlohmann::json& entity);
// The entity without what the action's mask leaves out, `always` apart.
nlohmann::json bulk_masked(const nlohmann::json& action, nlohmann::json entity,
                           std::initializer_list<std::string_view> always);
void bulk_error(nlohmann::json& result, const Error& error);
Error needs_right(Action action, const std::string& resource);

// ---- what the registry keeps: variables, connections

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

// ---- what the engine owns: pools, runs, task instances

// One event, and what it is about; without one nothing is to be done for them.
struct EngineWrite {
  std::vector<std::string> names;
  std::optional<Event> event;
};
struct EngineBulk {
  using Planned = std::function<void(std::vector<EngineWrite>)>;
  const char* key = "";
  const char* no_create = nullptr;  // why none is created here; nullptr: some are
  EntityCheck entity{};
  // What an action asks of the engine; what of it cannot be asked goes into `result` by
  // bulk_error(). Reader thread; calls `then` once, from any.
  std::function<void(const nlohmann::json& action, nlohmann::json& result, Planned then)> plan{};
};
// Carries out the body's actions in order. What an action asks is asked together, so that most of
// it is one commit; each entity is done or not by itself, as the answer says.
void run_engine_bulk(Context& context, const Call& call, EngineBulk kind);

}  // namespace batuta::http
