// What moves from one installation to another, as JSON files that people may edit: export and
// import of pools, variables and connections; and what goes: db clean.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "common/fd.h"
#include "common/safe_json.h"
#include "common/url.h"
#include "scheduler/cli/commands.h"
#include "scheduler/cli/import_file.h"
#include "scheduler/cli/reach.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

constexpr const char* secret_mask = "***";  // what the API shows in a secret's place

struct MoveArguments {
  std::string file, id;
  bool overwrite = false;
};

// To standard output (no name, or "-"), or to a file that only its owner reads.
void write_out(const MoveArguments& a, const json& entries, const char* what) {
  const std::string text = entries.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
  if (a.file.empty() || a.file == "-") {
    std::fputs(text.c_str(), stdout);
    return;
  }
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (a.overwrite ? O_TRUNC : O_EXCL);
  const UniqueFd fd(::open(a.file.c_str(), flags, 0600));
  if (fd.get() < 0) {
    throw Failure(errno == EEXIST ? a.file + " is there already: --overwrite replaces it"
                                  : a.file + ": " + std::generic_category().message(errno),
                  1);
  }
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(fd.get(), text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) throw Failure(a.file + ": " + std::generic_category().message(errno), 1);
    done += static_cast<std::size_t>(wrote);
  }
  std::printf("%zu %s in %s\n", entries.size(), what, a.file.c_str());
}

void warn_left_out(const std::string& what) {
  std::fflush(stdout);
  std::fprintf(stderr, "batuta: %s\n", what.c_str());
}

void export_pools(Session& session, const MoveArguments& a) {
  json out = json::object();
  for (const json& pool : session.client().all("/api/v2/pools", "pools")) {
    out[pool["name"].get<std::string>()] = {{"slots", pool["slots"]},
                                            {"description", cell_text(pool["description"])}};
  }
  write_out(a, out, "pools");
}

void import_pools(Session& session, const std::string& file) {
  const Client client = session.client();
  for (const PoolEntry& pool : read_pools(file)) {
    const std::string path = "/api/v2/pools/" + percent_encoded(pool.name);
    const json change{{"slots", pool.slots}, {"description", pool.description}};
    const bool exists = !client.look_up(path).is_null();
    if (exists) {
      client.call("PATCH", path, change);
    } else {
      json body = change;
      body["name"] = pool.name;
      client.call("POST", "/api/v2/pools", body);
    }
    std::printf("%s %s\n", pool.name.c_str(), exists ? "changed" : "created");
  }
}

void export_variables(Session& session, const MoveArguments& a) {
  json out = json::object();
  std::string masked;
  for (const json& variable : session.client().all("/api/v2/variables", "variables")) {
    const std::string key = variable["key"];
    const std::string description = cell_text(variable["description"]);
    if (variable["value"] == secret_mask) {
      masked += (masked.empty() ? "" : ", ") + key;
    } else if (description.empty()) {
      out[key] = variable["value"];
    } else {
      out[key] = {{"value", variable["value"]}, {"description", description}};
    }
  }
  write_out(a, out, "variables");
  if (!masked.empty()) {
    warn_left_out("left out, for their values are secrets that are never shown: " + masked);
  }
}

void export_connections(Session& session, const MoveArguments& a) {
  json out = json::object();
  std::string masked;
  for (const json& connection : session.client().all("/api/v2/connections", "connections")) {
    const std::string id = connection["connection_id"];
    json entry = json::object();
    for (const char* name :
         {"conn_type", "description", "host", "login", "schema", "port", "password", "extra"}) {
      if (!connection[name].is_null()) entry[name] = connection[name];
    }
    if (json_text(entry).find(secret_mask) != std::string::npos) {
      masked += (masked.empty() ? "" : ", ") + id;
    }
    out[id] = std::move(entry);
  }
  write_out(a, out, "connections");
  if (!masked.empty()) {
    warn_left_out(std::string("secrets are never shown; *** stands for them in: ") + masked +
                  "\n  an import into an installation that has these connections keeps its own; "
                  "elsewhere write them in first");
  }
}

bool refers_to_secrets(const json& connection) {
  const std::string text = json_text(connection);
  return text.find("$env") != text.npos || text.find("$file") != text.npos ||
         text.find("$command") != text.npos || text.find("$vault") != text.npos ||
         text.find("$aws") != text.npos;
}

// What it refers to is looked up where the server runs.
void test_references(Session& session, const std::string& id) {
  const json answer = session.client().call(
      "POST", "/api/batuta/connections/" + percent_encoded(id) + "/test", nullptr);
  bool whole = true;
  for (const json& one : answer["references"]) {
    const bool found = one["problem"].is_null();
    whole = whole && found;
    std::printf(
        "%s %s: %s\n", shown_text(one["place"].get<std::string>()).c_str(),
        shown_text(one["reference"].get<std::string>()).c_str(),
        found ? "the server finds a value" : shown_text(one["problem"].get<std::string>()).c_str());
  }
  if (!whole) throw Failure("connection " + id + ": the server cannot look its secrets up", 1);
}

// True: the server has tried it, with its login. False: it tries none.
bool tried_by_server(Session& session, const std::string& id, const json& type) {
  json told;
  try {
    told = session.client().call("POST", "/api/v2/connections/test",
                                 {{"connection_id", id}, {"conn_type", type}});
  } catch (const Failure& refused) {
    // The setting that lets people try is off, or this user may not; whatever else is wrong is
    // told.
    if (std::string_view(refused.what()).find("answered with 403") == std::string_view::npos) throw;
    return false;
  }
  const std::string message = shown_text(told["message"].get<std::string>());
  if (!told["status"].get<bool>()) throw Failure("connection " + id + ": " + message, 1);
  std::printf("%s\n", message.c_str());
  return true;
}

void test_connection(Session& session, const std::string& id) {
  const json connection = session.client().get("/api/v2/connections/" + percent_encoded(id));
  if (refers_to_secrets(connection)) test_references(session, id);
  if (tried_by_server(session, id, connection["conn_type"])) return;
  const Reach reach = reach_of(
      connection.value("conn_type", ""), cell_text(connection.value("host", json(nullptr))),
      connection["port"].is_null() ? 0
                                   : static_cast<int>(json_int(connection["port"]).value_or(0)));
  if (!reach.problem.empty()) throw Failure("connection " + id + ": " + reach.problem, 1);
  const std::string problem = try_to_reach(reach);
  const std::string where = reach.host + ":" + std::to_string(reach.port);
  if (!problem.empty()) {
    throw Failure(where + " does not answer from this machine: " + problem, 1);
  }
  std::printf(
      "%s answers from this machine. Nothing was sent: login and password are tried by a "
      "server whose setting connections.test is on, for who may edit connections\n",
      where.c_str());
}

CLI::App* add_export(CLI::App& noun, Session& session, const char* help,
                     std::shared_ptr<MoveArguments> a, std::function<void()> action) {
  CLI::App* verb = add_verb(noun, session, "export", help, std::move(action));
  verb->add_option("file", a->file, "default: standard output");
  verb->add_flag("--overwrite", a->overwrite, "replace a file that is there");
  return verb;
}

// ---- db clean -----------------------------------------------------------------------------------

struct Clean {
  std::string before;
  std::vector<std::string> dag_ids;
  bool dry_run = false, yes = false;
};

json ended_before(const Client& client, const Clean& a, const std::string& dag_id,
                  std::size_t offset) {
  return client.get("/api/v2/dags/" + (dag_id.empty() ? "~" : percent_encoded(dag_id)) +
                    "/dagRuns?state=success&state=failed&order_by=end_date&end_date_lt=" +
                    percent_encoded(a.before) + "&limit=1000&offset=" + std::to_string(offset));
}

// Deletes page after page; those that the server keeps are passed over and counted.
void clean_runs(const Client& client, const Clean& a, const std::string& dag_id, std::size_t& gone,
                std::size_t& kept, std::string& why) {
  for (std::size_t passed = 0;;) {
    const json page = ended_before(client, a, dag_id, passed);
    if (page["dag_runs"].empty()) return;
    for (const json& run : page["dag_runs"]) {
      try {
        client.call("DELETE",
                    "/api/v2/dags/" + percent_encoded(run["dag_id"].get<std::string>()) +
                        "/dagRuns/" + percent_encoded(run["dag_run_id"].get<std::string>()),
                    nullptr);
        ++gone;
      } catch (const Failure& refused) {
        ++passed;
        ++kept;
        if (why.empty()) why = refused.what();
      }
    }
  }
}

void db_clean(Session& session, const Clean& a) {
  if (!parse_iso(a.before)) {
    throw Failure("--clean-before-timestamp must be a time with its zone: 2024-01-01T00:00:00Z", 2);
  }
  const Client client = session.client();
  const std::vector<std::string> ids = a.dag_ids.empty() ? std::vector<std::string>{""} : a.dag_ids;
  std::int64_t total = 0;
  json first = json::array();
  for (const std::string& id : ids) {
    const json page = ended_before(client, a, id, 0);
    total += json_int(page["total_entries"]).value_or(0);
    for (const json& run : page["dag_runs"]) first.push_back(run);
  }
  if (a.dry_run) {
    print_rows(
        session.format(), first,
        {{"dag_id", "dag_id"}, {"run_id", "dag_run_id"}, {"state", "state"}, {"end", "end_date"}});
    warn_left_out(
        std::to_string(total) + " runs that ended before " + a.before + " would go" +
        (total > static_cast<std::int64_t>(first.size()) ? "; the oldest are shown" : ""));
    return;
  }
  confirm("Delete " + std::to_string(total) + " runs with their tasks, logs and results?",
          a.yes || total == 0);
  std::size_t gone = 0, kept = 0;
  std::string why;
  for (const std::string& id : ids) clean_runs(client, a, id, gone, kept, why);
  std::printf("%zu runs deleted\n", gone);
  if (kept > 0) {
    session.exit_code = 1;
    warn_left_out(std::to_string(kept) + " runs were not: " + why);
  }
}

void add_clean(CLI::App& db, Session& session) {
  auto a = std::make_shared<Clean>();
  CLI::App* verb =
      add_verb(db, session, "clean",
               "Delete ended runs, with their tasks, logs and results, from before a time (what "
               "retention_days does by itself)",
               [&session, a] { db_clean(session, *a); });
  verb->add_option("--clean-before-timestamp", a->before, "runs that ended before it, ISO 8601")
      ->required();
  verb->add_option("--dag-ids", a->dag_ids, "of these DAGs only: a,b")->delimiter(',');
  verb->add_flag("--dry-run", a->dry_run, "show what would go");
  verb->add_flag("-y,--yes", a->yes, "do not ask");
}

}  // namespace

void add_move_commands(CLI::App& app, Session& session) {
  auto a = std::make_shared<MoveArguments>();
  CLI::App* pools = app.get_subcommand("pools");
  add_export(*pools, session, "All pools as JSON", a, [&session, a] { export_pools(session, *a); });
  add_verb(*pools, session, "import", "Create or change those of a JSON file",
           [&session, a] { import_pools(session, a->file); })
      ->add_option("file", a->file, "{\"name\": {\"slots\": 4, \"description\": \"…\"}}")
      ->required();
  add_export(*app.get_subcommand("variables"), session,
             "All variables as JSON, but for secret ones", a,
             [&session, a] { export_variables(session, *a); });
  CLI::App* connections = app.get_subcommand("connections");
  add_export(*connections, session, "All connections as JSON; *** stands for secrets", a,
             [&session, a] { export_connections(session, *a); });
  add_verb(
      *connections, session, "test",
      "Does the server log in where it leads, else does its host answer from this machine; can the "
      "server look up what it refers to",
      [&session, a] { test_connection(session, a->id); })
      ->add_option("id", a->id)
      ->required();
  add_clean(*app.get_subcommand("db"), session);
}

}  // namespace batuta::cli
