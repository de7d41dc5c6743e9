// Launches whose secrets are kept elsewhere.
#include <doctest/doctest.h>

#include <algorithm>

#include "scheduler/serve/launch_context.h"
#include "scheduler/store/backend.h"
#include "tests/serve/serve_fixture.h"

using namespace batuta;

namespace {

struct Secrets {
  Folder folder;
  std::unique_ptr<Backend> backend =
      open_backend("sqlite:" + folder.path("batuta.db"), {folder.path("secret.key"), {}, Time{}});
  RegistryLaunchContext context{backend->registry(), folder.path("lake"),
                                *SecretKey::read(folder.path("secret.key"))};
  std::shared_ptr<const Dag> dag = dag_from(R"({"dag_id": "d", "tasks": [
    {"task_id": "use", "type": "shell", "command": "echo {{ var.value.key }} {{ var.json.more.pin }}",
     "connections": ["db"]},
    {"task_id": "check", "type": "shell", "command": "true",
     "run_if": {"value": "{{ var.value.key }}", "equals": "other"}}]})");
  std::optional<Result<std::string>> found{Result<std::string>("s3cret-value")};
  Launch launch;
  std::string rendered;

  Secrets() {
    auto& registry = backend->registry();
    REQUIRE(registry.add_variable({"key", R"({"$env":"KEY"})", ""}));
    REQUIRE(registry.add_variable({"more", R"({"pin":7})", ""}));
    Connection connection;
    connection.id = "db";
    connection.conn_type = "postgres";
    connection.password = R"({"$file":"/run/secrets/db"})";
    REQUIRE(registry.add_connection(connection));
    context.set_secrets([this](const SecretReference&) { return found; });
  }
  LaunchContext::Attempt attempt(const char* task_id) {
    row.run = run.seq = RunSeq{1};
    run.conf_json = "{}";
    row.task = *find_task(*dag, task_id);
    return {run, *dag, dag->tasks[row.task],
            row, row,  [](TaskIndex, std::string_view) { return std::optional<std::string>(); }};
  }
  Status render() {
    launch = {};
    return context.render_launch(attempt("use"), launch, rendered);
  }

 private:
  RunRow run;
  TaskInstanceRow row;
};

}  // namespace

TEST_CASE_FIXTURE(Secrets, "a task gets the values behind references, and its log masks them") {
  REQUIRE(render());
  CHECK_FALSE(context.looking_up());
  CHECK(launch.params_json.find("s3cret-value") != std::string::npos);
  CHECK(rendered.find("s3cret") == std::string::npos);
  CHECK(rendered.find("***") != std::string::npos);
  bool told = false;
  for (const Secret& secret : launch.secrets) {
    told = told || (secret.name == "db" && secret.json.find("s3cret-value") != std::string::npos);
    CHECK(std::find(secret.mask.begin(), secret.mask.end(), "s3cret-value") != secret.mask.end());
  }
  CHECK(told);
  CHECK(launch.secrets.size() == 2);
}

TEST_CASE_FIXTURE(Secrets, "a secret that is being looked up is said so, and asked for again") {
  found.reset();
  (void)render();
  CHECK(context.looking_up());
  (void)context.gate(attempt("check"));
  CHECK(context.looking_up());
  found = Result<std::string>("late-value");
  REQUIRE(render());
  CHECK_FALSE(context.looking_up());
  CHECK(launch.params_json.find("late-value") != std::string::npos);
}

TEST_CASE_FIXTURE(Secrets, "a look-up that fails names what refers and to what") {
  found = Result<std::string>(Errc::unavailable, "it is gone");
  const Status status = render();
  REQUIRE_FALSE(status);
  CHECK(status.error().message == R"(variable "key" {"$env":"KEY"}: it is gone)");
  const auto gate = context.gate(attempt("check"));
  REQUIRE_FALSE(gate);
  REQUIRE(backend->registry().set_variable({"key", "plain", ""}));
  const Status other = render();
  REQUIRE_FALSE(other);
  CHECK(other.error().message ==
        R"(connection "db": password {"$file":"/run/secrets/db"}: it is gone)");
}

TEST_CASE_FIXTURE(Secrets, "a condition compares the value, and people read stars") {
  const auto gate = context.gate(attempt("check"));
  REQUIRE(gate);
  CHECK_FALSE(gate->holds);
  CHECK(gate->why.find("s3cret") == std::string::npos);
  found = Result<std::string>("other");
  CHECK(context.gate(attempt("check"))->holds);
}

TEST_CASE("what opens the lake's store goes to plugins of the lake, masked, and not to commands") {
  Folder folder;
  const auto backend =
      open_backend("sqlite:" + folder.path("batuta.db"), {folder.path("secret.key"), {}, Time{}});
  const Secret store{"batuta/lake", R"({"url":"s3://lake"})", {"the-secret-key"}};
  RegistryLaunchContext context{backend->registry(),
                                folder.path("lake"),
                                *SecretKey::read(folder.path("secret.key")),
                                "",
                                {store}};
  PluginInfo shell, bronze;
  shell.name = "shell";
  shell.kind = "builtin";
  bronze.name = "demo_bronze";
  bronze.kind = "extract";
  context.set_catalogue({shell, bronze});
  const auto dag = dag_from(R"({"dag_id": "d", "tasks": [
    {"task_id": "plain", "type": "shell", "command": "true"},
    {"task_id": "files", "type": "shell", "command": "true",
     "outputs": [{"table": "silver/demo/files", "file": "b.csv"}]},
    {"task_id": "reader", "type": "shell", "command": "true", "reads": ["silver/demo/files"]},
    {"task_id": "named_so", "type": "shell", "command": "true",
     "env": {"outputs": "here", "reads": "there"}},
    {"task_id": "land", "type": "extract", "source": "demo", "layer": "bronze"}]})");
  RunRow run;
  run.seq = RunSeq{1};
  run.conf_json = "{}";
  const auto secrets_of = [&](const char* task_id) {
    TaskInstanceRow row;
    row.run = run.seq;
    row.task = *find_task(*dag, task_id);
    Launch launch;
    std::string rendered;
    const LaunchContext::Attempt attempt{
        run, *dag, dag->tasks[row.task],
        row, row,  [](TaskIndex, std::string_view) { return std::optional<std::string>(); }};
    REQUIRE(context.render_launch(attempt, launch, rendered));
    CHECK(rendered.find("s3://lake") == std::string::npos);
    return launch.secrets;
  };
  CHECK(secrets_of("plain").empty());
  CHECK(secrets_of("land") == std::vector<Secret>{store});
  CHECK(secrets_of("files") == std::vector<Secret>{store});
  CHECK(secrets_of("reader") == std::vector<Secret>{store});
  CHECK(secrets_of("named_so").empty());
}
