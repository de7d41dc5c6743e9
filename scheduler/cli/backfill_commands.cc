// backfill create, list, show, wait, pause, unpause, cancel.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/follow.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr Duration pace = std::chrono::milliseconds(500);

struct BackfillArguments {
  std::string dag_id, from, to, conf, branch, reprocess = "none";
  int max_active_runs = 10, limit = 25, offset = 0;
  std::int64_t id = 0;
  bool backwards = false, original_version = false, dry_run = false, wait = false;
  bool unfinished = false, ticks = false;
};

std::string path_of(std::int64_t id, const char* rest = "") {
  return "/api/v2/backfills/" + std::to_string(id) + rest;
}
std::string progress_path(std::int64_t id) {
  return "/api/batuta/backfills/" + std::to_string(id);
}

std::int64_t number_in(const json& object, const char* name) {
  return json_int(object.value(name, json(0))).value_or(0);
}

// "12 success, 1 failed"; empty for none.
std::string by_state(const json& counts) {
  std::string text;
  for (const auto& [name, count] : counts.items()) {
    text += (text.empty() ? "" : ", ") + cell_text(count) + " " + name;
  }
  return text;
}

std::string progress_text(const json& backfill, Duration since) {
  const json& extra = backfill["batuta"];
  const std::string runs = by_state(extra.value("runs", json::object()));
  return "backfill " + cell_text(backfill["id"]) + " of " + cell_text(backfill["dag_id"]) + ": " +
         cell_text(extra["done"]) + "/" + cell_text(extra["ticks"]) + " dates" +
         (runs.empty() ? "" : ", runs: " + runs) +
         (backfill.value("is_paused", false) ? ", paused" : "") + ", " + span_text(since);
}

// Until no run of it is left to end. True if all of its dates were handled and no run failed.
bool follow_backfill(const Client& client, std::int64_t id) {
  const Boot start = read_clock().boot;
  json backfill = client.get(progress_path(id));
  {
    ProgressLine progress;
    while (!backfill["batuta"].value("ended", false)) {
      const Boot asked = read_clock().boot;
      progress.show(progress_text(backfill, asked - start));
      // A slow answer means a busy server: it is asked less often then.
      std::this_thread::sleep_for(std::max(pace, 5 * (read_clock().boot - asked)));
      backfill = client.get(progress_path(id));
    }
  }
  const json& extra = backfill["batuta"];
  const bool cancelled = extra.value("cancelled", false);
  const std::string runs = by_state(extra.value("runs", json::object()));
  std::fprintf(
      stderr, "batuta: backfill %lld of %s %s: %s of %s dates (%s)%s; %s\n",
      static_cast<long long>(id), cell_text(backfill["dag_id"]).c_str(),
      cancelled ? "was cancelled" : "has ended", cell_text(extra["done"]).c_str(),
      cell_text(extra["ticks"]).c_str(), by_state(extra.value("outcomes", json::object())).c_str(),
      runs.empty() ? "" : (", runs: " + runs).c_str(),
      (client.url() + "/#/dags/" + percent_encoded(cell_text(backfill["dag_id"]))).c_str());
  return !cancelled && number_in(extra.value("runs", json::object()), "failed") == 0;
}

json body_of(const BackfillArguments& a) {
  json body{{"dag_id", a.dag_id},
            {"from_date", a.from},
            {"to_date", a.to},
            {"run_backwards", a.backwards},
            {"reprocess_behavior", a.reprocess},
            {"max_active_runs", a.max_active_runs},
            {"run_on_latest_version", !a.original_version}};
  if (!a.branch.empty()) body["branch"] = a.branch;
  if (a.conf.empty()) return body;
  auto conf = parse_untrusted(a.conf);
  if (!conf) throw Failure("--dag-run-conf is no JSON: " + conf.error().message, 2);
  body["dag_run_conf"] = std::move(*conf);
  return body;
}

// Every date of the range, with what would be done.
void show_plan(Session& session, const json& plan) {
  json rows = json::array();
  for (const json& one : plan["backfills"]) {
    rows.push_back({{"logical_date", one["logical_date"]},
                    {"action", one["batuta"]["action"]},
                    {"dag_run_id", one["batuta"]["dag_run_id"]}});
  }
  for (const json& one : plan["batuta"]["left_alone"]) {
    rows.push_back({{"logical_date", one["logical_date"]},
                    {"action", "none: " + cell_text(one["reason"])},
                    {"dag_run_id", one["dag_run_id"]}});
  }
  print_rows(session.format(), rows,
             {{"logical date", "logical_date"}, {"action", "action"}, {"run_id", "dag_run_id"}});
}

void create(Session& session, const BackfillArguments& a) {
  const Client client = session.client();
  const json body = body_of(a);
  if (a.dry_run) {
    return show_plan(session, client.call("POST", "/api/v2/backfills/dry_run", body));
  }
  const json made = client.call("POST", "/api/v2/backfills", body);
  print_object(session.format(), made);
  std::fflush(stdout);
  if (client.get("/api/v2/dags/" + percent_encoded(a.dag_id)).value("is_paused", false)) {
    std::fprintf(stderr,
                 "batuta: %s is paused: its backfill goes on after `batuta dags unpause %s`\n",
                 a.dag_id.c_str(), a.dag_id.c_str());
  }
  if (!a.wait) return;
  session.exit_code = follow_backfill(client, number_in(made, "id")) ? 0 : 1;
}

void list(Session& session, const BackfillArguments& a) {
  std::string path = "/api/v2/backfills?order_by=-id&limit=" + std::to_string(a.limit) +
                     "&offset=" + std::to_string(a.offset);
  if (!a.dag_id.empty()) path += "&dag_id=" + percent_encoded(a.dag_id);
  if (a.unfinished) path += "&unfinished=true";
  print_page(session.format(), session.client().get(path), "backfills", a.offset,
             {{"id", "id"},
              {"dag_id", "dag_id"},
              {"from", "from_date"},
              {"to", "to_date"},
              {"done", "batuta.done"},
              {"dates", "batuta.ticks"},
              {"paused", "is_paused"},
              {"completed", "completed_at"}});
}

void show(Session& session, const BackfillArguments& a) {
  const Client client = session.client();
  if (!a.ticks) return print_object(session.format(), client.get(progress_path(a.id)));
  print_rows(session.format(), client.all(progress_path(a.id) + "/ticks", "ticks"),
             {{"#", "ordinal"},
              {"logical date", "logical_date"},
              {"outcome", "outcome"},
              {"run_id", "dag_run_id"},
              {"state", "state"}});
}

void add_create(CLI::App& noun, Session& session) {
  auto a = std::make_shared<BackfillArguments>();
  CLI::App* verb = add_verb(noun, session, "create", "Run a DAG for a range of its dates",
                            [&session, a] { create(session, *a); });
  verb->add_option("dag_id,--dag-id", a->dag_id, "the first word, or named as Airflow does")
      ->required();
  verb->add_option("-s,--from-date", a->from, "the first logical date, ISO 8601")->required();
  verb->add_option("-e,--to-date", a->to, "the last one, itself within")->required();
  verb->add_option("--branch", a->branch,
                   "of the lake: each date gets a run there, beside the lake's own");
  verb->add_option("--reprocess-behavior", a->reprocess,
                   "dates that have a run: left alone (none), run again if it failed (failed), "
                   "or if it has ended (completed)")
      ->check(CLI::IsMember({"none", "failed", "completed"}))
      ->capture_default_str();
  verb->add_option("--max-active-runs", a->max_active_runs, "at once, apart from the DAG's limit")
      ->check(whole_number(1, 1000))
      ->capture_default_str();
  verb->add_flag("--run-backwards", a->backwards, "the newest date first");
  verb->add_option("-c,--dag-run-conf", a->conf, "conf of its runs, a JSON object");
  verb->add_flag("--run-on-original-version", a->original_version,
                 "runs that run again keep their DAG version");
  verb->add_flag("-n,--dry-run", a->dry_run, "show what would be done, date by date");
  verb->add_flag("-w,--wait", a->wait, "until it has ended; exit code 1 if a run failed");
}

}  // namespace

void add_backfill_commands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand(
      "backfill", "Runs for a range of the past: create, list, show, wait, pause, unpause, cancel");
  noun->require_subcommand(1);
  add_create(*noun, session);
  auto a = std::make_shared<BackfillArguments>();
  CLI::App* all = add_verb(*noun, session, "list", "Backfills, newest first",
                           [&session, a] { list(session, *a); });
  all->add_option("dag_id,-d,--dag-id", a->dag_id, "default: every DAG");
  all->add_flag("--unfinished", a->unfinished, "only those that are not done");
  all->add_option("--limit", a->limit)->check(whole_number(1, 1000))->capture_default_str();
  all->add_option("--offset", a->offset, "how many to pass over")->check(whole_number(0));
  const auto verb = [&](const char* name, const char* help, std::function<void()> action) {
    CLI::App* added = add_verb(*noun, session, name, help, std::move(action));
    added->add_option("backfill_id", a->id)->required()->check(whole_number(0));
    return added;
  };
  verb("show", "How far it is", [&session, a] {
    show(session, *a);
  })->add_flag("--ticks", a->ticks, "what became of each date, and its run");
  verb("wait", "Until it has ended; exit code 1 if a run failed",
       [&session, a] { session.exit_code = follow_backfill(session.client(), a->id) ? 0 : 1; });
  const auto change = [&](const char* name, const char* help, const char* action) {
    verb(name, help, [&session, a, action] {
      print_object(session.format(), session.client().call("PUT", path_of(a->id, action), nullptr));
    });
  };
  change("pause", "Begin nothing more; what runs goes on", "/pause");
  change("unpause", "Go on", "/unpause");
  change("cancel", "End it: what waits fails, what runs goes on", "/cancel");
}

}  // namespace batuta::cli
