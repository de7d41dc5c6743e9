#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/api/fake_services.h"

namespace batuta::http {

TEST_CASE("pools are read from the live state and changed by events") {
  TestApi api;
  const auto pool = api.get("/api/v2/pools/default_pool");
  CHECK(pool["open_slots"] == 125);
  CHECK(pool["occupied_slots"] == 3);
  CHECK(api.get("/api/v2/pools?pool_name_pattern=nothing")["total_entries"] == 0);
  api.backend.answer = [&api](const Event& event) {
    if (const auto* set = std::get_if<PoolSet>(&event)) {
      api.backend.view.pools.push_back({set->pool, 0, 0, 0, 0, set->pool.slots});
    }
    return Reply{};
  };
  CHECK(api.status(Method::post, "/api/v2/pools", R"({"name":"p","slots":4})") == 201);
  CHECK(api.last_event<PoolSet>().create_only);
  CHECK(api.last_event<PoolSet>().user == "admin");
  CHECK(api.status(Method::patch, "/api/v2/pools/p", R"({"slots":5})") == 200);
  CHECK(api.last_event<PoolSet>().pool.slots == 5);
  CHECK(api.status(Method::patch, "/api/v2/pools/nothing", R"({"slots":5})") == 404);
  CHECK(api.status(Method::del, "/api/v2/pools/p") == 204);
  CHECK(api.last_event<PoolDeleted>().user == "admin");
  for (const char* bad : {"{}", R"({"name":"a/b","slots":1})", R"({"name":"p","slots":0})",
                          R"({"name":"p","slots":-2})", R"({"name":"p","slots":2147483648})",
                          R"({"name":"p","slots":true})", R"({"name":"p"})",
                          R"({"name":"p","slots":1,"role":"admin"})"}) {
    CAPTURE(bad);
    CHECK(api.status(Method::post, "/api/v2/pools", bad) == 422);
  }
}

TEST_CASE("variables are created, changed, deleted; sensitive ones are masked") {
  TestApi api;
  const std::string all = "/api/v2/variables";
  CHECK(api.status(Method::post, all, R"({"key":"channel","value":"#etl"})") == 201);
  CHECK(api.status(Method::post, all, R"({"key":"channel","value":"x"})") == 409);
  CHECK(api.get(all + "/channel")["value"] == "#etl");
  CHECK(api.status(Method::post, all, R"({"key":"api_password","value":"s3cret"})") == 201);
  CHECK(api.get(all + "/api_password")["value"] == "***");
  CHECK(api.call(Method::get, all).body.find("s3cret") == std::string::npos);
  CHECK(api.status(Method::patch, all + "/channel", R"({"value":{"a":1}})") == 200);
  CHECK(api.registry.variable_rows["channel"].value == R"({"a":1})");
  CHECK(api.status(Method::patch, all + "/channel", R"({"key":"other"})") == 422);
  CHECK(api.status(Method::patch, all + "/nothing", R"({"value":"x"})") == 404);
  CHECK(api.status(Method::del, all + "/channel") == 204);
  CHECK(api.status(Method::del, all + "/channel") == 404);
  CHECK(api.status(Method::post, all, R"({"key":"a b","value":"x"})") == 422);
}

TEST_CASE("writes to variables and connections leave their names in the event log") {
  TestApi api;
  const std::string variables = "/api/v2/variables";
  const std::string connections = "/api/v2/connections";
  api.call(Method::post, variables, R"({"key":"channel","value":"hidden"})");
  api.call(Method::post, variables, R"({"key":"channel","value":"hidden"})");  // 409: not logged
  api.call(Method::patch, variables + "/channel", R"({"value":"hidden"})");
  api.call(Method::del, variables + "/channel");
  api.call(
      Method::post, connections,
      R"({"connection_id":"api","conn_type":"http","password":"hidden","extra":"{\"a\":\"hidden\"}"})");
  api.call(Method::patch, connections + "/api", R"({"host":"me:hidden@example.org?key=hidden"})");
  api.call(Method::del, connections + "/api");
  std::string log, whole;
  for (const auto& row : api.registry.audit) {
    CHECK(row.owner == "admin");
    whole += row.extra_json;
    const auto extra = nlohmann::json::parse(row.extra_json);
    const auto side = [&](const nlohmann::json& told) {
      if (!told.contains("host")) return told.dump();
      if (told["host"].is_null()) return std::string("-");
      return std::string(
          told["host"].dump().find("example.org") != std::string::npos ? "example.org" : "?");
    };
    log += row.event + " " + extra.value("key", extra.value("connection_id", "")) + " " +
           side(extra["before"]) + " " + side(extra["after"]) + "; ";
  }
  CHECK(
      log ==
      R"(post_variable channel null {"description":"","value":"***"}; )"
      R"(patch_variable channel {"description":"","value":"***"} {"description":"","value":"***"}; )"
      R"(delete_variable channel {"description":"","value":"***"} null; )"
      "post_connection api null -; patch_connection api - example.org; "
      "delete_connection api example.org null; ");
  CHECK(whole.find("hidden") == std::string::npos);
}

TEST_CASE("a connection's password goes in and never comes out") {
  TestApi api;
  const std::string all = "/api/v2/connections";
  const auto made = api.call(Method::post, all, R"({"connection_id":"api","conn_type":"http",
      "host":"http://x","login":"me","password":"s3cret","port":80,
      "extra":"{\"token\":\"t0ken\",\"region\":\"eu\"}"})");
  CHECK(made.status == 201);
  for (const auto& text :
       {made.body, api.call(Method::get, all).body, api.call(Method::get, all + "/api").body}) {
    CHECK(text.find("s3cret") == std::string::npos);
    CHECK(text.find("t0ken") == std::string::npos);
    CHECK(text.find("region") != std::string::npos);
  }
  const auto host = [&](const char* type, const char* address) {
    auto& row = api.registry.connection_rows["api"];
    row.conn_type = type;
    row.host = address;
    return body_of(api.call(Method::get, all + "/api"))["host"].get<std::string>();
  };
  CHECK(host("slackwebhook", "hooks.slack.com/services/T/B/x") == "hooks.slack.com/***");
  CHECK(host("http", "https://hooks.slack.com/services/T/B/x") == "https://hooks.slack.com/***");
  CHECK(host("slack", "https://chat.example/in/x") == "https://chat.example/***");
  CHECK(host("http", "me:pw@host/users/@me") == "***@host/users/@me");
  CHECK(host("http", "https://host/v1?key=x") == "https://host/v1?***");
  CHECK(host("http", "https://host/v1") == "https://host/v1");
  host("http", "http://x");
  // What was shown masked and comes back masked stays what it was.
  const auto patched = api.call(
      Method::patch, all + "/api",
      R"({"host":"http://y","password":"***","extra":"{\"token\":\"***\",\"region\":\"us\"}"})");
  CHECK(patched.status == 200);
  const auto& kept = api.registry.connection_rows["api"];
  CHECK(kept.host == "http://y");
  CHECK(kept.password == "s3cret");
  CHECK(kept.extra.find("t0ken") != std::string::npos);
  CHECK(kept.extra.find("us") != std::string::npos);
  CHECK(kept.port == 80);
  CHECK(api.status(Method::patch, all + "/api", R"({"port":null})") == 200);
  CHECK_FALSE(api.registry.connection_rows["api"].port);
  CHECK(api.status(Method::post, all, R"({"connection_id":"b","conn_type":"http","port":70000})") ==
        422);
  CHECK(api.status(Method::post, all, R"({"connection_id":"b"})") == 422);
  CHECK(api.status(Method::del, all + "/api") == 204);
}

TEST_CASE("health is 503 until every known DAG can be triggered") {
  TestApi api;
  CHECK(api.status(Method::get, "/api/v2/monitor/health", "", "") == 200);
  api.ready = false;
  CHECK(api.status(Method::get, "/api/v2/monitor/health", "", "") == 503);
  CHECK(body_of(api.call(Method::get, "/api/v2/version", "", ""))["version"] == "9.9.9");
}

TEST_CASE("health is 503 with the cause when a look at the store found damage") {
  TestApi api;
  api.damage = "the store is damaged (page 7)";
  const Response answer = api.call(Method::get, "/api/v2/monitor/health", "", "");
  CHECK(answer.status == 503);
  CHECK(body_of(answer)["metadatabase"]["reason"] == api.damage);
}

TEST_CASE("health is 503 with the cause while nothing can be written") {
  TestApi api;
  api.backend.trouble_text = "database or disk is full";
  const Response answer = api.call(Method::get, "/api/v2/monitor/health", "", "");
  CHECK(answer.status == 503);
  const auto body = body_of(answer);
  CHECK(body["metadatabase"]["status"] == "unhealthy");
  CHECK(body["metadatabase"]["reason"] == "database or disk is full");
  CHECK(body["scheduler"]["status"] == "unhealthy");
  CHECK(body["dag_processor"]["status"] == "healthy");
}

TEST_CASE("jobs, plugins and metrics show the live state") {
  TestApi api;
  WorkerView worker;
  worker.agent_id = "a1";
  worker.connection = 4;
  worker.slots = 2;
  worker.joined = worker.last_seen = api.now;
  api.backend.view.workers.push_back(worker);
  api.backend.view.catalogue.push_back({"shell",
                                        "1",
                                        "builtin",
                                        "Runs a command",
                                        "00",
                                        {{"command", ParamType::string, true, "", ""}}});
  const auto jobs = api.get("/api/v2/jobs");
  CHECK(jobs["total_entries"] == 2);
  CHECK(jobs["jobs"][0]["job_type"] == "SchedulerJob");
  CHECK(jobs["jobs"][1]["batuta"]["slots"] == 2);
  CHECK(api.get("/api/v2/jobs?job_type=WorkerJob")["total_entries"] == 1);
  CHECK(jobs["jobs"][1]["batuta"]["drained"] == false);
  CHECK(api.status(Method::post, "/api/batuta/workers/a/drain") == 204);
  CHECK(api.status(Method::post, "/api/batuta/workers/a/resume") == 204);
  CHECK(api.status(Method::post, "/api/batuta/workers/nobody/drain") == 404);
  CHECK(api.drains == std::vector<std::string>{"drain a", "resume a"});
  CHECK(api.get("/api/batuta/plugins")["plugins"][0]["params"][0]["required"] == true);
  CHECK(api.get("/api/batuta/plugins")["not_offered"].empty());
  api.plugin_faults.push_back({"broken", "/plugins: broken.so: no symbol"});
  const auto fault = api.get("/api/batuta/plugins")["not_offered"][0];
  CHECK(fault["name"] == "broken");
  CHECK(fault["reason"] == "/plugins: broken.so: no symbol");
  const auto metrics = api.call(Method::get, "/metrics");
  CHECK(metrics.content_type.starts_with("text/plain"));
  CHECK(metrics.body.find("airflow_dagbag_size 1\n") != std::string::npos);
  CHECK(metrics.body.find("batuta_ticks_skipped_total{dag_id=\"hourly\",reason=\"late\"} 3\n") !=
        std::string::npos);
  CHECK(metrics.body.find("airflow_task_duration_sum{dag_id=\"hourly\",task_id=\"load\"} 3\n"
                          "airflow_task_duration_count{dag_id=\"hourly\",task_id=\"load\"} 1\n") !=
        std::string::npos);
  CHECK(metrics.body.find("batuta_task_attempts_total{dag_id=\"hourly\",task_id=\"load\","
                          "state=\"success\"} 1\n") != std::string::npos);
  CHECK(metrics.body.find("batuta_worker_slots{hostname=") != std::string::npos);
  CHECK(metrics.body.find("batuta_healthy 1\n") != std::string::npos);
  // Lineage, of which there is much more, makes none of their alerts fire.
  CHECK(metrics.body.find("batuta_outbox_pending 3\n") != std::string::npos);
  CHECK(metrics.body.find("batuta_outbox_dead 2\n") != std::string::npos);
  CHECK(metrics.body.find("process_resident_memory_bytes ") != std::string::npos);
  CHECK(metrics.body.find("airflow_pool_open_slots{pool_name=\"default_pool\"} 125\n") !=
        std::string::npos);
}

TEST_CASE("metrics are JSON as well, bounded, with the last hour of those without labels") {
  TestApi api;
  const std::string url = "/api/batuta/metrics";
  const auto told = api.get(url);
  const auto family = [](const nlohmann::json& all, const std::string& name) {
    for (const auto& each : all["metrics"])
      if (each["name"] == name) return each;
    return nlohmann::json();
  };
  const auto skipped = family(told, "batuta_ticks_skipped_total");
  CHECK(skipped["type"] == "counter");
  CHECK(skipped["samples"][0] ==
        nlohmann::json{{"name", "batuta_ticks_skipped_total"},
                       {"labels", {{"dag_id", "hourly"}, {"reason", "late"}}},
                       {"value", 3.0}});
  CHECK(family(told, "airflow_task_duration")["samples"][1]["name"] ==
        "airflow_task_duration_count");
  CHECK(told["history"]["seconds"] == 60);
  CHECK(told["history"]["times"].empty());
  CHECK(api.get(url + "?name=slots")["metrics"].size() < told["metrics"].size());
  const auto few =
      family(api.get(url + "?samples=1&name=airflow_task_duration"), "airflow_task_duration");
  CHECK(few["samples"].size() == 1);
  CHECK(few["left_out"] == 1);
  CHECK(api.status(Method::get, url + "?samples=10001") == 422);
  // Minute by minute, an hour of it; a minute that is told twice counts once.
  for (int minute = 0; minute < 90; ++minute) {
    api.backend.numbers.events = static_cast<std::uint64_t>(minute);
    api.keep_house(api.now + std::chrono::minutes(minute));
    api.keep_house(api.now + std::chrono::minutes(minute) + std::chrono::seconds(5));
  }
  const auto history = api.get(url)["history"];
  CHECK(history["times"].size() == 61);
  bool found = false;
  for (const auto& series : history["series"]) {
    CHECK(series["name"] != "batuta_ticks_skipped_total");  // it has labels
    CHECK(series["values"].size() == 61);
    if (series["name"] != "batuta_events") continue;
    found = true;
    CHECK(series["values"][0] == 29.0);
    CHECK(series["values"][60] == 89.0);
  }
  CHECK(found);
}

TEST_CASE("the event log, the control tables and the outbox are readable") {
  TestApi api;
  api.get("/api/v2/eventLogs?excluded_events=login&excluded_events=logout&included_events=clear");
  const auto& filters = api.history.last_event_query.filters;
  REQUIRE(filters.size() == 2);
  CHECK(filters[0].op == Filter::Op::none);
  CHECK(filters[0].values == std::vector<FilterValue>{"login", "logout"});
  CHECK(filters[1].op == Filter::Op::any);
  CHECK(filters[1].values == std::vector<FilterValue>{"clear"});
  CHECK(api.get("/api/v2/eventLogs?order_by=-when")["event_logs"][0]["event"] == "trigger");
  CHECK(api.get("/api/v2/eventLogs/7")["owner"] == "operator");
  CHECK(api.status(Method::get, "/api/v2/eventLogs/8") == 404);
  CHECK(api.get("/api/batuta/jobs/configs")["job_configs"][0]["job_name"] == "demo.first");
  CHECK(api.get("/api/batuta/jobs/executions")["job_executions"][0]["status"] == "success");
  CHECK(api.get("/api/batuta/outbox")["outbox"][0]["kind"] == "alert");
  CHECK(api.get("/api/batuta/outbox")["total_entries"] == 1);
  CHECK(api.status(Method::post, "/api/batuta/outbox/5/retry") == 204);
  CHECK(api.outbox_calls == std::vector<std::string>{"retry 5"});
  CHECK(api.status(Method::post, "/api/batuta/outbox/5/drop") == 404);
}

TEST_CASE("outbox rows sent or dropped by hand, backups and notes are in the event log") {
  TestApi api;
  api.call(Method::post, "/api/batuta/outbox/5/retry");
  api.call(Method::post, "/api/batuta/outbox/5/drop", "", "operator");
  api.call(Method::post, "/api/batuta/db/backup", R"({"name":"monday"})");
  std::string log;
  for (const auto& row : api.registry.audit) {
    log += row.event + " " + row.owner + " " + row.extra_json + "; ";
  }
  CHECK(log == R"(retry_outbox admin {"outbox_id":5}; drop_outbox operator {"outbox_id":5}; )"
               R"(backup_database admin {"name":"monday"}; )");
  const std::string run = "/api/v2/dags/demo/dagRuns/done";
  api.call(Method::patch, run, R"({"note":"hidden"})", "operator");
  CHECK(api.last_event<NoteSet>().user == "operator");
  api.call(Method::patch, run + "/taskInstances/first", R"({"note":"hidden"})");
  CHECK(api.last_event<NoteSet>().user == "admin");
}

TEST_CASE("a backup's name cannot leave its folder") {
  TestApi api;
  const auto made = api.call(Method::post, "/api/batuta/db/backup", R"({"name":"monday"})");
  CHECK(made.status == 201);
  CHECK(body_of(made)["path"] == api.home + "/backups/monday.db");
  CHECK(api.status(Method::post, "/api/batuta/db/backup") == 201);
  for (const char* name : {"../x", "a/b", "", "x..y"}) {
    CHECK(api.status(Method::post, "/api/batuta/db/backup",
                     std::string(R"({"name":")") + name + "\"}") == 422);
  }
}

TEST_CASE("live events come over a real connection until the client goes") {
  TestApi api;
  Server server(api.thread.io, "127.0.0.1", 0, {}, api.handler);
  RawClient client(server.port());
  client.send(
      "GET /api/batuta/events?dag_id=demo HTTP/1.1\r\nHost: localhost\r\n"
      "Authorization: Bearer viewer-token\r\n\r\n");
  const auto head = client.read_until("\r\n\r\n");
  CHECK(head.find("200 OK") != std::string::npos);
  CHECK(head.find("Content-Type: text/event-stream") != std::string::npos);
  CHECK(client.read_until("\n\n") == "retry: 1000\n\n");
  api.hub.publish({{1, "run", "other", "r", R"({"dag_id":"other"})"},
                   {2, "run", "demo", "r", R"({"dag_id":"demo"})"}});
  CHECK(client.read_until("\n\n").find("data: {\"dag_id\":\"demo\"}") != std::string::npos);
  RawClient stranger(server.port());
  stranger.send("GET /api/batuta/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(stranger.read_answer().status == 401);
  RawClient head_only(server.port());
  head_only.send(
      "HEAD /api/batuta/events HTTP/1.1\r\nHost: localhost\r\n"
      "Authorization: Bearer viewer-token\r\nConnection: close\r\n\r\n");
  CHECK(statuses(head_only.read_to_end()) == std::vector<int>{200});
  api.thread.stop();
}

}  // namespace batuta::http
