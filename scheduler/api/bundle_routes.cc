// Bundles of DAGs: what there is, what a revision would change, and switching to one.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "scheduler/api/bundles.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_revision = 250;

json revision_json(const BundleRevision& one) {
  return {{"revision", one.revision},
          {"subject", one.subject},
          {"switched_at", to_iso(one.switched_at)},
          {"switched_by", text_or_null(one.switched_by)}};
}

// One that no setting names is of the DAG folder, or dropped in.
json bundle_json(const std::string& name, const BundleStatus& status, const BundleView* named,
                 std::size_t import_errors) {
  json kept = json::array();
  if (named) {
    for (const auto& one : named->kept) kept.push_back(revision_json(one));
  }
  using Kind = BundleView::Kind;
  const Kind kind = named ? named->kind : Kind::folder;
  std::string problem = named ? named->problem : "";
  if (problem.empty() && status.missing) problem = "the folder cannot be opened";
  return {{"name", name},
          {"kind", kind == Kind::git     ? "git"
                   : kind == Kind::store ? "store"
                                         : "folder"},
          {"place", kind == Kind::folder ? status.folder : named->place},
          {"ref", text_or_null(named ? named->ref : "")},
          {"revision", text_or_null(status.revision)},
          {"tip", text_or_null(named ? named->tip : "")},
          {"problem", text_or_null(problem)},
          {"dags", status.dags},
          {"import_errors", import_errors},
          {"revisions", std::move(kept)}};
}

json diff_json(const std::string& name, const BundleDiff& diff) {
  json files = json::array();
  for (const auto& [change, path] : diff.files)
    files.push_back({{"change", change}, {"path", path}});
  return {{"bundle_name", name},     {"from", text_or_null(diff.from)},
          {"to", diff.to},           {"subject", diff.subject},
          {"added", diff.added},     {"changed", diff.changed},
          {"removed", diff.removed}, {"files", std::move(files)},
          {"errors", diff.errors}};
}

json switch_json(const std::string& name, const BundleDiff& diff, bool switched) {
  json out = diff_json(name, diff);
  out["switched"] = switched;
  return out;
}

// The bundles that are there without a setting are folders: that of the DAGs, and those dropped in.
bool is_unnamed_folder(const Context& context, const std::string& name) {
  if (!context.services.backend.dags()->bundles.contains(name)) return false;
  if (context.services.bundles == nullptr) return true;
  const auto named = context.services.bundles->list();
  return std::none_of(named.begin(), named.end(),
                      [&](const BundleView& one) { return one.name == name; });
}

// The io thread goes on; `then` runs on the keeper's.
void with_diff(Context& context, const Call& call, BundleAct act,
               std::function<void(const BundleDiff&)> then) {
  Bundles* bundles = context.services.bundles;
  if (is_unnamed_folder(context, act.name))
    return call.respond(error_response(bundle_is_folder(act.name)));
  if (bundles == nullptr)
    return call.respond(error_response(
        {Errc::not_found, "there is no bundle " + act.name + " (batuta bundles list)", {}}));
  bundles->compare(std::move(act), [call, then = std::move(then)](Result<BundleDiff> diff) {
    if (!diff) return call.respond(error_response(diff.error()));
    then(*diff);
  });
}

void switch_bundle(Context& context, const Call& call, const BundleAct& act, bool allow_errors) {
  with_diff(context, call, act, [&context, call, act, allow_errors](const BundleDiff& diff) {
    if (diff.from == diff.to)
      return call.respond(json_response(switch_json(act.name, diff, false)));
    if (!diff.errors.empty() && !allow_errors) {
      std::string text = "the revision " + diff.to.substr(0, 12) +
                         " is not switched to, because of " + std::to_string(diff.errors.size()) +
                         " import errors (allow_errors takes it all the same):";
      for (const auto& error : diff.errors) text += "\n" + error;
      return call.respond(error_response({Errc::conflict, std::move(text), {}}));
    }
    const json extra = {{"bundle_name", act.name}, {"from", diff.from}, {"to", diff.to}};
    context.change(
        call, act.back ? "rollback_bundle" : "deploy_bundle", extra,
        [&context, act, diff, user = call.request->identity.user] {
          return context.services.bundles->switch_to(act.name, diff, user);
        },
        [call, act, diff](const Status& done) {
          call.respond(done ? json_response(switch_json(act.name, diff, true))
                            : error_response(done.error()));
        });
  });
}

}  // namespace

void list_bundles(Context& context, Call call) {
  context.read(call, [&context, call]() -> Result<Response> {
    QueryReader query(*call.request);
    const Page page = query.page();
    if (!query.status()) return query.status().error();
    const auto bag = context.services.backend.dags();
    std::vector<BundleView> named;
    if (context.services.bundles) named = context.services.bundles->list();
    json rows = json::array();
    for (const auto& [name, status] : bag->bundles) {
      const auto view =
          std::find_if(named.begin(), named.end(),
                       [&, &wanted = name](const auto& v) { return v.name == wanted; });
      const auto errors = std::count_if(bag->import_errors.begin(), bag->import_errors.end(),
                                        [&, &wanted = name](const auto& e) {
                                          return split_bundle_file(e.file).bundle == wanted;
                                        });
      rows.push_back(bundle_json(name, status, view == named.end() ? nullptr : &*view,
                                 static_cast<std::size_t>(errors)));
    }
    return json_response(
        page_of("bundles", page, rows.size(), [&](std::size_t i) { return rows[i]; }));
  });
}

void diff_bundle(Context& context, Call call) {
  QueryReader query(*call.request);
  const auto revision = query.text("revision");
  if (!query.status()) return call.respond(error_response(query.status().error()));
  const std::string name = path_param(*call.request, "bundle_name");
  with_diff(
      context, call, {name, revision.value_or(""), false},
      [call, name](const BundleDiff& diff) { call.respond(json_response(diff_json(name, diff))); });
}

void deploy_bundle(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  const auto revision = fields.text("revision", max_revision).value_or("");
  const bool allow = fields.boolean("allow_errors").value_or(false);
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  switch_bundle(context, call, {path_param(*call.request, "bundle_name"), revision, false}, allow);
}

void roll_back_bundle(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  const auto revision = fields.text("revision", max_revision).value_or("");
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  // What was live once was taken with its errors.
  switch_bundle(context, call, {path_param(*call.request, "bundle_name"), revision, true}, true);
}

}  // namespace batuta::http
