#include "scheduler/cli/hints.h"
#include "common/url.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "common/suggest.h"
#include "scheduler/cli/output.h"

namespace batuta::cli {
namespace {

using json = nlohmann::json;

struct Hint {
  std::string_view theirs, ours;
};
constexpr Hint hints[] = {
    // Airflow
    {"webserver", "batuta standalone serves the page and the API"},
    {"api-server", "batuta standalone serves the page and the API"},
    {"triggerer", "what waits holds no process here: batuta standalone is all"},
    {"dag-processor", "the scheduler reads DAG files by itself: batuta standalone is all"},
    {"celery", "batuta worker starts a worker"},
    {"kubernetes", "batuta worker starts a worker"},
    {"initdb", "the store is made when the server starts: batuta standalone"},
    {"upgradedb", "the store is brought up to date when the server starts: batuta standalone"},
    {"db init", "the store is made when the server starts: batuta standalone"},
    {"db migrate", "the store is brought up to date when the server starts"},
    {"db upgrade", "the store is brought up to date when the server starts"},
    {"db shell", "the store belongs to the server: ask the API, or a copy by batuta db backup"},
    {"db reset", "a new home is a new store: --home DIR"},
    {"dags backfill", "batuta backfill create DAG --from-date DATE --to-date DATE"},
    {"dags reserialize", "a DAG file is read within a second of being saved"},
    {"dags list-jobs", "batuta jobs list"},
    {"dags report", "batuta dags validate FOLDER"},
    {"dags clear", "batuta runs clear DAG RUN, or batuta tasks clear DAG RUN TASK"},
    {"tasks run",
     "only the scheduler starts tries: batuta dags trigger DAG, batuta tasks clear DAG RUN TASK"},
    {"tasks failed-deps", "batuta tasks explain DAG RUN TASK"},
    {"tasks logs", "batuta tasks log DAG RUN TASK"},
    {"providers", "what tasks can do comes from plugins: batuta plugins list"},
    {"rotate-fernet-key", "batuta secrets rotate-key, while the server is stopped"},
    {"trigger_dag", "batuta dags trigger DAG"},
    {"list_dags", "batuta dags list"},
    {"trigger", "batuta dags trigger DAG"},
    {"pause", "batuta dags pause DAG"},
    {"unpause", "batuta dags unpause DAG"},
    {"clear", "batuta runs clear DAG RUN"},
    {"list", "batuta dags list, batuta runs list"},
    // Dagu
    {"start", "batuta dags trigger DAG --wait; the server: batuta standalone"},
    {"start-all", "batuta standalone"},
    {"server", "batuta standalone"},
    {"serve", "batuta standalone"},
    {"up", "batuta standalone"},
    {"stop", "batuta runs cancel DAG RUN; the server ends by SIGTERM"},
    {"restart", "batuta runs cancel DAG RUN, then batuta dags trigger DAG"},
    {"retry", "batuta runs clear DAG RUN --only-failed"},
    {"enqueue", "batuta dags trigger DAG"},
    {"dequeue", "batuta runs cancel DAG RUN"},
    {"dry", "batuta dags test DAG"},
    {"status", "batuta runs list DAG, batuta doctor"},
    {"history", "batuta runs list DAG"},
    {"logs", "batuta tasks log DAG RUN TASK"},
    {"log", "batuta tasks log DAG RUN TASK"},
    {"validate", "batuta dags validate FILE"},
    {"test", "batuta dags test DAG"},
    {"run", "batuta dags trigger DAG --wait; without a server: batuta dags test DAG"},
    {"exec", "batuta dags trigger DAG --wait; without a server: batuta dags test DAG"},
    // cron
    {"crontab", "batuta dags import-crontab FILE makes DAGs of a crontab"},
    {"cron", "batuta dags import-crontab FILE makes DAGs of a crontab"},
};

std::vector<std::string> texts_of(const json& rows, const char* field) {
  std::vector<std::string> out;
  for (const json& row : rows) {
    if (row.contains(field) && row[field].is_string()) out.push_back(row[field].get<std::string>());
  }
  return out;
}

std::string missing(const char* what, const std::string& name,
                    const std::vector<std::string>& known) {
  return std::string("there is no ") + what + " \"" + shown_text(name) + "\"" +
         did_you_mean(name, known);
}

bool among(const std::string& name, const std::vector<std::string>& known) {
  return std::find(known.begin(), known.end(), name) != known.end();
}

// The decoded segments of a path, without its query.
std::vector<std::string> segments(const std::string& path) {
  std::vector<std::string> out;
  std::string part;
  const auto end = std::min(path.find('?'), path.size());
  for (std::size_t i = 0; i <= end; ++i) {
    if (i == end || path[i] == '/') {
      if (!part.empty()) out.push_back(std::move(part));
      part.clear();
    } else if (path[i] == '%' && i + 2 < end) {
      part += static_cast<char>(std::strtol(path.substr(i + 1, 2).c_str(), nullptr, 16));
      i += 2;
    } else {
      part += path[i];
    }
  }
  return out;
}

}  // namespace

std::string hint_for(const std::string& command) {
  for (const Hint& hint : hints) {
    if (hint.theirs == command) return std::string(hint.ours);
  }
  return {};
}

namespace {

// What is named by itself, not below a DAG.
std::string near_entry(const Client& client, const std::vector<std::string>& parts) {
  struct Kind {
    const char *list, *plural, *word, *field;
  };
  static constexpr Kind kinds[] = {
      {"/api/v2/pools?limit=1000", "pools", "pool", "name"},
      {"/api/v2/variables?limit=1000", "variables", "variable", "key"},
      {"/api/v2/connections?limit=1000", "connections", "connection", "connection_id"},
      {"/api/batuta/users", "users", "user", "username"},
      {"/api/batuta/groups", "groups", "group", "name"},
      {"/api/batuta/roles", "roles", "role", "name"},
      {"/api/batuta/bundles", "bundles", "bundle", "name"}};
  for (const Kind& kind : kinds) {
    if (parts[2] != kind.plural) continue;
    const json page = client.get(kind.list);
    const auto known = texts_of(page[kind.plural], kind.field);
    return among(parts[3], known) ? "" : missing(kind.word, parts[3], known);
  }
  return {};
}

}  // namespace

std::string near_id(const Client& client, const std::string& path) try {
  const auto parts = segments(path);
  // A bundle is asked for by what is done with it: /api/batuta/bundles/NAME/deploy.
  const bool of_entry = parts.size() == 4 || (parts.size() == 5 && parts[2] == "bundles");
  if (of_entry && parts[0] == "api" && parts[2] != "dags" && parts[2] != "dagSources") {
    return near_entry(client, parts);
  }
  const bool of_dag = parts.size() >= 4 && parts[0] == "api" &&
                      (parts[2] == "dags" || parts[2] == "dagSources") && parts[3] != "~";
  if (!of_dag) return {};
  const std::string dag = "/api/v2/dags/" + percent_encoded(parts[3]);
  if (client.look_up(dag).is_null()) {
    const json page = client.get("/api/v2/dags?limit=1000&order_by=dag_id");
    return missing("DAG", parts[3], texts_of(page["dags"], "dag_id"));
  }
  if (parts.size() < 6 || parts[4] != "dagRuns") return {};
  if (client.look_up(dag + "/dagRuns/" + percent_encoded(parts[5])).is_null()) {
    const json page = client.get(dag + "/dagRuns?limit=1000&order_by=-id");
    return missing("run", parts[5], texts_of(page["dag_runs"], "dag_run_id"));
  }
  if (parts.size() < 8 || parts[6] != "taskInstances") return {};
  const json answer = client.get(dag + "/tasks");
  const auto tasks = texts_of(answer["tasks"], "task_id");
  return among(parts[7], tasks) ? "" : missing("task", parts[7], tasks);
} catch (const std::exception&) {
  return {};  // the refusal that led here is told either way
}

}  // namespace batuta::cli
