// The server put together, without a worker: what start and stop promise.
#include "scheduler/serve/server.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "common/http_client.h"
#include "common/safe_json.h"
#include "tests/serve/serve_fixture.h"

using namespace batuta;

namespace {

const char* const hello = R"({"dag_id": "hello", "is_paused_upon_creation": false,
  "tasks": [{"task_id": "nothing", "type": "empty"}]})";

struct Installation {
  Folder folder;
  Home home = *Home::open(folder.path("home"));

  Result<std::unique_ptr<Server>> start() {
    folder.write("dags/hello.json", hello);
    Server::Options options;
    options.port = 0;
    options.dags_folder = folder.path("dags");
    options.plugins_folder = folder.path("plugins");
    return Server::start(home, options);
  }
};

void await_ready(Server& server) {
  const Boot deadline = read_clock().boot + std::chrono::seconds(20);
  while (!server.ready()) {
    REQUIRE(read_clock().boot < deadline);
    std::this_thread::yield();
  }
}

Reply trigger(Server& server, const std::string& run_id) {
  RunRequested request;
  request.uuid = make_uuid_v7(read_clock().wall);
  request.dag_id = "hello";
  request.dag_run_id = run_id;
  std::promise<Reply> told;
  server.engine().request(request, [&](Reply reply) { told.set_value(std::move(reply)); });
  return told.get_future().get();
}

std::string text_of(const std::string& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a server makes its first administrator and tells the command line where it is") {
  Installation installation;
  auto server = installation.start();
  REQUIRE(server);
  const auto admin = parse_untrusted(text_of(installation.home.path("admin.json")));
  REQUIRE(admin);
  CHECK((*server)->registry().check_password("admin", (*admin)["password"].get<std::string>()));
  const auto endpoint = parse_untrusted(text_of(installation.home.path("run/endpoint.json")));
  REQUIRE(endpoint);
  CHECK((*endpoint)["url"] == (*server)->url());
  CHECK((*server)->registry().check_token((*endpoint)["token"].get<std::string>(),
                                          read_clock().wall));
  (*server)->stop();
  CHECK(!std::filesystem::exists(installation.home.path("run/endpoint.json")));
}

TEST_CASE("the event log names the client that a trusted proxy forwards, else the proxy") {
  for (const bool trusted : {true, false}) {
    Installation installation;
    if (trusted) {
      installation.folder.write("home/batuta.json", R"({"trusted_proxies": ["127.0.0.1"]})");
      installation.home = *Home::open(installation.folder.path("home"));
    }
    auto server = installation.start();
    REQUIRE(server);
    HttpRequest guess;
    guess.method = "POST";
    guess.url = (*server)->url() + "/auth/token";
    guess.headers = {{"Content-Type", "application/json"}, {"X-Forwarded-For", "10.0.0.9"}};
    guess.body = R"({"username": "admin", "password": "guess"})";
    const auto answer = http_call(guess);
    REQUIRE(answer);
    CHECK(answer->status == 401);
    (*server)->stop();
    server->reset();
    const auto again = installation.start();  // one that has stopped reads no more
    REQUIRE(again);
    const auto log = (*again)->history().event_logs({}).rows;
    const auto failed = std::find_if(log.begin(), log.end(), [](const EventLogView& one) {
      return one.row.event == "login_failed";
    });
    REQUIRE(failed != log.end());
    CHECK(failed->row.extra_json.find(trusted ? "10.0.0.9" : "127.0.0.1") != std::string::npos);
  }
}

TEST_CASE("settings are read again while a server runs: all or nothing, and the event log tells") {
  Installation installation;
  auto server = installation.start();
  REQUIRE(server);
  await_ready(**server);
  const auto status_for = [&](const std::string& host) {
    HttpRequest request;
    request.url = (*server)->url() + "/api/v2/version";
    request.headers = {{"Host", host}};
    const auto answer = http_call(request);
    return answer ? answer->status : 0;
  };
  CHECK(status_for("new.example") == 421);
  installation.folder.write("home/batuta.json", R"({"retention_days": 7, "lease": "soon"})");
  const auto refused = (*server)->reload_settings("ana");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("batuta.json:1:") != std::string::npos);
  CHECK(installation.home.live()->retention_days == 90);

  installation.folder.write("home/batuta.json",
                            R"({"allowed_hosts": ["new.example"], "lake.maintenance": "off",
                                "lake.threads": 2})");
  const auto told = (*server)->reload_settings("ana");
  REQUIRE(told);
  CHECK(told->changed.size() == 2);
  REQUIRE(told->needs_restart.size() == 1);
  CHECK(told->needs_restart[0].name == "lake.threads");
  CHECK(installation.home.live()->lake_maintenance == "off");
  CHECK(installation.home.live()->lake_threads == 1);
  CHECK(status_for("new.example") == 200);
  EventLogQuery query;
  query.filters.push_back({"event", Filter::Op::any, {std::string("reload_config")}});
  const auto found = (*server)->history().event_logs(query).rows;
  REQUIRE(found.size() == 1);
  CHECK(found[0].row.owner == "ana");
  CHECK(found[0].row.extra_json.find("new.example") != std::string::npos);
}

TEST_CASE("a second server on the same home is refused while the first one runs") {
  Installation installation;
  auto server = installation.start();
  REQUIRE(server);
  CHECK(!installation.start());
  (*server)->stop();
  server->reset();
  CHECK(installation.start());
}

TEST_CASE("a run of an earlier server is there after a restart, and its id is taken") {
  Installation installation;
  {
    auto server = installation.start();
    REQUIRE(server);
    await_ready(**server);
    CHECK(trigger(**server, "one").code == Errc::ok);
  }
  auto server = installation.start();
  REQUIRE(server);
  await_ready(**server);
  CHECK((*server)->history().run("hello", "one"));
  CHECK(trigger(**server, "one").code == Errc::conflict);
}

TEST_CASE("after its stop a server answers every request with unavailable") {
  Installation installation;
  auto server = installation.start();
  REQUIRE(server);
  await_ready(**server);
  (*server)->stop();
  CHECK((*server)->stopping());
  CHECK(trigger(**server, "late").code == Errc::unavailable);
}

TEST_CASE("a stop does not wait for the secret of a bundle's connection") {
  Installation installation;
  const std::string asked = installation.folder.path("asked");
  auto server = installation.start();
  REQUIRE(server);
  await_ready(**server);
  Connection store;
  store.id = "risk_store";
  store.conn_type = "aws";
  store.password = R"({"$command": ["/bin/sh", "-c", "echo > ')" + asked + R"('; sleep 60"]})";
  REQUIRE((*server)->engine().write_and_wait(
      [&] { return (*server)->registry().add_connection(store); }));
  (*server)->stop();
  server->reset();
  installation.folder.write("home/batuta.json", R"({"secrets.programs": ["/bin/sh"],
    "bundles": [{"name": "risk", "store": "s3://bucket/risk", "connection": "risk_store"}]})");
  installation.home = *Home::open(installation.folder.path("home"));
  auto again = installation.start();
  REQUIRE(again);
  const Boot deadline = read_clock().boot + std::chrono::seconds(20);
  while (!std::filesystem::exists(asked)) {
    REQUIRE(read_clock().boot < deadline);
    std::this_thread::yield();
  }
  // The look-up has 10 s, whoever waits for it 15.
  const Boot before = read_clock().boot;
  (*again)->stop();
  CHECK(read_clock().boot - before < std::chrono::seconds(5));
}
