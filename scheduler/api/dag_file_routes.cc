// The file of a DAG as it lies on the disk: read, checked while somebody edits it, and written
// anew, where the setting page.edit_dags lets people do so.
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/bundles.h"
#include "scheduler/api/codecs.h"
#include "scheduler/api/handlers.h"
#include "scheduler/api/params.h"
#include "scheduler/dagfile/dag_parser.h"
#include "scheduler/dagfile/folder.h"
#include "scheduler/dagfile/json_position.h"
#include "scheduler/dagfile/staged_file.h"
#include "scheduler/store/crypto.h"

namespace batuta::http {

using nlohmann::json;

namespace {

constexpr std::size_t max_edited_file = JsonLimits{}.string_bytes;  // of a body's string
constexpr std::size_t max_drawn_tasks = 1000;                       // that a check answers with
constexpr std::size_t max_audited_text = 32 << 10;                  // both texts together
constexpr std::size_t hash_length = 64;

// Where the file of a DAG is.
struct DagFilePlace {
  std::string file;  // with its bundle
  std::string bundle, path, folder, contracts;
  std::string refusal;  // why people may not edit it; empty: they may
};

// Where what is live in the bundle is deployed from; a folder is live as it stands.
BundleView::Kind kind_of_bundle(const Context& context, const BundleStatus& status,
                                const std::string& name) {
  using Kind = BundleView::Kind;
  const Kind unnamed = status.revision.empty() ? Kind::folder : Kind::git;
  if (context.services.bundles == nullptr) return unnamed;
  const auto named = context.services.bundles->list();
  const auto found = std::find_if(named.begin(), named.end(),
                                  [&](const BundleView& one) { return one.name == name; });
  return found == named.end() || found->kind == Kind::folder ? unnamed : found->kind;
}

Result<DagFilePlace> place_of_dag(const Context& context, const std::string& dag_id) {
  const auto bag = context.services.backend.dags();
  const auto dag = bag->dags.find(dag_id);
  if (dag == bag->dags.end())
    return {Errc::not_found, "there is no file that defines the DAG " + dag_id};
  DagFilePlace place;
  place.file = dag->second->file;
  const auto parts = split_bundle_file(place.file);
  place.bundle = parts.bundle;
  place.path = parts.path;
  if (context.setting("page.edit_dags") != "true") {
    place.refusal = "DAG files are not edited here: the setting page.edit_dags is off";
    return place;
  }
  if (place.file.starts_with(built_in_prefix)) {
    place.refusal = "this DAG comes with the server and has no file";
    return place;
  }
  const auto bundle = bag->bundles.find(place.bundle);
  if (bundle == bag->bundles.end() || bundle->second.missing) {
    place.refusal = "the folder of the bundle " + place.bundle + " cannot be opened";
    return place;
  }
  const auto kind = kind_of_bundle(context, bundle->second, place.bundle);
  if (kind == BundleView::Kind::git) {
    place.refusal = "the bundle " + place.bundle +
                    " is deployed from Git: change the file in its repository, and deploy that";
  } else if (kind == BundleView::Kind::store) {
    place.refusal = "the bundle " + place.bundle +
                    " is deployed from an object store: change the file there, and deploy that";
  } else {
    place.folder = bundle->second.folder;
    if (place.bundle == default_bundle) place.contracts = context.setting("contracts");
  }
  return place;
}

// The place of a DAG whose file may be edited.
Result<DagFilePlace> editable_place(const Context& context, const std::string& dag_id) {
  auto place = place_of_dag(context, dag_id);
  if (place && !place->refusal.empty()) return {Errc::conflict, place->refusal};
  return place;
}

Result<std::string> read_place(const DagFilePlace& place) {
  auto text = read_below(place.folder, place.path, max_edited_file);
  if (text) return text;
  if (text.error().code == Errc::too_large) {
    return {Errc::conflict, place.path + " is larger than " +
                                std::to_string(max_edited_file >> 10) +
                                " KiB, the most that is edited here: change it where it lies"};
  }
  return {text.error().code, place.path + ": " + text.error().message, {}};
}

DagFileResult check_text(const DagFilePlace& place, const std::string& dag_id,
                         const std::string& text, const std::vector<PluginInfo>& catalogue) {
  auto result = parse_dag_file(text, place.file, place.folder, catalogue, place.contracts);
  if (result.dag && result.dag->id != dag_id) {
    const TextPosition at = locate_json(text, "/dag_id");
    result.problems.push_back({place.file, at.line, at.column, "/dag_id",
                               "must stay " + dag_id +
                                   ": with another id it is another DAG, which a file of its own "
                                   "defines"});
    result.dag = nullptr;
  }
  return result;
}

json problem_json(const DagFileProblem& problem) {
  return {{"line", problem.line},
          {"column", problem.column},
          {"pointer", problem.pointer},
          {"message", problem.message}};
}

json check_json(const DagFileResult& result) {
  json errors = json::array(), warnings = json::array(), tasks = json::array();
  for (const auto& problem : result.problems) errors.push_back(problem_json(problem));
  for (const auto& problem : result.warnings) warnings.push_back(problem_json(problem));
  for (const auto& text : result.unknown_plugins)
    warnings.push_back(problem_json({{}, 0, 0, "", text}));
  const std::size_t count = result.dag ? result.dag->tasks.size() : 0;
  json groups = json::array();
  if (count > 0 && count <= max_drawn_tasks) {
    for (const Task& task : result.dag->tasks) tasks.push_back(task_json(*result.dag, task));
    groups = task_groups_json(*result.dag);
  }
  return {{"errors", std::move(errors)},
          {"warnings", std::move(warnings)},
          {"task_count", count},
          {"tasks", std::move(tasks)},
          {"groups", std::move(groups)}};
}

// As error_response() has one problem, with the place of each in the text.
Response refused_text(const DagFileResult& result) {
  json detail = json::array();
  for (const auto& problem : result.problems) {
    const std::string where = problem.pointer.empty() ? "" : problem.pointer + ": ";
    detail.push_back(
        {{"type", "value_error"},
         {"loc", {"body", "content"}},
         {"msg", "line " + std::to_string(problem.line) + ": " + where + problem.message},
         {"ctx", problem_json(problem)}});
  }
  return json_response({{"detail", std::move(detail)}}, 422);
}

Error changed_meanwhile(const DagFilePlace& place) {
  return {Errc::conflict,
          place.path +
              " was changed by somebody else since it was read: read it again, and make "
              "the change in what it is now",
          {}};
}

// What workers offer, and then `job` on a reader thread.
void with_catalogue(Context& context, const Call& call,
                    std::function<Status(const std::vector<PluginInfo>&)> job) {
  context.services.backend.live(
      [&context, call, job = std::move(job)](const Result<LiveView>& live) {
        const auto catalogue = live ? live->catalogue : std::vector<PluginInfo>{};
        context.work(call, [job, catalogue] { return job(catalogue); });
      });
}

json audit_of_edit(const DagFilePlace& place, const std::string& before, const std::string& after) {
  json extra = {{"file", place.file}, {"before", sha256_hex(before)}, {"after", sha256_hex(after)}};
  // Hashes tell which text it was; larger ones are among the DAG's versions.
  if (before.size() + after.size() <= max_audited_text) {
    extra["before_text"] = before;
    extra["after_text"] = after;
  }
  return extra;
}

struct EditOfFile {
  std::string dag_id, content, hash;
};

Status write_file(Context& context, const Call& call, const EditOfFile& edit,
                  const std::vector<PluginInfo>& catalogue) {
  const auto place = editable_place(context, edit.dag_id);
  if (!place) return place.error();
  const auto before = read_place(*place);
  if (!before) return before.error();
  if (sha256_hex(*before) != edit.hash) return changed_meanwhile(*place);
  const auto checked = check_text(*place, edit.dag_id, edit.content, catalogue);
  if (!checked.dag) {
    call.respond(refused_text(checked));
    return success();
  }
  const json answer = {{"dag_id", edit.dag_id}, {"hash", sha256_hex(edit.content)}};
  if (*before == edit.content) {
    call.respond(json_response(answer));
    return success();
  }
  auto made = StagedFile::stage(place->folder, place->path, edit.content);
  if (!made) return made.error();
  const auto staged = std::make_shared<StagedFile>(std::move(*made));
  context.change(
      call, "edit_dag_file", audit_of_edit(*place, *before, edit.content),
      [staged, before = *before] { return staged->replace(before); },
      [call, answer, place = *place](const Status& done) {
        if (done) return call.respond(json_response(answer));
        const bool changed = done.error().code == Errc::conflict;
        call.respond(error_response(changed ? changed_meanwhile(place) : done.error()));
      },
      edit.dag_id);
  return success();
}

}  // namespace

Result<Response> get_dag_file(Context& context, const Request& request) {
  const std::string& dag_id = path_param(request, "dag_id");
  const auto place = place_of_dag(context, dag_id);
  if (!place) return place.error();
  std::string refusal = place->refusal;
  json content = nullptr, hash = nullptr;
  if (refusal.empty()) {
    if (const auto text = read_place(*place)) {
      content = *text;
      hash = sha256_hex(*text);
    } else {
      refusal = text.error().message;
    }
  }
  return json_response({{"dag_id", dag_id},
                        {"bundle_name", place->bundle},
                        {"relative_fileloc", place->path},
                        {"editable", refusal.empty()},
                        {"reason", text_or_null(refusal)},
                        {"content", std::move(content)},
                        {"hash", std::move(hash)}});
}

void check_dag_file(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  const auto content = fields.required_text("content", max_edited_file);
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  const std::string dag_id = path_param(*call.request, "dag_id");
  with_catalogue(
      context, call, [&context, call, dag_id, content](const std::vector<PluginInfo>& catalogue) {
        const auto place = editable_place(context, dag_id);
        if (!place) return Status(place.error());
        call.respond(json_response(check_json(check_text(*place, dag_id, content, catalogue))));
        return success();
      });
}

void put_dag_file(Context& context, Call call) {
  const auto body = body_object(*call.request);
  if (!body) return call.respond(error_response(body.error()));
  BodyReader fields(*call.request, *body);
  EditOfFile edit;
  edit.dag_id = path_param(*call.request, "dag_id");
  edit.content = fields.required_text("content", max_edited_file);
  edit.hash = fields.required_text("hash", hash_length);
  if (!fields.status()) return call.respond(error_response(fields.status().error()));
  with_catalogue(context, call, [&context, call, edit](const std::vector<PluginInfo>& catalogue) {
    return write_file(context, call, edit, catalogue);
  });
}

}  // namespace batuta::http
