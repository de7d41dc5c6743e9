#include "tests/api/fake_services.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/api/sign_on.h"
#include "scheduler/http/target.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

RunRow run_row(std::int64_t seq, const std::string& id, DagRunState state) {
  RunRow run;
  run.seq = RunSeq{seq};
  run.uuid.bytes[15] = static_cast<std::uint8_t>(seq);
  run.dag_id = "demo";
  run.dag_run_id = id;
  run.dag_version = demo_dag()->version;
  run.state = state;
  run.run_after = run.queued_at = *parse_iso("2026-11-20T10:00:00Z");
  run.start_date = run.queued_at;
  if (is_terminal(state)) run.end_date = *run.start_date + std::chrono::milliseconds(1500);
  run.conf_json = R"({"n":3})";
  run.triggered_by = "rest_api";
  return run;
}

TaskInstanceView view_row(const RunRow& run, TaskIndex index, TaskState state,
                          std::int32_t try_number) {
  TaskInstanceView view;
  view.row.run = run.seq;
  view.row.task = index;
  view.row.state = state;
  view.row.try_number = try_number;
  view.row.max_tries = 2;
  view.row.start_date = run.start_date;
  if (is_terminal(state)) view.row.end_date = run.end_date;
  view.dag_id = run.dag_id;
  view.dag_run_id = run.dag_run_id;
  view.task_id = demo_dag()->tasks[index].id;
  view.run_uuid = to_string(run.uuid);
  view.run_after = run.run_after;
  view.dag_version = run.dag_version;
  return view;
}

}  // namespace

void FakeBackend::request(Event event, std::function<void(Reply)> done) {
  events.push_back(event);
  done(answer(events.back()));
}

TestApi::TestApi(Bundles* bundles, SignOn* sign_on, bool local_login) : hub(thread.io, {}) {
  char folder[] = "/tmp/batuta-http-XXXXXX";
  BATUTA_CHECK(::mkdtemp(folder) != nullptr);
  home = folder;
  history.registry = &registry;
  history.dag_rows.push_back({"demo", false, false, demo_dag()->version, std::nullopt, 0});
  history.run_rows.push_back(run_row(2, "live", DagRunState::running));
  history.run_rows.push_back(run_row(1, "done", DagRunState::success));
  for (const auto& run : history.run_rows) {
    const bool done = run.dag_run_id == "done";
    history.views.push_back(
        view_row(run, 0, done ? TaskState::success : TaskState::publishing, done ? 2 : 1));
    history.views.push_back(view_row(run, 1, done ? TaskState::success : TaskState::none, done));
    if (done) history.older_tries.push_back(view_row(run, 0, TaskState::failed, 1));
  }
  BackfillRow backfill;
  backfill.id = 1;
  backfill.dag_id = "demo";
  backfill.ticks = 3;
  backfill.user = "ana";
  history.backfill_rows.push_back(backfill);
  history.xcom_rows.push_back({RunSeq{1}, 0, unmapped, "return_value", R"({"records":42})", now});
  backend.bag->dags["demo"] = demo_dag();
  backend.bag->parsed_at["demo"] = now;
  backend.bag->import_errors.push_back({3, now, "broken.json", "broken.json:1:1: not JSON"});
  backend.bag->warnings.push_back({now, "demo", "unknown plugin", "no worker offers it"});
  backend.view.pools.push_back({{"default_pool", 128, ""}, 3, 1, 2, 4, 125});
  ApiServices services{backend, history, registry, codes, hub};
  services.sign_on = sign_on;
  services.local_login = local_login;
  if (sign_on != nullptr) services.base_url = sign_on->page();
  services.settings = [this] { return settings; };
  services.reload_settings = [](const std::string& owner) -> Result<SettingsReload> {
    return SettingsReload{{{"retention_days", "90", "7"}}, {{"by " + owner, "1", "2"}}};
  };
  services.home = home;
  services.version = "9.9.9";
  services.clock = [this] { return Now{now, {}}; };
  services.ready = [this] { return ready; };
  services.outbox_retry = [this](std::int64_t id, std::function<void(Status)> done) {
    outbox_calls.push_back("retry " + std::to_string(id));
    done(success());
  };
  services.outbox_drop = [](std::int64_t, std::function<void(Status)> done) {
    done({Errc::not_found, "no such row"});
  };
  services.user_changed = [this](const std::string& user, bool other_password) {
    user_changes.push_back(user + (other_password ? " password" : " role"));
  };
  services.read_dags = [this](bool at_once) { folder_reads.push_back(at_once); };
  services.drain_worker = [this](const std::string& agent, bool on) -> Status {
    if (agent != "a") return {Errc::not_found, "it is not connected"};
    drains.push_back((on ? "drain " : "resume ") + agent);
    return success();
  };
  services.plugin_faults = [this] { return plugin_faults; };
  services.damage = [this] { return damage; };
  services.fetch_file = [this](const std::string& agent, const std::string& path,
                               std::int64_t offset, std::int64_t size) -> Result<FileChunk> {
    if (agent != "far-away" || !path.starts_with("logs/") || remote_log.empty()) {
      return {Errc::not_found, "not found"};
    }
    const auto from = std::min(static_cast<std::size_t>(offset), remote_log.size());
    const auto whole = static_cast<std::int64_t>(remote_log.size());
    return FileChunk{0, remote_log.substr(from, static_cast<std::size_t>(size)), whole, {}};
  };
  write_orders(home);
  services.lake = home + "/lake";
  services.branch_made = [this] { ++branches_made; };
  add_lake(services);
  services.backup = [](const std::string&) { return success(); };
  services.keep_house = [this](auto job) { keep_house = std::move(job); };
  services.find_asset = [](std::string_view path) -> const Asset* {
    static const Asset index{"text/html; charset=utf-8", "<!doctype html>", "\"i1\""};
    static const Asset packed{"text/html; charset=utf-8", "packed", "\"i1-packed\""};
    static const Asset script{"text/javascript", "let a;", "\"s1\""};
    static const Asset smallest{"text/javascript", "br", "\"s1-br\""};
    if (path == "/index.html.gz") return &packed;
    if (path == "/a/1f/app.js") return &script;
    if (path == "/a/1f/app.js.br") return &smallest;
    return path == "/" || path == "/index.html" ? &index : nullptr;
  };
  services.bundles = bundles;
  services.secrets = &secrets;
  services.try_connection = [this](const Connection& connection, const auto& more, const auto&) {
    tried.push_back(connection);
    tried_secrets = more;
    return trial;
  };
  handler = make_api(thread.io, std::move(services));
}

TestApi::~TestApi() {
  thread.stop();
  std::error_code ignored;
  std::filesystem::remove_all(home, ignored);
}

Response TestApi::call(Method method, const std::string& target, const std::string& body,
                       const std::string& role, const Extra& extra) {
  auto answer = send(method, target, body, role, extra);
  BATUTA_CHECK(answer.wait_for(std::chrono::seconds(20)) == std::future_status::ready,
               "no answer to " + target);
  return answer.get();
}

std::future<Response> TestApi::send(Method method, const std::string& target,
                                    const std::string& body, const std::string& role,
                                    const Extra& extra) {
  auto promise = std::make_shared<std::promise<Response>>();
  auto answer = promise->get_future();
  auto parsed = parse_target(target);
  if (!parsed) {
    Response refused;
    refused.status = 400;
    promise->set_value(std::move(refused));
    return answer;
  }
  auto request = std::make_shared<Request>();
  request->method = method;
  request->path = parsed->path;
  request->query = parsed->query;
  request->body = body;
  request->peer = extra.peer;
  request->headers["host"] = "localhost:8080";
  if (!body.empty()) request->headers["content-type"] = "application/json";
  if (!role.empty()) request->headers["authorization"] = "Bearer " + role + "-token";
  for (const auto& [name, value] : extra.headers) request->headers[name] = value;
  // On the io thread, as a session would.
  boost::asio::post(thread.io, [this, request, promise] {
    handler(request, [promise](Response r) { promise->set_value(std::move(r)); });
  });
  return answer;
}

nlohmann::json body_of(const Response& response) {
  auto value = parse_untrusted(response.body);
  return value ? *value : nlohmann::json(nullptr);
}

nlohmann::json TestApi::get(const std::string& target) {
  return body_of(call(Method::get, target));
}

}  // namespace batuta::http
