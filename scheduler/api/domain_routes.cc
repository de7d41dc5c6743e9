// Data domains, each whole from one contract: what there is, what a contract would change, and
// making and taking away. What a domain is made of is decided in scheduler/dagfile/domain_plan.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bundles.h"
#include "scheduler/api/busy_names.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/giving.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/dagfile/bundle.h"
#include "scheduler/dagfile/domain_files.h"
#include "scheduler/dagfile/folder.h"

namespace batuta::http {

using nlohmann::json;

namespace {

using domains::DomainAction;
using domains::DomainPart;
using domains::DomainPlaces;
using domains::DomainPlan;
using domains::DomainStep;

constexpr std::size_t max_contract_text = JsonLimits{}.string_bytes;  // of a body's string
constexpr std::size_t max_domain_schedule = 256;
constexpr std::size_t plan_digest_length = 64;
constexpr const char* contract_field = "contract";

struct DomainAsked {
  std::string name, contract, schedule = "@daily", digest;
  bool force = false;
};

std::string sorted_list(json list) {
  std::sort(list.begin(), list.end());
  return json_text(list);
}

// As the part has it, whatever the order of its list.
std::string right_state(const DomainPart& part, const char* list, const std::string& description,
                        json found, const std::vector<std::string>& users) {
  const auto wanted = parse_untrusted(part.state);
  if (wanted && wanted->is_object() && wanted->contains(list) && (*wanted)[list].is_array() &&
      sorted_list((*wanted)[list]) == sorted_list(found))
    found = (*wanted)[list];
  json state{{"description", description}};
  state[list] = std::move(found);
  if (!users.empty()) state["users"] = users;
  return json_text(state);
}

json grants_list(const Role& role) {
  json out = json::array();
  for (const Grant& grant : role.grants) out.push_back(to_string(grant));
  return out;
}

domains::FindRight right_finder(const Context& context) {
  return [&registry = context.services.registry](const DomainPart& part, bool members) {
    if (part.kind == "role") {
      const auto role = find_role(registry, part.name);
      if (!role) return std::string();
      return right_state(part, "grants", role->description, grants_list(*role), {});
    }
    for (const UserGroup& group : registry.groups()) {
      if (group.name != part.name) continue;
      return right_state(part, "roles", group.description, group.roles,
                         members ? group.users : std::vector<std::string>{});
    }
    return std::string();
  };
}

domains::FindBundle bundle_finder(const Context& context) {
  return [bag = context.services.backend.dags()](const std::string& dag_id) {
    const auto dag = bag->dags.find(dag_id);
    return dag == bag->dags.end() ? std::string()
                                  : std::string(split_bundle_file(dag->second->file).bundle);
  };
}

// Of a bundle that a setting names, its repository says what is in it.
Status check_bundle_is_free(const Context& context, const std::string& name) {
  if (context.services.bundles == nullptr) return success();
  for (const BundleView& one : context.services.bundles->list()) {
    if (one.name == name)
      return {Errc::conflict,
              "the bundle " + name + " is one of the settings: a domain has its own"};
  }
  return success();
}

std::vector<std::string> texts_of(const json& record, const char* name) {
  std::vector<std::string> out;
  const auto list = record.find(name);
  if (list == record.end() || !list->is_array()) return out;
  for (const json& one : *list)
    if (one.is_string()) out.push_back(one.get<std::string>());
  return out;
}

// The tables whose contracts the domain has: contracts/<domain>/<table>.odcs.yaml.
std::vector<std::string> contract_files(const json& record) {
  std::vector<std::string> out;
  const auto files = record.find("file");
  if (files == record.end() || !files->is_object()) return out;
  for (const auto& [file, state] : files->items())
    if (file.starts_with("contracts/") && file.ends_with(".odcs.yaml")) out.push_back(file);
  return out;
}

json domain_head(const std::string& name, const json& record) {
  json tables = json::array();
  for (const std::string& file : contract_files(record)) {
    const auto from = file.rfind('/') + 1;
    tables.push_back(file.substr(from, file.rfind(".odcs.yaml") - from));
  }
  const auto schedule = record.find("schedule");
  return {
      {"domain", name},
      {"dag_ids", texts_of(record, "dag_ids")},
      {"tables", std::move(tables)},
      {"schedule", schedule != record.end() && schedule->is_string() ? *schedule : json(nullptr)},
      {"unfinished", record.contains("before")},
      {"problem", nullptr}};
}

json domain_problem_json(const contract::ContractProblem& problem) {
  return {{"line", problem.line},
          {"column", problem.column},
          {"pointer", problem.pointer},
          {"message", problem.message}};
}

json plan_answer(const std::string& name, const DomainPlan& plan, bool done) {
  json out = domains::plan_json(name, plan);
  out["errors"] = json::array();
  out["done"] = done;
  return out;
}

// What is wrong with the contract, as error_response() has one problem.
Response refused_contract(const std::vector<contract::ContractProblem>& problems) {
  json detail = json::array();
  for (const auto& problem : problems)
    detail.push_back({{"type", "value_error"},
                      {"loc", {"body", contract_field}},
                      {"msg", problem.text()},
                      {"ctx", domain_problem_json(problem)}});
  return json_response({{"detail", std::move(detail)}}, 422);
}

Result<DomainAsked> domain_asked(const Request& request) {
  const auto body = body_object(request);
  if (!body) return body.error();
  BodyReader fields(request, *body);
  DomainAsked asked;
  asked.name = path_param(request, "domain");
  asked.contract = fields.required_text(contract_field, max_contract_text);
  asked.schedule = fields.text("schedule", max_domain_schedule).value_or(asked.schedule);
  if (fields.has("digest")) asked.digest = fields.required_text("digest", plan_digest_length);
  asked.force = fields.boolean("force").value_or(false);
  if (!fields.status()) return fields.status().error();
  return asked;
}

// Somebody's rights beyond the route's: what roles and groups hold is theirs to give.
Status check_may_change(Context& context, const Identity& who, const DomainPlan& plan) {
  for (const DomainStep& step : plan.steps) {
    if (step.action == DomainAction::none || step.part.kind == "file") continue;
    const Action action = step.action == DomainAction::create   ? Action::create
                          : step.action == DomainAction::update ? Action::edit
                                                                : Action::remove;
    if (!may(who, action, "admin:roles"))
      return {Errc::forbidden, "the " + step.part.kind + " " + step.part.name +
                                   " needs the right \"" + std::string(to_string(action)) +
                                   " admin:roles\""};
    if (step.action == DomainAction::remove) continue;
    const auto state = parse_untrusted(step.part.state);
    if (!state) return state.error();
    Status ok = success();
    if (step.part.kind == "role") {
      std::vector<Grant> grants;
      for (const std::string& text : texts_of(*state, "grants"))
        grants.push_back(*parse_grant(text));
      ok = may_give(who, grants);
      const auto kept = find_role(context.services.registry, step.part.name);
      if (ok && kept) ok = may_give(who, kept->grants);
    } else {
      ok = may_give_roles(who, context.services.registry, texts_of(*state, "roles"));
    }
    if (!ok) return ok;
  }
  return success();
}

// On the control thread.
Status carry_out_right(Registry& registry, const DomainStep& step) {
  if (step.action == DomainAction::none || step.part.kind == "file") return success();
  const bool is_role = step.part.kind == "role";
  if (step.action == DomainAction::remove)
    return is_role ? registry.delete_role(step.part.name) : registry.delete_group(step.part.name);
  const auto state = parse_untrusted(step.part.state);
  if (!state) return state.error();
  const bool is_new = step.action == DomainAction::create;
  if (is_role) {
    Role role{step.part.name, state->value("description", ""), {}};
    for (const std::string& text : texts_of(*state, "grants")) {
      auto grant = parse_grant(text);
      if (!grant) return grant.error();
      role.grants.push_back(*std::move(grant));
    }
    return is_new ? registry.add_role(role) : registry.set_role(role);
  }
  UserGroup group{step.part.name, state->value("description", ""), texts_of(*state, "roles"), {}};
  for (const UserGroup& kept : registry.groups())
    if (kept.name == group.name) group.users = kept.users;  // members are nobody's change
  return is_new ? registry.add_group(group) : registry.set_group(group);
}

Status refused_for(const DomainPlan& plan, bool force) {
  if (plan.conflicts.empty() || force) return success();
  std::string text =
      "nothing was done, because of what others made or changed (force does it all the same):";
  for (const auto& conflict : plan.conflicts) text += "\n  " + conflict;
  return {Errc::conflict, text};
}

// By the path of their record, which is one however many serve it.
BusyNames& busy_domains() {
  static BusyNames names;
  return names;
}

Error busy_domain(const std::string& name) {
  return {Errc::conflict, "the domain " + name + " is being changed: wait for that to end", {}};
}

// What is made and taken away, for the event log.
json audit_of_plan(const std::string& name, const DomainPlan& plan, bool force) {
  json steps = json::array();
  for (const DomainStep& step : plan.steps)
    if (step.action != DomainAction::none)
      steps.push_back(std::string(to_string(step.action)) + " " + step.part.kind + " " +
                      step.part.name);
  return {{"domain", name}, {"steps", std::move(steps)}, {"force", force}};
}

// One change under way, from the reader thread that planned it over the control thread, which has
// roles and groups, to a reader thread again for the files.
struct DomainChange {
  std::shared_ptr<void> held;
  DomainPlaces places;
  DomainPlan plan;
  json record;
};

void carry_out_domain(Context& context, const Call& call, const char* event,
                      const DomainAsked& asked, const std::shared_ptr<DomainChange>& change,
                      std::function<Status(DomainChange&)> files) {
  context.change(
      call, event, audit_of_plan(asked.name, change->plan, asked.force),
      [&context, change] {
        for (const DomainStep& step : change->plan.steps)
          if (auto done = carry_out_right(context.services.registry, step); !done) return done;
        return success();
      },
      [&context, call, name = asked.name, change, files = std::move(files)](const Status& kept) {
        if (!kept) return call.respond(error_response(kept.error()));
        context.finish(call, [&context, name, change, files]() -> Result<Response> {
          if (auto done = files(*change); !done) return done.error();
          change->held.reset();
          context.services.read_dags(true);
          return json_response(plan_answer(name, change->plan, true));
        });
      });
}

Status apply_on_reader(Context& context, const Call& call, const DomainAsked& asked) {
  const auto change = std::make_shared<DomainChange>();
  const auto places = domains::places_of(context.services.home, asked.name);
  if (!places) return places.error();
  change->places = *places;
  change->held = busy_domains().take(change->places.record);
  if (!change->held) return busy_domain(asked.name);
  if (auto free = check_bundle_is_free(context, asked.name); !free) return free;
  auto reading = domains::read_domain(asked.name, asked.contract, asked.schedule, contract_field);
  if (!reading.domain) {
    call.respond(refused_contract(reading.problems));
    return success();
  }
  auto record = domains::read_record(*places);
  if (!record) return record.error();
  auto plan = domains::plan_to_have(*places, *reading.domain, *record, right_finder(context),
                                    bundle_finder(context));
  if (!plan) return plan.error();
  if (!asked.digest.empty() && domains::plan_json(asked.name, *plan)["digest"] != asked.digest)
    return {Errc::conflict,
            "something else would be done now than when the plan was made: look at "
            "the plan again"};
  if (auto may_be = refused_for(*plan, asked.force); !may_be) return may_be;
  if (auto may_be = check_may_change(context, call.request->identity, *plan); !may_be)
    return may_be;
  const auto bag = context.services.backend.dags();
  if (record->empty() && bag->bundles.size() >= max_bundles)
    return {Errc::conflict, "there are " + std::to_string(max_bundles) +
                                " bundles of DAGs already, the most that one server has"};
  if (plan->changes() == 0 && !record->contains("before")) {
    call.respond(json_response(plan_answer(asked.name, *plan, true)));
    return success();
  }
  change->plan = *std::move(plan);
  change->record = *std::move(record);
  if (auto begun = domains::begin_apply(*places, *reading.domain, asked.schedule, change->plan,
                                        change->record);
      !begun)
    return begun;
  carry_out_domain(context, call, "apply_domain", asked, change, [](DomainChange& what) -> Status {
    if (auto made = domains::carry_out_files(what.places, what.plan); !made) return made;
    return domains::end_apply(what.places, what.plan, what.record);
  });
  return success();
}

// A domain that was made, and what taking it away would do.
Result<std::shared_ptr<DomainChange>> removal_of(const Context& context, const std::string& name) {
  const auto change = std::make_shared<DomainChange>();
  const auto places = domains::places_of(context.services.home, name);
  if (!places) return places.error();
  change->places = *places;
  auto record = domains::read_record(*places);
  if (!record) return record.error();
  if (record->empty())
    return {Errc::not_found, "no domain " + name + " was made here (batuta domain apply)"};
  change->record = *std::move(record);
  auto plan = domains::plan_to_remove(*places, change->record, right_finder(context));
  if (!plan) return plan.error();
  change->plan = *std::move(plan);
  return change;
}

Status destroy_on_reader(Context& context, const Call& call, const DomainAsked& asked) {
  const auto places = domains::places_of(context.services.home, asked.name);
  if (!places) return places.error();
  const auto held = busy_domains().take(places->record);
  if (!held) return busy_domain(asked.name);
  const auto found = removal_of(context, asked.name);
  if (!found) return found.error();
  const auto& change = *found;
  change->held = held;
  if (!asked.digest.empty() &&
      domains::plan_json(asked.name, change->plan)["digest"] != asked.digest)
    return {Errc::conflict,
            "something else would be done now than when the plan was made: look at "
            "the plan again"};
  if (auto may_be = refused_for(change->plan, asked.force); !may_be) return may_be;
  if (auto may_be = check_may_change(context, call.request->identity, change->plan); !may_be)
    return may_be;
  carry_out_domain(context, call, "destroy_domain", asked, change, [](DomainChange& what) {
    return domains::remove_domain(what.places, what.plan);
  });
  return success();
}

}  // namespace

Result<Response> list_domains(Context& context, const Request& request) {
  QueryReader query(request);
  const Page page = query.page();
  if (!query.status()) return query.status().error();
  // No more than there may be bundles, each of which is one.
  const auto names = domains::recorded_domains(context.services.home, max_bundles);
  if (!names) return names.error();
  return json_response(page_of("domains", page, names->size(), [&](std::size_t i) {
    const auto places = domains::places_of(context.services.home, (*names)[i]);
    const auto record = domains::read_record(*places);
    json out = domain_head((*names)[i], record ? *record : json::object());
    if (!record) out["problem"] = record.error().message;
    return out;
  }));
}

Result<Response> get_domain(Context& context, const Request& request) {
  const std::string& name = path_param(request, "domain");
  const auto found = removal_of(context, name);
  if (!found) return found.error();
  const DomainChange& change = **found;
  json out = domain_head(name, change.record);
  out[contract_field] = nullptr;
  for (const std::string& file : contract_files(change.record)) {  // the same in each
    const auto text = read_below(change.places.bundle, file, max_contract_text);
    if (!text) continue;
    out[contract_field] = *text;
    break;
  }
  out["removal"] = plan_answer(name, change.plan, false);
  return json_response(out);
}

Result<Response> plan_domain(Context& context, const Request& request) {
  const auto asked = domain_asked(request);
  if (!asked) return asked.error();
  const auto places = domains::places_of(context.services.home, asked->name);
  if (!places) return places.error();
  if (auto free = check_bundle_is_free(context, asked->name); !free) return free.error();
  const auto reading =
      domains::read_domain(asked->name, asked->contract, asked->schedule, contract_field);
  if (!reading.domain) {
    json out = plan_answer(asked->name, DomainPlan{}, false);
    for (const auto& problem : reading.problems)
      out["errors"].push_back(domain_problem_json(problem));
    return json_response(out);
  }
  const auto record = domains::read_record(*places);
  if (!record) return record.error();
  const auto plan = domains::plan_to_have(*places, *reading.domain, *record, right_finder(context),
                                          bundle_finder(context));
  if (!plan) return plan.error();
  return json_response(plan_answer(asked->name, *plan, false));
}

void apply_domain(Context& context, Call call) {
  const auto asked = domain_asked(*call.request);
  if (!asked) return call.respond(error_response(asked.error()));
  context.work(call,
               [&context, call, asked = *asked] { return apply_on_reader(context, call, asked); });
}

void destroy_domain(Context& context, Call call) {
  QueryReader query(*call.request);
  DomainAsked asked;
  asked.name = path_param(*call.request, "domain");
  asked.force = query.boolean("force").value_or(false);
  asked.digest = query.text("digest").value_or("");
  if (!query.status()) return call.respond(error_response(query.status().error()));
  context.work(call, [&context, call, asked] { return destroy_on_reader(context, call, asked); });
}

}  // namespace batuta::http
