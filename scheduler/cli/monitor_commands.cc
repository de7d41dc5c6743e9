// monitors list, alerts, show, ack, close, run, validate. What they read and write are tables of
// the lake, by one call of the plugin lake_monitors in a slot of its own; a run is the server's
// where one is there.
#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "monitor/definition.h"
#include "scheduler/api/cost_facts.h"
#include "scheduler/api/lake_facts.h"
#include "scheduler/cli/follow.h"
#include "scheduler/cli/lake_access.h"
#include "scheduler/store/backend.h"
#include "scheduler/store/home_lock.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* monitors_dag_path = "/api/v2/dags/lake_monitors";

struct MonitorArguments {
  std::string folder, plugins, state = "open", note;
  std::vector<std::string> files;
  std::int64_t alert = 0, limit = 100;
  bool dry_run = false;
};

JsonLimits answer_limits() {
  JsonLimits limits;
  limits.bytes = std::size_t{64} << 20;
  limits.tokens = 10'000'000;
  return limits;
}

json call_monitors(Session& session, const MonitorArguments& a, const json& params) {
  SlotRun run = lake_slot(session, "lake_monitors", a.plugins);
  run.params_json = json_text(params);
  const auto done = run_in_slot(run);
  if (!done)
    throw Failure(done.error().message, done.error().message == interrupted ? interrupted_code : 1);
  return value_of(parse_untrusted(*done, answer_limits()));
}

std::string who_asks() {
  const passwd* user = ::getpwuid(::geteuid());
  return user != nullptr ? user->pw_name : std::to_string(::geteuid());
}

const std::vector<Column> alert_columns{{"alert", "alert_id"},    {"state", "state"},
                                        {"severity", "severity"}, {"monitor", "monitor_id"},
                                        {"target", "target"},     {"opened", "opened_at"},
                                        {"message", "message"}};

// ---- files
// ---------------------------------------------------------------------------------------

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw Failure("cannot read " + path.string(), 1);
  // One byte more than is allowed is enough to be refused.
  std::string text(monitor::max_file_bytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::vector<fs::path> files_of(const std::string& place) {
  if (!fs::is_directory(place)) return {place};
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(place))
    if (entry.is_regular_file() && entry.path().extension() == ".json") out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  if (out.empty()) throw Failure("no monitors in " + place + ": they are called <domain>.json", 1);
  return out;
}

// Says on standard error what is wrong with it.
monitor::MonitorFile parsed_file(const fs::path& path, const std::string& text) {
  auto read = monitor::parse_monitors(path.stem().string(), text);
  for (const std::string& problem : read.problems)
    std::fprintf(stderr, "%s %s\n", path.string().c_str(), shown_text(problem).c_str());
  return read;
}

void validate_monitors(Session& session, const MonitorArguments& a) {
  json rows = json::array();
  bool good = true;
  for (const std::string& place : a.files) {
    for (const fs::path& path : files_of(place)) {
      const auto read = parsed_file(path, read_file(path));
      good = good && read.problems.empty();
      if (!read.problems.empty()) continue;
      for (const auto& one : read.monitors) {
        rows.push_back({{"monitor", one.id},
                        {"kind", std::string(to_string(one.kind))},
                        {"target", one.target()},
                        {"severity", std::string(to_string(one.severity))}});
      }
    }
  }
  print_rows(
      session.format(), rows,
      {{"monitor", "monitor"}, {"kind", "kind"}, {"target", "target"}, {"severity", "severity"}});
  session.exit_code = good ? 0 : 1;
}

json monitors_in(const std::string& folder) {
  json out = json::object();
  bool good = true;
  for (const fs::path& path : files_of(folder)) {
    const std::string text = read_file(path);
    good = parsed_file(path, text).problems.empty() && good;
    if (auto file = parse_untrusted(text)) out[path.stem().string()] = *std::move(file);
  }
  if (!good) throw Failure("nothing was judged: mend these first", 1);
  return out;
}

// ---- run
// -----------------------------------------------------------------------------------------

void print_evaluated(Session& session, const json& told) {
  if (session.format().data()) return print_object(session.format(), told);
  const auto count = [&](const char* name) {
    return static_cast<long long>(json_int(told.value(name, json(0))).value_or(0));
  };
  std::printf("%lld monitors: %lld well, %lld unwell, %lld unknown; %lld %s open\n",
              count("monitors"), count("well"), count("unwell"), count("unknown"), count("open"),
              count("open") == 1 ? "alert is" : "alerts are");
  for (const char* what : {"opened", "closed"}) {
    for (const json& alert : told.value(what, json::array())) {
      std::printf(
          "%s alert %s, %s: %s\n", what, cell_text(alert["alert_id"]).c_str(),
          cell_text(alert["monitor_id"]).c_str(),
          cell_text(alert[std::string_view(what) == "opened" ? "message" : "close_note"]).c_str());
    }
  }
  for (const json& one : told.value("results", json::array())) {
    if (one["status"] != "well")
      std::printf("%s is %s: %s\n", cell_text(one["monitor_id"]).c_str(),
                  cell_text(one["status"]).c_str(), cell_text(one["message"]).c_str());
  }
}

// The DAG's own run, which judges what lies beside its DAG folders.
void run_on_server(Session& session) {
  const Client client = session.client();
  if (client.look_up(monitors_dag_path).is_null()) {
    throw Failure(
        "the server has no monitors: put monitors/<domain>.json beside its DAG folder, or name a "
        "folder here with --monitors (docs/monitors.md)",
        1);
  }
  const json run = client.call("POST", std::string(monitors_dag_path) + "/dagRuns",
                               {{"logical_date", nullptr}, {"conf", json::object()}});
  const std::string id = run["dag_run_id"].get<std::string>();
  if (follow_run(client, "lake_monitors", id, false) != "success") {
    session.exit_code = 1;
    return;
  }
  const json value = client.get(std::string(monitors_dag_path) + "/dagRuns/" + percent_encoded(id) +
                                "/taskInstances/evaluate/xcomEntries/return_value")["value"];
  print_evaluated(session, value.is_string() ? value_of(parse_untrusted(value.get<std::string>(),
                                                                        answer_limits()))
                                             : value);
}

// What the store tells, when no server holds it; null without one.
json facts_of(const Session& session, const std::string& monitors_json) {
  const auto asked = http::facts_asked(monitors_json);
  if (asked.none() || !fs::exists(session.home + "/batuta.db")) return nullptr;
  if (Client::server_is_running(session.home)) {
    std::fprintf(
        stderr,
        "batuta: a server runs: quality, failures, lag and cost are judged by its own run only\n");
    return nullptr;
  }
  const auto lock = HomeLock::acquire(session.home);
  if (!lock) throw Failure(lock.error().message, 1);
  const auto history = open_history("sqlite:" + session.home + "/batuta.db");
  const auto dag_of = [&history](const std::string& id) { return http::stored_dag(*history, id); };
  std::vector<http::CostTold> costs;
  if (!asked.costs.empty()) {
    const LakeSettings settings = value_of(session.processes->lake_settings(session.home));
    const stores::Lake lake = settings.store ? *settings.store : stores::Lake(lake_folder(session));
    const std::atomic<bool> stopping{false};
    costs = http::CostFacts(lake).read(*history, asked.costs, read_clock().wall, stopping);
  }
  return value_of(
      parse_untrusted(http::lake_facts(*history, asked, dag_of, {}, costs), answer_limits()));
}

void run_monitors(Session& session, const MonitorArguments& a) {
  if (a.folder.empty() && !a.dry_run && Client::server_is_running(session.home))
    return run_on_server(session);
  const json monitors = monitors_in(a.folder.empty() ? "monitors" : a.folder);
  json params{
      {"operation", "evaluate"}, {"monitors", monitors}, {"dry_run", a.dry_run}, {"details", true}};
  if (json facts = facts_of(session, json_text(monitors)); !facts.is_null())
    params["platform"] = std::move(facts);
  print_evaluated(session, call_monitors(session, a, params));
}

// ---- alerts
// --------------------------------------------------------------------------------------

void list_monitors(Session& session, const MonitorArguments& a) {
  const json told = call_monitors(session, a, {{"operation", "list"}});
  std::map<std::string, json> open;
  for (const json& alert : told["alerts"])
    open[alert["monitor_id"].get<std::string>()] = alert["alert_id"];
  json rows = told["monitors"];
  for (json& row : rows) {
    const auto found = open.find(row["monitor_id"].get<std::string>());
    row["alert_id"] = found == open.end() ? json(nullptr) : found->second;
  }
  print_rows(session.format(), rows,
             {{"monitor", "monitor_id"},
              {"kind", "kind"},
              {"target", "target"},
              {"status", "status"},
              {"alert", "alert_id"},
              {"evaluated", "evaluated_at"},
              {"message", "message"}});
}

void list_alerts(Session& session, const MonitorArguments& a) {
  const json told =
      call_monitors(session, a, {{"operation", "alerts"}, {"state", a.state}, {"limit", a.limit}});
  print_rows(session.format(), told["alerts"], alert_columns);
}

void show_alert(Session& session, const MonitorArguments& a) {
  const json told = call_monitors(session, a, {{"operation", "show"}, {"alert", a.alert}});
  if (session.format().data()) return print_object(session.format(), told);
  print_object(session.format(), told["alert"]);
  std::printf("\n");
  print_rows(session.format(), told["results"],
             {{"evaluated", "evaluated_at"}, {"status", "status"}, {"message", "message"}});
}

void say_of_alert(Session& session, const MonitorArguments& a, const char* operation) {
  const json told = call_monitors(
      session, a,
      {{"operation", operation}, {"alert", a.alert}, {"by", who_asks()}, {"note", a.note}});
  print_object(session.format(), told["alert"]);
}

}  // namespace

void add_monitor_commands(CLI::App& app, Session& session) {
  CLI::App* monitors =
      app.add_subcommand("monitors", "What is expected of tables and tasks, and its alerts");
  monitors->require_subcommand(1);
  auto a = std::make_shared<MonitorArguments>();
  const auto verb = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* command = add_verb(*monitors, session, name, help, std::move(action));
    command->add_option("--plugins", a->plugins, "folder of plugins");
    return command;
  };
  verb("list", "Every monitor as it was judged last, with its open alert",
       [&session, a] { list_monitors(session, *a); });
  CLI::App* alerts =
      verb("alerts", "Alerts, newest first", [&session, a] { list_alerts(session, *a); });
  alerts->add_option("--state", a->state)
      ->check(CLI::IsMember({"open", "closed", "all"}))
      ->capture_default_str();
  alerts->add_option("--limit", a->limit)->check(whole_number(1, 1000))->capture_default_str();
  const auto on_alert = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* command = verb(name, help, std::move(action));
    command->add_option("alert", a->alert, "its number")->required()->check(whole_number(1));
    return command;
  };
  on_alert("show", "One alert, and what its monitor found last",
           [&session, a] { show_alert(session, *a); });
  CLI::App* ack =
      on_alert("ack", "Says that somebody looks after it; it stays open until it is well",
               [&session, a] { say_of_alert(session, *a, "ack"); });
  CLI::App* close =
      on_alert("close", "Closes it; one that is still unwell opens again with the next evaluation",
               [&session, a] { say_of_alert(session, *a, "close"); });
  for (CLI::App* command : {ack, close}) command->add_option("--note", a->note, "why");
  CLI::App* run = verb("run", "Judges all monitors now: the server's, or a folder of them",
                       [&session, a] { run_monitors(session, *a); });
  run->add_option("--monitors", a->folder, "folder of monitors (without a server: ./monitors)");
  run->add_flag("--dry-run", a->dry_run, "only tell what is found, of a folder");
  CLI::App* validate =
      add_verb(*monitors, session, "validate", "Whether files of monitors are right",
               [&session, a] { validate_monitors(session, *a); });
  validate->add_option("files", a->files, "files, or folders of them")->required();
}

}  // namespace batuta::cli
