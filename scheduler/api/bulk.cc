#include "scheduler/api/bulk.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <memory>
#include <vector>

#include "scheduler/api/auth.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_entities = 1000;  // of one request

constexpr BodyField action_rows[] = {{"action", FieldKind::text, true},
                                     {"entities", FieldKind::list, true},
                                     {"update_mask", FieldKind::list},
                                     {"action_on_existence"},
                                     {"action_on_non_existence"}};

struct BulkJob {
  BulkJob(Context& c, Call asked, BulkKind of)
      : context(c), call(std::move(asked)), kind(std::move(of)) {}
  Context& context;
  Call call;
  BulkKind kind;
  json actions;
  std::size_t next = 0;
  std::vector<BulkWrite> writes;  // of the action, the next one last
  json answer = {{"create", nullptr}, {"update", nullptr}, {"delete", nullptr}};
};

bool one_of(const json& value, std::initializer_list<const char*> words) {
  for (const char* word : words) {
    if (value == word) return true;
  }
  return false;
}

Error wrong(const std::string& where, const std::string& what) {
  return {Errc::invalid, what, "/actions/" + where};
}

Status check_action(const json& one, const std::string& at) {
  if (!one.is_object()) return wrong(at, "must be an object");
  BodyReader fields(one, action_rows);
  fields.check(action_rows);
  if (!fields.status()) return wrong(at, fields.status().error().message);
  const json& action = one["action"];
  if (!one_of(action, {"create", "update", "delete"})) {
    return wrong(at + "/action", "must be create, update or delete");
  }
  if (!one_of(one.value("action_on_existence", json("fail")), {"fail", "skip", "overwrite"})) {
    return wrong(at + "/action_on_existence", "must be fail, skip or overwrite");
  }
  if (!one_of(one.value("action_on_non_existence", json("fail")), {"fail", "skip"})) {
    return wrong(at + "/action_on_non_existence", "must be fail or skip");
  }
  return success();
}

Status check_entities(const json& one, const std::string& at, const char* key,
                      const EntityCheck& entity_check) {
  const json& action = one["action"];
  const bool over = one.value("action_on_existence", json("fail")) == "overwrite";
  std::vector<Action> does{action == "create"   ? Action::create
                           : action == "update" ? Action::edit
                                                : Action::remove};
  if (over && action == "create") does.push_back(Action::edit);
  for (const json& entity : one["entities"]) {
    const bool shaped = entity.is_object() || (entity.is_string() && action == "delete");
    if (!shaped || bulk_name(key, entity).empty()) {
      return wrong(at + "/entities", std::string("each must have its ") + key);
    }
    for (const Action asked : does) {
      const Status ok = entity_check(entity, asked);
      if (!ok && ok.error().code == Errc::invalid) {
        return wrong(at + "/entities", bulk_name(key, entity) + ": " + ok.error().message);
      }
      if (!ok) return ok;
    }
  }
  return success();
}

// What the action writes; an Error refuses all of it.
json shown(const std::shared_ptr<const json>& entity) {
  return entity ? *entity : json();
}

Result<std::vector<BulkWrite>> plan(const BulkJob& job, const json& one) {
  const json& action = one["action"];
  const char* policy = action == "create" ? "action_on_existence" : "action_on_non_existence";
  const json on = one.value(policy, json("fail"));
  std::vector<BulkWrite> writes;
  for (const json& entity : one["entities"]) {
    const std::string name = bulk_name(job.kind.key, entity);
    const bool exists = job.kind.exists(name);
    const bool fits = exists == (action != "create");
    if (!fits && on == "fail") {
      const std::string what = std::string("the ") + job.kind.noun + " `" + name + "`";
      if (exists) return {Errc::conflict, what + " exists already"};
      return {Errc::not_found, what + " was not found"};
    }
    if (!fits && on == "skip") continue;
    if (action == "delete") {
      writes.push_back(job.kind.remove(name));
      continue;
    }
    auto write = job.kind.set(bulk_masked(one, entity, {job.kind.key}));
    if (!write) return {write.error().code, name + ": " + write.error().message};
    writes.push_back(std::move(*write));
  }
  std::reverse(writes.begin(), writes.end());
  return writes;
}

void run(const std::shared_ptr<BulkJob>& job);

void write_next(const std::shared_ptr<BulkJob>& job) {
  if (job->writes.empty()) {
    ++job->next;
    return run(job);
  }
  const BulkWrite one = std::move(job->writes.back());
  job->writes.pop_back();
  const std::string action = job->actions[job->next]["action"];
  const char* verb = action == "delete" ? "delete_" : !one.before ? "post_" : "patch_";
  job->context.change(
      job->call, verb + std::string(job->kind.noun),
      {{job->kind.key, one.name}, {"before", shown(one.before)}, {"after", shown(one.after)}},
      one.write, [job, action, name = one.name](const Status& done) {
        json& result = job->answer[action];
        if (done) result["success"].push_back(name);
        if (!done) bulk_error(result, done.error());
        // What failed once for want of a store fails again: the rest is left, and
        // told.
        if (!done && done.error().code == Errc::unavailable) job->writes.clear();
        write_next(job);
      });
}

void run(const std::shared_ptr<BulkJob>& job) {
  if (job->next == job->actions.size()) return job->call.respond(json_response(job->answer));
  const json& one = job->actions[job->next];
  json& result = job->answer[one["action"].get<std::string>()];
  if (result.is_null()) result = {{"success", json::array()}, {"errors", json::array()}};
  auto writes = plan(*job, one);
  if (!writes) bulk_error(result, writes.error());
  if (writes) job->writes = std::move(*writes);
  write_next(job);
}

}  // namespace

std::string bulk_name(const char* key, const json& entity) {
  if (entity.is_string()) return entity.get<std::string>();
  const auto name = entity.is_object() ? entity.find(key) : entity.end();
  return entity.is_object() && name != entity.end() && name->is_string() ? name->get<std::string>()
                                                                         : std::string();
}

json bulk_masked(const json& action, json entity, std::initializer_list<std::string_view> always) {
  const auto mask = action.find("update_mask");
  if (mask == action.end() || !mask->is_array() || !entity.is_object()) return entity;
  for (auto it = entity.begin(); it != entity.end();) {
    const bool kept = std::find(always.begin(), always.end(), it.key()) != always.end() ||
                      std::find(mask->begin(), mask->end(), it.key()) != mask->end();
    it = kept ? std::next(it) : entity.erase(it);
  }
  return entity;
}

void bulk_error(json& result, const Error& error) {
  const int status = error_response(error).status;
  result["errors"].push_back({{"error", error.message}, {"status_code", status}});
}

Error needs_right(Action action, const std::string& resource) {
  return {Errc::forbidden,
          "this needs the right \"" + std::string(to_string(action)) + " " + resource + "\"",
          {}};
}

Result<json> bulk_actions(const Request& request, const char* key, const EntityCheck& entity) {
  auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  fields.check(*request.route->body);
  if (!fields.status()) return fields.status().error();
  const json& actions = (*body)["actions"];
  std::size_t entities = 0;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    const std::string at = std::to_string(i);
    if (const auto ok = check_action(actions[i], at); !ok) return ok.error();
    if (const auto ok = check_entities(actions[i], at, key, entity); !ok) return ok.error();
    entities += actions[i]["entities"].size();
  }
  if (entities > max_entities) return wrong("", "have more than 1000 entities in all");
  return actions;
}

void run_bulk(Context& context, const Call& call, BulkKind kind) {
  auto actions = bulk_actions(*call.request, kind.key, [&](const json&, Action does) -> Status {
    if (may(call.request->identity, does, kind.resource)) return success();
    return needs_right(does, kind.resource);
  });
  if (!actions) return call.respond(error_response(actions.error()));
  auto job = std::make_shared<BulkJob>(context, call, std::move(kind));
  job->actions = std::move(*actions);
  run(job);
}

}  // namespace batuta::http
