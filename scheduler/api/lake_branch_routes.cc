// Branches of the lake: made, listed, looked at and dropped. What is done on one are runs.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "lakelog/branch.h"
#include "lakelog/log_folder.h"
#include "scheduler/api/auth.h"
#include "scheduler/api/bulk.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/lake_branches.h"
#include "scheduler/api/lake_catalogue.h"
#include "scheduler/api/params.h"
#include "scheduler/api/routes.h"

namespace batuta::http {

using nlohmann::json;

Result<std::shared_ptr<lakelog::Storage>> branching_lake(Context& context) {
  const auto& lake = context.services.lake;
  if (!lake) return {Errc::not_found, "this installation has no lake"};
  return lake->storage();
}

Result<std::string> asked_branch(Context& context, const std::string& name) {
  const auto lake = branching_lake(context);
  if (!lake) return lake.error();
  const auto branch = lakelog::find_branch(**lake, name);
  if (!branch && branch.error().code == Errc::not_found)
    return {Errc::invalid,
            branch.error().message + "; `batuta lake branch list` says which there are", "/branch"};
  if (!branch) return branch.error();
  return branch->ref();
}

std::string going_on_branch(Context& context, const std::string& branch) {
  RunQuery query;
  query.states = {DagRunState::queued, DagRunState::running};
  query.filters.push_back({"branch", Filter::Op::any, {branch}});
  query.page.limit = 1;
  const auto runs = context.services.history.runs(query);
  if (!runs.rows.empty())
    return "run " + runs.rows.front().dag_id + " " + runs.rows.front().dag_run_id;
  BackfillQuery unfinished;
  unfinished.unfinished = true;
  unfinished.page.limit = max_page;
  for (;; unfinished.page.offset += unfinished.page.limit) {
    const auto found = context.services.history.backfills(unfinished);
    for (const BackfillRow& row : found.rows)
      if (lakelog::branch_name_of(row.branch) == branch)
        return "backfill " + std::to_string(row.id) + " of " + row.dag_id;
    if (found.rows.empty() || unfinished.page.offset + std::ssize(found.rows) >= found.total)
      return {};
  }
}

namespace {

json branch_row(const lakelog::Branch& branch) {
  return {{"name", branch.name},
          {"created_by", branch.created_by},
          {"created_at", to_iso(Time(std::chrono::milliseconds(branch.created_ms)))},
          {"note", text_or_null(branch.note)},
          {"is_dropping", branch.dropping}};
}

// A table of the branch beside the lake's.
json branch_table_row(lakelog::Storage& lake, const lakelog::BranchTable& table) {
  const auto listing = lakelog::LogFolder(lake, table.table).list();
  const std::int64_t now = listing ? lakelog::newest_version(*listing) : -1;
  const auto or_null = [](std::int64_t version) { return version < 0 ? json() : json(version); };
  return {{"table", table.table},
          {"base_version", or_null(table.base)},
          {"version", table.version},
          {"lake_version", or_null(now)},
          {"has_moved", now != table.base}};
}

// Whoever may edit all of the lake, and who made it.
Status check_may_drop(const Request& request, const lakelog::Branch& branch) {
  if (may(request.identity, Action::edit, "lake:*")) return success();
  if (!request.identity.user.empty() && request.identity.user == branch.created_by)
    return success();
  return Error{Errc::forbidden,
               "the branch " + branch.name + " is " + branch.created_by +
                   "'s: it asks for the right \"edit lake:*\"",
               {}};
}

Result<lakelog::Branch> branch_to_drop(Context& context, const Request& request) {
  const auto lake = branching_lake(context);
  if (!lake) return lake.error();
  const std::string& name = path_param(request, "branch");
  const auto all = lakelog::list_branches(**lake);
  if (!all) return all.error();
  for (const lakelog::Branch& branch : *all) {
    if (branch.name != name) continue;
    if (auto allowed = check_may_drop(request, branch); !allowed) return allowed.error();
    if (const std::string run = going_on_branch(context, name); !run.empty())
      return {Errc::conflict,
              "the " + run + " goes on on the branch " + name + ": cancel it, or wait for its end"};
    return branch;
  }
  return {Errc::not_found, "there is no branch " + name};
}

Result<Response> dropped(Context& context, const lakelog::Branch& branch) {
  const auto lake = branching_lake(context);
  if (!lake) return lake.error();
  if (auto gone = lakelog::drop_branch(**lake, branch.name, branch.id);
      !gone && gone.error().code != Errc::not_found)
    return gone.error();
  if (!context.services.lake->is_folder()) return no_content();
  // Its objects are gone; their folders are nothing to a lake, and litter to people.
  std::error_code ignored;
  std::filesystem::remove_all(
      context.services.lake->folder() + "/" + lakelog::branch_key(branch.ref(), ""), ignored);
  std::filesystem::remove(context.services.lake->folder() + "/_branches/" + branch.name, ignored);
  return no_content();
}

}  // namespace

Result<Response> list_lake_branches(Context& context, const Request&) {
  const auto& given = context.services.lake;
  if (!given) return json_response(collection("branches", json::array(), 0));
  const auto lake = given->storage();
  if (!lake) return lake.error();
  const auto all = lakelog::list_branches(**lake);
  if (!all) return all.error();
  json rows = json::array();
  for (const lakelog::Branch& branch : *all) rows.push_back(branch_row(branch));
  const auto total = static_cast<std::int64_t>(rows.size());
  return json_response(collection("branches", std::move(rows), total));
}

Result<Response> get_lake_branch(Context& context, const Request& request) {
  const auto lake = branching_lake(context);
  if (!lake) return lake.error();
  const auto branch = lakelog::find_branch(**lake, path_param(request, "branch"));
  if (!branch) return Error{Errc::not_found, branch.error().message, {}};
  const auto tables = lakelog::branch_tables(**lake, *branch);
  if (!tables) return tables.error();
  json out = branch_row(*branch);
  out["tables"] = json::array();
  std::int64_t hidden = 0;
  for (const lakelog::BranchTable& table : *tables) {
    const auto name = lake_name(table.table);
    const std::string resource = name ? name->resource() : "lake:*";
    if (may(request.identity, Action::read, resource)) {
      out["tables"].push_back(branch_table_row(**lake, table));
    } else {
      ++hidden;
    }
  }
  out["hidden"] = hidden;
  return json_response(out);
}

void create_lake_branch(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  lakelog::Branch branch;
  branch.name = fields.required_text("name", 64);
  branch.note = fields.text("note", lakelog::max_branch_note).value_or("");
  if (fields.status() && !lakelog::valid_branch_name(branch.name))
    fields.fail("name", "must be 1 to 64 of a-z 0-9 - _, a letter or digit first");
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  branch.created_by = call.request->identity.user;
  branch.created_ms = context.now().time_since_epoch() / std::chrono::milliseconds(1);
  context.work(call, [&context, call, branch]() -> Status {
    if (const auto lake = branching_lake(context); !lake) return lake.error();
    context.change(
        call, "lake_branch_created", {{"branch", branch.name}, {"note", branch.note}},
        [] { return success(); },
        [&context, call, branch](const Status& kept) {
          if (!kept) return call.respond(error_response(kept.error()));
          context.finish(call, [&context, branch]() -> Result<Response> {
            const auto lake = branching_lake(context);
            if (!lake) return lake.error();
            const auto made = lakelog::create_branch(**lake, branch);
            if (!made) return made.error();
            context.services.branch_made();
            return json_response(branch_row(*made), 201);
          });
        });
    return success();
  });
}

void drop_lake_branch(Context& context, Call call) {
  context.work(call, [&context, call]() -> Status {
    const auto branch = branch_to_drop(context, *call.request);
    if (!branch) return branch.error();
    context.change(
        call, "lake_branch_dropped", {{"branch", branch->name}}, [] { return success(); },
        [&context, call, found = *branch](const Status& kept) {
          if (!kept) return call.respond(error_response(kept.error()));
          context.finish(call, [&context, found] { return dropped(context, found); });
        });
    return success();
  });
}

}  // namespace batuta::http
