// What somebody with rights on some DAGs sees of the others: nothing, anywhere.
#include <doctest/doctest.h>

#include <boost/asio/post.hpp>
#include <future>
#include <nlohmann/json.hpp>
#include <random>
#include <tuple>

#include "scheduler/api/routes.h"
#include "tests/api/fake_services.h"

namespace batuta::http::rights_test {
namespace {

const std::string foreign = "hidden_dag";

std::vector<Grant> grants(std::initializer_list<std::string_view> texts) {
  std::vector<Grant> parsed;
  for (const auto text : texts) parsed.push_back(*parse_grant(text));
  return parsed;
}

// Beside "demo" a DAG with as much of everything; "clerk" may read "demo", and no more.
struct TwoDags : TestApi {
  TwoDags() {
    add_user("clerk", {"read dag:demo"});
    auto dag = std::make_shared<Dag>(*demo_dag());
    dag->id = foreign;
    dag->file = foreign + ".json";
    dag->tags = {"tag_of_" + foreign};
    backend.bag->dags[foreign] = dag;
    backend.bag->parsed_at[foreign] = now;
    backend.bag->import_errors.push_back({4, now, foreign + ".json", "broken"});
    backend.bag->import_errors.push_back({5, now, "other_" + foreign + ".json", "broken"});
    backend.bag->import_errors.push_back({6, now, demo_dag()->file, "broken"});
    backend.bag->warnings.push_back({now, foreign, "unknown plugin", "no worker offers it"});
    history.dag_rows.push_back({foreign, false, false, demo_dag()->version, std::nullopt, 0});
    const auto runs = history.run_rows;
    for (RunRow run : runs) {
      run.seq = RunSeq{static_cast<std::int64_t>(run.seq) + 100};
      run.dag_id = foreign;
      history.run_rows.push_back(run);
    }
    const auto views = history.views;
    for (TaskInstanceView view : views) {
      view.row.run = RunSeq{static_cast<std::int64_t>(view.row.run) + 100};
      view.dag_id = foreign;
      history.views.push_back(view);
    }
    history.xcom_rows.push_back({RunSeq{101}, 0, unmapped, "return_value", "1", now});
    for (const std::string& id : {std::string("demo"), foreign}) {
      EventLogView event;
      event.id = id == foreign ? 9 : 8;
      event.row.when = now;
      event.row.event = "trigger";
      event.row.dag_id = id;
      event.row.owner = "operator";
      history.event_rows.push_back(event);
    }
  }
  // A user of a role of that name, with a token of that name.
  void add_user(const std::string& name, std::initializer_list<std::string_view> rights) {
    REQUIRE(registry.add_role({name, "", grants(rights)}).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
  std::int64_t total(const std::string& path, const std::string& role) {
    const auto answer = call(Method::get, path, "", role);
    CAPTURE(path);
    CHECK(answer.status == 200);
    return body_of(answer).value("total_entries", std::int64_t{-1});
  }
};

std::string filled(std::string_view pattern, const std::string& dag, const std::string& run,
                   const std::string& task) {
  std::string out(pattern);
  const std::pair<std::string, std::string> values[] = {
      {"{dag_id}", dag},          {"{dag_run_id}", run},
      {"{task_id}", task},        {"{try_number}", "1"},
      {"{task_try_number}", "1"}, {"{xcom_key}", "return_value"},
      {"{version_number}", "1"},  {"{event_log_id}", "9"},
      {"{import_error_id}", "4"}, {"{pool_name}", "default_pool"},
      {"{variable_key}", "a"},    {"{connection_id}", "a"}};
  for (const auto& [name, value] : values) {
    if (const auto at = out.find(name); at != out.npos) out.replace(at, name.size(), value);
  }
  for (auto at = out.find('{'); at != out.npos; at = out.find('{')) {
    out.replace(at, out.find('}') - at + 1, "1");
  }
  return out;
}

}  // namespace

TEST_CASE("who may read one DAG finds no other in any answer") {
  TwoDags api;
  int answered = 0;
  for (const Route& route : route_table()) {
    if (route.method != Method::get || route.pattern.ends_with("/events")) continue;
    if (route.pattern.ends_with("openapi.json")) continue;  // tells of nothing that is kept
    for (const char* run : {"done", "~"}) {
      for (const char* task : {"first", "~"}) {
        for (const char* dag : {"demo", "~"}) {
          const std::string path = filled(route.pattern, dag, run, task);
          CAPTURE(path);
          const auto answer = api.call(Method::get, path, "", "clerk");
          CHECK(answer.body.find(foreign) == std::string::npos);
          CHECK(answer.status < 500);
          answered += answer.status == 200;
        }
      }
    }
  }
  CHECK(answered > 100);
}

TEST_CASE("a metric of one DAG is told to who sees that DAG") {
  TwoDags api;
  api.add_user("watcher", {"read admin:metrics", "read dag:demo"});
  const auto partly = api.call(Method::get, "/metrics", "", "watcher");
  CHECK(partly.status == 200);
  CHECK(partly.body.find("airflow_dagbag_size") != std::string::npos);
  CHECK(partly.body.find("hourly") == std::string::npos);
  CHECK(api.call(Method::get, "/metrics", "", "admin").body.find("hourly") != std::string::npos);
}

TEST_CASE("lists of what one may see have true totals and pages") {
  TwoDags api;
  for (const std::string path :
       {"/api/v2/dags", "/api/v2/dags/~/dagRuns", "/api/v2/dags/~/dagRuns/~/taskInstances",
        "/api/v2/dags/~/dagRuns/~/taskInstances/~/xcomEntries", "/api/v2/dagStats",
        "/api/v2/dagWarnings", "/api/batuta/jobs/configs", "/api/batuta/jobs/executions"}) {
    const auto all = api.total(path, "viewer");
    CAPTURE(path);
    CHECK(all > 0);
    CHECK(api.total(path, "clerk") * 2 == all);
  }
  CHECK(api.total("/api/v2/dagTags", "clerk") == 2);
  CHECK(api.total("/api/v2/dagTags", "viewer") == 3);
  CHECK(api.total("/api/v2/importErrors", "clerk") == 1);
  CHECK(api.total("/api/v2/importErrors", "viewer") == 4);
  CHECK(api.total("/api/v2/eventLogs", "clerk") == 1);
  CHECK(api.total("/api/v2/eventLogs", "viewer") == 3);
  const auto page =
      body_of(api.call(Method::get, "/api/v2/dags/~/dagRuns?limit=1&offset=1", "", "clerk"));
  CHECK(page["total_entries"] == 2);
  CHECK(page["dag_runs"].size() == 1);
  CHECK(api.total("/api/v2/dagStats?dag_ids=" + foreign + "&dag_ids=demo", "clerk") == 1);
}

TEST_CASE("who sees every DAG asks the store no more than before") {
  TwoDags api;
  api.call(Method::get, "/api/v2/dags/~/dagRuns", "", "viewer");
  CHECK(api.history.last_run_query.sight.everything());
  api.call(Method::get, "/api/v2/dags/~/dagRuns", "", "clerk");
  CHECK(api.history.last_run_query.sight == Sight{{{"demo"}}});
  api.call(Method::get, "/api/v2/eventLogs", "", "viewer");
  CHECK(api.history.last_event_query.sight.everything());
  CHECK(api.history.last_event_query.without_dag);
}

TEST_CASE("a DAG one may not see answers as one that is not there") {
  TwoDags api;
  for (const Route& route : route_table()) {
    if (route.pattern.find("{dag_id}") == std::string_view::npos) continue;
    if (is_open(route)) continue;  // a webhook: its signature decides, see hook_api_test.cc
    const auto there =
        api.call(route.method, filled(route.pattern, foreign, "done", "first"), "{}", "clerk");
    const auto gone =
        api.call(route.method, filled(route.pattern, "hidden_bag", "no", "no"), "{}", "clerk");
    CAPTURE(route.pattern);
    CHECK(there.status == 403);
    CHECK(gone.status == 403);
    std::string text = there.body;
    text.replace(text.find(foreign), foreign.size(), "hidden_bag");
    CHECK(text == gone.body);
  }
  for (const std::string path : {"/api/v2/eventLogs/", "/api/v2/importErrors/"}) {
    const auto there =
        api.call(Method::get, path + (path.find("event") != path.npos ? "9" : "4"), "", "clerk");
    const auto gone = api.call(Method::get, path + "777", "", "clerk");
    CHECK(there.status == 404);
    CHECK(there.body == gone.body);
  }
  CHECK(api.status(Method::get, "/api/v2/eventLogs/8", "", "clerk") == 200);
  CHECK(api.status(Method::get, "/api/v2/importErrors/6", "", "clerk") == 200);
}

TEST_CASE("each action on a DAG needs its right") {
  TwoDags api;
  api.add_user("starter", {"trigger dag:demo"});
  api.add_user("editor", {"edit dag:de*"});
  api.add_user("remover", {"delete dag:demo"});
  api.backend.answer = [](const Event&) {
    Reply reply;
    reply.code = Errc::conflict;
    return reply;
  };
  const std::string run = "/api/v2/dags/demo/dagRuns/done";
  const auto allowed = [&](const std::string& user) {
    std::string can;
    if (api.status(Method::get, run, "", user) != 403) can += "r";
    if (api.status(Method::post, "/api/v2/dags/demo/dagRuns", "{}", user) != 403) can += "t";
    if (api.status(Method::patch, "/api/v2/dags/demo", R"({"is_paused":true})", user) != 403)
      can += "e";
    if (api.status(Method::post, run + "/clear", "{}", user) != 403) can += "c";
    if (api.status(Method::del, run, "", user) != 403) can += "d";
    return can;
  };
  CHECK(allowed("clerk") == "r");
  CHECK(allowed("starter") == "rt");
  CHECK(allowed("editor") == "rec");
  CHECK(allowed("remover") == "rd");
  CHECK(allowed("operator") == "rtecd");
}

TEST_CASE("who has no right at all may still log out and ask who they are") {
  TwoDags api;
  api.add_user("nobody", {});
  CHECK(api.status(Method::get, "/api/v2/dags", "", "nobody") == 403);
  CHECK(api.status(Method::get, "/api/v2/pools", "", "nobody") == 403);
  CHECK(api.status(Method::get, "/metrics", "", "nobody") == 403);
  CHECK(api.status(Method::get, "/api/batuta/session", "", "nobody") == 200);
  CHECK(api.status(Method::post, "/api/batuta/logout", "", "nobody") == 204);
}

TEST_CASE("what a change was is told to who may read the thing itself") {
  TwoDags api;
  api.add_user("auditor", {"read dag:*", "read admin:audit", "read admin:roles"});
  for (const char* event : {"patch_connection", "patch_role", "delete_user", "post_variable"}) {
    EventLogView view;
    view.id = 20;
    view.row.event = event;
    view.row.extra_json = R"({"after":{"a":1},"before":null,"name":"x"})";
    api.history.event_rows = {view};
    const auto told = [&](const std::string& role) {
      const auto one = api.call(Method::get, "/api/v2/eventLogs/20", "", role);
      const auto list = api.call(Method::get, "/api/v2/eventLogs", "", role);
      const bool in_one = one.body.find("after") != std::string::npos;
      CHECK(in_one == (list.body.find("after") != std::string::npos));
      CHECK(one.body.find("name") != std::string::npos);
      return in_one;
    };
    const std::string_view what = event;
    CAPTURE(what);
    CHECK(told("admin"));
    CHECK(told("operator") == (what == "patch_connection" || what == "post_variable"));
    CHECK(told("viewer") == (what == "post_variable"));
    CHECK(told("auditor") == (what == "patch_role"));
  }
}

// What a route asks, told from its path and method alone: "" when whoever is known may call it.
std::string asked_by(const Route& route) {
  const std::string path(route.pattern);
  const auto has = [&](const char* part) { return path.find(part) != path.npos; };
  if (has("/health") || has("/version") || has("/auth/") || has("/login")) return "";
  if (has("/hooks/")) return "";  // a signature
  if (has("/openapi") || has("/session") || has("/logout") || has("/tokens")) return "";
  if (has("/batuta/rights")) return "";
  const std::pair<Method, const char*> verbs[] = {{Method::get, "read"},
                                                  {Method::post, "create"},
                                                  {Method::patch, "edit"},
                                                  {Method::put, "edit"},
                                                  {Method::del, "delete"}};
  std::string verb;
  for (const auto& [method, name] : verbs) {
    if (route.method == method) verb = name;
  }
  for (const auto& [part, thing] : {std::pair{"/pools", "pools"},
                                    {"/variables", "variables"},
                                    {"/connections", "connections"},
                                    {"/users", "users"},
                                    {"/roles", "roles"},
                                    {"/groups", "roles"},
                                    {"/bundles", "bundles"},
                                    {"/batuta/domains", "domains"},
                                    {"/jobs", "workers"},
                                    {"/workers", "workers"},
                                    {"/plugins", "plugins"},
                                    {"/providers", "plugins"},
                                    {"/config", "config"},
                                    {"/metrics", "metrics"},
                                    {"/db/", "backups"},
                                    {"/outbox", "outbox"}}) {
    if (!has(part) || has("/batuta/jobs")) continue;
    if (has("/batuta/domains") && verb == "create") verb = "read";  // a plan changes nothing
    const bool edits = verb == "create" && (has("/outbox") || has("/workers") || has("/bundles") ||
                                            has("test") || has("/config"));
    return (edits ? "edit" : verb) + " admin:" + thing;
  }
  if (has("/api/lake/sql")) return "read lake:";          // of each table that is named, besides
  if (has("/api/lake/alerts/")) return "edit lake:";      // of what the alert is about, besides
  if (has("/api/lake/maintenance")) return "edit lake:";  // of the order's table, besides
  if (path.ends_with("/maintenance")) return "edit lake:1/1";
  if (has("/api/lake/erasures")) return "erase lake:";  // of all layers of what is asked, besides
  if (has("/api/lake/branches") && verb != "read") return "edit lake:";  // of any of it
  const bool orders = has("/api/lake/quarantine/") || has("/api/lake/dead-letters/");
  if (orders && verb == "create") return "edit lake:";  // of their layers
  if (has("/api/lake/")) return verb + " lake:" + (has("{layer}") ? "1/1" : "");
  const bool starts = path.ends_with("/dagRuns") || has("/backfills") || has("/materialize");
  if (verb == "create") verb = starts ? "trigger" : "edit";
  if (path.ends_with("/file")) verb = "edit";  // what lies on the disk is for who may edit it
  if (path.ends_with("s/list") || path.ends_with("favorite")) verb = "read";
  return verb + " dag:" + (has("{dag_id}") ? "demo" : "");
}

TEST_CASE("whatever somebody's rights, each route answers as they say") {
  TwoDags api;
  api.backend.answer = [](const Event&) {
    Reply reply;
    reply.code = Errc::conflict;
    return reply;
  };
  std::mt19937 random(11);
  const auto below = [&](std::size_t n) { return random() % n; };
  const std::vector<std::string> verbs = {"read", "trigger", "create", "edit", "delete", "*"};
  const std::vector<std::string> whats = {
      "dag:demo", "dag:de*",       "dag:*",       "dag:hidden*",  "admin:pools",
      "admin:*",  "admin:users",   "admin:roles", "admin:outbox", "admin:variables",
      "admin:w*", "admin:metrics", "admin:*s",    "lake:*",       "admin:connections"};
  int refused = 0, passed = 0;
  for (int round = 0; round < 40; ++round) {
    Role role{"mixed" + std::to_string(round), "", {}};
    for (auto left = below(5); left > 0; --left) {
      const std::string& resource = whats[below(whats.size())];  // one order for every compiler
      const auto grant = parse_grant(verbs[below(verbs.size())] + " " + resource);
      const auto& kept = role.grants;
      if (grant && std::find(kept.begin(), kept.end(), *grant) == kept.end()) {
        role.grants.push_back(*grant);
      }
    }
    REQUIRE(api.registry.add_role(role).ok());
    REQUIRE(api.registry.add_user(role.name, role.name, "hash").ok());
    api.registry.token_rows[role.name + "-token"].user = role.name;
    for (const Route& route : route_table()) {
      const std::string asked = asked_by(route);
      if (asked.empty() || route.pattern.ends_with("/events")) continue;
      const auto space = asked.find(' ');
      const std::string verb = asked.substr(0, space), what = asked.substr(space + 1);
      const auto may = [&](const std::string& action, const std::string& resource) {
        return std::any_of(role.grants.begin(), role.grants.end(), [&](const Grant& grant) {
          const bool fits = resource.ends_with(":") ? grant.resource.starts_with(resource)
                                                    : glob_matches(grant.resource, resource);
          return fits && (!grant.action || action == "read" || to_string(*grant.action) == action);
        });
      };
      // Whose path names no DAG but a backfill of demo: who sees that one must have the right to
      // it.
      const bool of_backfill = route.pattern.find("{backfill_id}") != std::string_view::npos;
      const bool allowed =
          may(verb, what) && (!of_backfill || !may("read", "dag:demo") || may(verb, "dag:demo"));
      CAPTURE(asked);
      CAPTURE(route.pattern);
      const auto answer =
          api.call(route.method, filled(route.pattern, "demo", "done", "first"), "", role.name);
      const bool turned_away =
          answer.status == 403 && answer.body.find("this needs the right") != std::string::npos;
      CHECK(turned_away == !allowed);
      ++(turned_away ? refused : passed);
    }
  }
  CHECK(refused > 500);
  CHECK(passed > 300);
}

TEST_CASE("metrics name no DAG") {
  TwoDags api;
  api.add_user("prometheus", {"read admin:metrics"});
  const auto answer = api.call(Method::get, "/metrics", "", "prometheus");
  CHECK(answer.status == 200);
  CHECK(answer.body.find("demo") == std::string::npos);
  CHECK(answer.body.find(foreign) == std::string::npos);
}

TEST_CASE("a stream passes on what may be seen, and follows rights that change") {
  TwoDags api;
  const auto open = [&](const std::string& role) {
    return api.call(Method::get, "/api/batuta/events", "", role).stream;
  };
  const auto clerks = open("clerk");
  const auto viewers = open("viewer");
  REQUIRE(clerks);
  std::uint64_t sequence = 0;
  const auto announce = [&](const std::string& dag) {
    api.hub.publish({{++sequence, "run", dag, "r", R"({"dag_id":")" + dag + "\"}"}});
    std::promise<std::pair<std::string, std::string>> read;
    boost::asio::post(api.thread.io, [&] { read.set_value({clerks->next(), viewers->next()}); });
    return read.get_future().get();
  };
  const auto has = [&](const std::string& text, const std::string& dag) {
    return text.find("\"" + dag + "\"") != std::string::npos;
  };
  auto [clerk, viewer] = announce(foreign);
  CHECK_FALSE(has(clerk, foreign));
  CHECK(has(viewer, foreign));
  std::tie(clerk, viewer) = announce("demo");
  CHECK(has(clerk, "demo"));
  REQUIRE(api.registry.set_role({"clerk", "", grants({"read dag:" + foreign})}).ok());
  REQUIRE(api.registry.change_user("viewer", "none", "").ok());
  std::tie(clerk, viewer) = announce("demo");
  CHECK_FALSE(has(clerk, "demo"));
  CHECK_FALSE(has(viewer, "demo"));
  std::tie(clerk, viewer) = announce(foreign);
  CHECK(has(clerk, foreign));
  // What is kept for who comes back is sifted, too.
  TestApi::Extra again;
  const auto id_at = clerk.find("id: ") + 4;
  const std::string id = clerk.substr(id_at, clerk.find('.', id_at) - id_at);
  again.headers = {{"last-event-id", id + ".1"}};
  const auto back = api.call(Method::get, "/api/batuta/events", "", "clerk", again).stream;
  REQUIRE(back);
  const std::string missed = back->next();
  CHECK(has(missed, foreign));
  CHECK_FALSE(has(missed, "demo"));
}

TEST_CASE("a token's scope holds for every route and list") {
  TwoDags api;
  api.registry.token_rows["scoped-token"].user = "admin";
  api.registry.token_rows["scoped-token"].scope = grants({"read dag:demo"});
  CHECK(api.total("/api/v2/dags", "scoped") == 1);
  CHECK(api.status(Method::get, "/api/v2/dags/" + foreign, "", "scoped") == 403);
  CHECK(api.status(Method::post, "/api/v2/dags/demo/dagRuns", "{}", "scoped") == 403);
  CHECK(api.status(Method::get, "/api/batuta/users", "", "scoped") == 403);
}

TEST_CASE("who holds the slots that a task waits for is named to who may read their DAG alone") {
  TwoDags api;
  api.registry.token_rows["scoped-token"].user = "admin";
  api.registry.token_rows["scoped-token"].scope = grants({"read dag:demo"});
  api.backend.reasons = {
      {"Worker", "all are taken", {{"demo", "'a' of demo"}, {foreign, "'b' of " + foreign}}}};
  const auto told = [&](const char* role) {
    return nlohmann::json::parse(
               api.call(Method::get,
                        "/api/v2/dags/demo/dagRuns/live/taskInstances/second/dependencies", "",
                        role)
                   .body)["dependencies"][0]["reason"]
        .get<std::string>();
  };
  CHECK(told("scoped") == "all are taken: 'a' of demo; and 1 other");
  CHECK(told("admin") == "all are taken: 'a' of demo; 'b' of " + foreign);
}

}  // namespace batuta::http::rights_test
