#include <sys/statvfs.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/number_range.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "common/version.h"
#include "scheduler/cli/commands.h"
#include "worker/attempt_group.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

void add_db(CLI::App& app, Session& session) {
  CLI::App* db = app.add_subcommand("db", "The store: backup, check, restore");
  db->require_subcommand(1);
  auto target = std::make_shared<std::string>();
  CLI::App* backup = add_verb(
      *db, session, "backup", "A consistent copy, also while the server runs", [&session, target] {
        if (!Client::server_is_running(session.home)) {
          session.exit_code = session.processes->offline_db(session.home, "backup", *target);
          return;
        }
        if (!target->empty()) {
          throw Failure(
              "a running server writes backups into its home's backups folder; leave the path out",
              2);
        }
        print_object(session.format(),
                     session.client().call("POST", "/api/batuta/db/backup", json::object()));
      });
  backup->add_option("path", *target, "default: <home>/backups/<time>.db");
  add_verb(
      *db, session, "check", "SQLite's own check of the whole file; stop the server first",
      [&session] { session.exit_code = session.processes->offline_db(session.home, "check", ""); });
  CLI::App* restore = add_verb(
      *db, session, "restore",
      "Put a copy in the place of the store; stop the server first. What is there now goes to "
      "<home>/backups/replaced-<time>.db",
      [&session, target] {
        session.exit_code = session.processes->offline_db(session.home, "restore", *target);
      });
  restore->add_option("path", *target, "the copy, from `db backup`")->required();
}

void add_secrets(CLI::App& app, Session& session) {
  CLI::App* secrets = app.add_subcommand("secrets", "The key that secrets are sealed with");
  secrets->require_subcommand(1);
  add_verb(*secrets, session, "rotate-key",
           "Make a new <home>/secret.key and seal all secrets anew with it; stop the server first. "
           "The old key is kept beside it, for backups made before",
           [&session] {
             session.exit_code = session.processes->offline_db(session.home, "rotate-key", "");
           });
}

void add_outbox(CLI::App& app, Session& session) {
  CLI::App* outbox = app.add_subcommand("outbox", "What must still be published or sent");
  outbox->require_subcommand(1);
  auto id = std::make_shared<std::string>();
  add_verb(*outbox, session, "list", "Pending publications, alerts and events, dead ones included",
           [&session] {
             print_rows(session.format(), session.client().all("/api/batuta/outbox", "outbox"),
                        {{"id", "id"},
                         {"kind", "kind"},
                         {"key", "key"},
                         {"tries", "tries"},
                         {"next try", "next_try_at"},
                         {"dead", "dead"},
                         {"last error", "last_error"}});
           });
  CLI::App* retry =
      add_verb(*outbox, session, "retry", "Try a row now; a dead one comes alive", [&session, id] {
        session.client().call("POST", "/api/batuta/outbox/" + percent_encoded(*id) + "/retry",
                              json::object());
      });
  retry->add_option("id", *id)->required();
  CLI::App* drop = add_verb(
      *outbox, session, "drop", "Forget an alert or an event (publications are data: never)",
      [&session, id] {
        session.client().call("POST", "/api/batuta/outbox/" + percent_encoded(*id) + "/drop",
                              json::object());
      });
  drop->add_option("id", *id)->required();
}

struct Filter {
  std::string dag_id, run_id, event, without, owner, after, before;
  int limit = 100, offset = 0;
};

void add_page(CLI::App& verb, Filter& page) {
  verb.add_option("--limit", page.limit)->check(whole_number(1, 1000))->capture_default_str();
  verb.add_option("--offset", page.offset, "how many to pass over")->check(whole_number(0));
}

std::string disk_line(const std::string& home) {
  struct statvfs disk {};
  if (statvfs(home.c_str(), &disk) != 0 || disk.f_blocks == 0) return "unknown";
  const double free_gib = double(disk.f_bavail) * double(disk.f_frsize) / (1 << 30);
  char text[64];
  std::snprintf(text, sizeof text, "%.1f GiB free (%.0f %%)", free_gib,
                100.0 * double(disk.f_bavail) / double(disk.f_blocks));
  return text;
}

// Of the group that we are in, and a worker that is started as we were.
std::string attempt_bounds_line() {
  std::stringstream own;
  own << std::ifstream("/proc/self/cgroup").rdbuf();
  const Status status = AttemptGroups::check("/sys/fs/cgroup", own.str(), {1, 1});
  if (status) return "ok for a worker that is alone in this group";
  return "not here: " + status.error().message +
         "; worker.attempt_memory and worker.attempt_cpu bound nothing of a worker started so";
}

// How events of a kind leave, which only the server knows.
std::string events_line(const json& outbox, const char* kind, const char* off) {
  const auto told = outbox.find(kind);
  if (told == outbox.end()) return off;
  const auto count = [&](const char* name) { return json_text((*told)[name]); };
  std::string line = count("waiting") + " wait, " + count("sent") + " sent, " + count("refused") +
                     " refused, " + count("lost") + " lost since the server started";
  if ((*told)["trouble"].is_string()) {
    line = "TROUBLE since " + (*told)["since"].get<std::string>() + ": " +
           (*told)["trouble"].get<std::string>() + "; " + line;
  }
  return line;
}

// Opening a store proves that it answers, takes our keys and keeps conditional puts.
std::string lake_line(const LakeSettings& settings) {
  if (!settings.store) return "folder";
  const auto opened = settings.store->storage();
  return opened ? settings.store->url() + " answers, and keeps conditional puts"
                : opened.error().message;
}

// What the server says of itself. Who may not see a part is told the rest.
void add_server_parts(const Client& client, json& report) {
  const json health = client.health();  // kept: items() looks into it
  for (const auto& [name, part] : health.items()) {
    report["health of " + name] = part.value("status", json(nullptr));
    if (part.contains("reason")) report["trouble of " + name] = part["reason"];
  }
  const auto add = [&](const char* name, const std::function<void()>& look) {
    try {
      look();
    } catch (const Failure& refused) {
      const std::string said = refused.what();
      report[name] = "not told: " + said.substr(0, said.find('\n'));
    }
  };
  add("login provider", [&] {
    if (client.get("/api/batuta/login")["provider"].is_null()) return;
    const json provider = client.get("/api/batuta/config/provider");
    report["login provider"] = provider["status"];
    if (!provider["reason"].is_null()) report["trouble of the login provider"] = provider["reason"];
  });
  add("events", [&] {
    const json outbox = client.get("/api/batuta/outbox?limit=1");
    report["lineage"] =
        events_line(outbox, "lineage", "off (lineage.url and lineage.file are not set)");
    report["traces"] = events_line(outbox, "traces", "off (traces.url is not set)");
  });
}

void doctor(Session& session) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto there = [](const std::filesystem::path& path) {
    return std::filesystem::exists(path) ? "ok" : "MISSING";
  };
  json report{{"version", version},
              {"home", std::filesystem::absolute(session.home).lexically_normal().string()},
              {"disk", disk_line(std::filesystem::exists(session.home) ? session.home : ".")},
              {"batuta-worker", there(folder / "batuta-worker")},
              {"plugins", there(folder / "plugins")},
              {"libduckdb", there(folder / "libduckdb.so")},
              {"bounds of attempts", attempt_bounds_line()},
              {"server", Client::server_is_running(session.home) ? "running" : "not running"}};
  if (report["server"] == "running") add_server_parts(session.client(), report);
  const auto lake = session.processes->lake_settings(session.home);
  report["lake"] = lake ? lake_line(*lake) : lake.error().message;
  print_object(session.format(), report);
}

}  // namespace

void print_events(Session& session, const std::string& filter, int limit, int offset) {
  const std::string path = "/api/v2/eventLogs?limit=" + std::to_string(limit) +
                           "&offset=" + std::to_string(offset) + filter;
  print_page(session.format(), session.client().get(path), "event_logs", offset,
             {{"when", "when"},
              {"event", "event"},
              {"owner", "owner"},
              {"dag_id", "dag_id"},
              {"run_id", "run_id"},
              {"task_id", "task_id"},
              {"extra", "extra"}});
}

void add_system_commands(CLI::App& app, Session& session) {
  add_db(app, session);
  add_secrets(app, session);
  add_outbox(app, session);

  CLI::App* plugins = app.add_subcommand("plugins", "The plugin catalogue");
  plugins->require_subcommand(1);
  add_verb(*plugins, session, "list", "What the workers offer", [&session] {
    print_rows(
        session.format(), session.client().get("/api/batuta/plugins")["plugins"],
        {{"name", "name"}, {"kind", "kind"}, {"version", "version"}, {"summary", "summary"}});
  });

  CLI::App* jobs =
      app.add_subcommand("jobs", "Scheduler, workers, and the ingestion control tables");
  jobs->require_subcommand(1);
  add_verb(*jobs, session, "list", "Scheduler and workers", [&session] {
    print_rows(session.format(), session.client().all("/api/v2/jobs", "jobs"),
               {{"id", "id"},
                {"type", "job_type"},
                {"state", "state"},
                {"host", "hostname"},
                {"heartbeat", "latest_heartbeat"}});
  });
  add_verb(*jobs, session, "configs", "mngt.ingestion_job_config", [&session] {
    print_rows(session.format(), session.client().get("/api/batuta/jobs/configs")["job_configs"],
               {{"job_name", "job_name"},
                {"interval", "interval"},
                {"overlap", "overlap"},
                {"params", "params"},
                {"updated", "updated_at"}});
  });
  auto page = std::make_shared<Filter>();
  CLI::App* executions =
      add_verb(*jobs, session, "executions", "mngt.ingestion_job_execution", [&session, page] {
        const std::string query =
            "?limit=" + std::to_string(page->limit) + "&offset=" + std::to_string(page->offset);
        print_page(session.format(), session.client().get("/api/batuta/jobs/executions" + query),
                   "job_executions", page->offset,
                   {{"job_name", "job_name"},
                    {"execution_id", "execution_id"},
                    {"status", "status"},
                    {"records", "records"},
                    {"start", "start_time"},
                    {"end", "end_time"},
                    {"heartbeat", "heartbeat_at"}});
      });
  add_page(*executions, *page);

  CLI::App* events = app.add_subcommand("events", "Who did what: the audit log");
  events->require_subcommand(1);
  auto filter = std::make_shared<Filter>();
  CLI::App* list = add_verb(*events, session, "list", "Newest first", [&session, filter] {
    std::string query;
    const auto add = [&](const char* name, const std::string& value) {
      if (!value.empty()) query += std::string("&") + name + "=" + percent_encoded(value);
    };
    add("dag_id", filter->dag_id);
    add("run_id", filter->run_id);
    add("event", filter->event);
    add("excluded_events", filter->without);
    add("owner", filter->owner);
    add("after", filter->after);
    add("before", filter->before);
    print_events(session, query, filter->limit, filter->offset);
  });
  list->add_option("--dag", filter->dag_id);
  list->add_option("--run", filter->run_id);
  list->add_option("--event", filter->event, "trigger, clear, login_failed, patch_variable, …");
  list->add_option("--without", filter->without, "leave this event out");
  list->add_option("--owner", filter->owner, "user name");
  list->add_option("--after", filter->after, "ISO 8601");
  list->add_option("--before", filter->before, "ISO 8601");
  add_page(*list, *filter);

  add_verb(app, session, "health", "Is the scheduler well; exit code 1 if a part of it is not",
           [&session] {
             const json health = session.client().health();
             print_object(session.format(), health);
             for (const json& part : health)
               if (part.value("status", json()) == "unhealthy") session.exit_code = 1;
           });
  add_verb(app, session, "metrics", "What Prometheus reads",
           [&session] { std::printf("%s", session.client().get_text("/metrics").c_str()); });
  add_verb(app, session, "doctor", "What an installation consists of, and whether it is there",
           [&session] { doctor(session); });
  CLI::App* show_version = app.add_subcommand("version", "The version");
  show_version->callback([] { std::printf("batuta %s\n", version); });
}

}  // namespace batuta::cli
