// Monitors and alerts over HTTP: what is shown and to whom, what is read how often, and what people
// say of alerts.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "common/safe_json.h"
#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

constexpr char monitors[] = "/api/lake/monitors";
constexpr char alerts[] = "/api/lake/alerts";
constexpr char found_path[] = "/api/lake/monitors/sales/orders_fresh/results";

json result_row(const std::string& monitor, const std::string& target, const std::string& status) {
  return {{"monitor_id", monitor},
          {"domain", monitor.substr(0, monitor.find('/'))},
          {"kind", "freshness"},
          {"target", target},
          {"severity", "critical"},
          {"status", status},
          {"value", 7200.0},
          {"limit_value", 3600.0},
          {"message", "2h old"},
          {"run", "r"},
          {"evaluated_at", "2026-11-20T11:00:00Z"}};
}

json alert_row(std::int64_t id, const std::string& state, const std::string& severity,
               const std::string& target, const std::string& kind = "freshness") {
  const bool closed = state == "closed", acked = state == "acknowledged";
  const json none;
  return {{"alert_id", id},
          {"monitor_id", "sales/" + kind + std::to_string(id)},
          {"domain", "sales"},
          {"kind", kind},
          {"target", target},
          {"severity", severity},
          {"message", "unwell"},
          {"state", state},
          {"opened_at", "2026-11-20T10:00:00Z"},
          {"acked_at", acked ? json("2026-11-20T10:30:00Z") : none},
          {"acked_by", acked ? json("ana") : none},
          {"ack_note", none},
          {"closed_at", closed ? json("2026-11-20T11:00:00Z") : none},
          {"closed_by", closed ? json("monitor") : none},
          {"close_note", none}};
}

struct Monitored : TestApi {
  json told_alerts = json::array({alert_row(9, "closed", "critical", "gold/sales/orders"),
                                  alert_row(8, "open", "info", "gold/sales/orders"),
                                  alert_row(7, "open", "critical", "gold/hr/pay"),
                                  alert_row(6, "acknowledged", "critical", "gold/sales/orders"),
                                  alert_row(5, "open", "warning", "demo.first", "failures")});
  json told_monitors = json::array({result_row("sales/orders_fresh", "gold/sales/orders", "unwell"),
                                    result_row("sales/moved", "gold/sales/elsewhere", "well"),
                                    result_row("sales/gone", "gold/sales/orders", "well")});
  json refusal;

  Monitored() {
    write_lake_version(home, "mngt/platform/alert", 0, empty_lake_table());
    write_lake_version(home, "mngt/platform/monitor_result", 0, empty_lake_table());
    monitor_answer = [this](const json& asked) {
      const std::string operation = asked["operation"];
      if (operation == "list")
        return Result<std::string>(json({{"monitors", told_monitors}, {"alerts", json()}}).dump());
      if (operation == "alerts") return Result<std::string>(json({{"alerts", told_alerts}}).dump());
      if (operation == "history")
        return Result<std::string>(
            json({{"results", json::array({told_monitors[0]})}, {"total", 40}}).dump());
      if (!refusal.is_null()) return Result<std::string>(json({{"error", refusal}}).dump());
      json changed = told_alerts[1];
      changed["state"] = operation == "ack" ? "acknowledged" : "closed";
      return Result<std::string>(json({{"alert", changed}}).dump());
    };
    define(json::array(
        {{{"name", "orders_fresh"},
          {"kind", "freshness"},
          {"table", "gold/sales/orders"},
          {"within", "1h"},
          {"severity", "critical"},
          {"description", "orders come hourly"}},
         {{"name", "moved"},
          {"kind", "freshness"},
          {"table", "gold/sales/orders"},
          {"within", "1h"}},
         {{"name", "failures5"}, {"kind", "failures"}, {"dag", "demo"}, {"task", "first"}}}));
  }
  void define(const json& list) {
    auto dag = std::make_shared<Dag>();
    dag->id = "lake_monitors";
    Task task;
    task.id = "evaluate";
    task.plugin = "lake_monitors";
    task.spec_json = json({{"params", {{"monitors", {{"sales", {{"monitors", list}}}}}}}}).dump();
    dag->tasks.push_back(task);
    backend.bag->dags["lake_monitors"] = dag;
  }
  void add_reader(const std::string& name, std::initializer_list<std::string_view> rights) {
    Role role{name, "", {}};
    for (const auto right : rights) role.grants.push_back(*parse_grant(right));
    REQUIRE(registry.add_role(role).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
  json read(const std::string& target, const std::string& role = "admin") {
    const auto response = call(Method::get, target, "", role);
    CAPTURE(response.body);
    CHECK(response.status == 200);
    return body_of(response);
  }
  std::vector<std::int64_t> ids(const std::string& target, const std::string& role = "admin") {
    std::vector<std::int64_t> out;
    const json answer = read(target, role);
    for (const json& one : answer["alerts"]) out.push_back(one["alert_id"]);
    return out;
  }
  Response say(std::int64_t alert, const json& body, const std::string& role = "admin") {
    return call(Method::post, std::string(alerts) + "/" + std::to_string(alert), body.dump(), role);
  }
};

using Ids = std::vector<std::int64_t>;

}  // namespace

TEST_CASE_FIXTURE(Monitored, "monitors are those of the files, each as it was judged last") {
  const json answer = read(monitors);
  REQUIRE(answer["monitors"].size() == 3);
  CHECK(answer["total_entries"] == 3);
  const json& fresh = answer["monitors"][2];
  CHECK(fresh["monitor_id"] == "sales/orders_fresh");
  CHECK(fresh["status"] == "unwell");
  CHECK(fresh["value"] == 7200.0);
  CHECK(fresh["description"] == "orders come hourly");
  CHECK(fresh["alert_id"].is_null());
  CHECK(answer["monitors"][0]["alert_id"] == 5);
  // It watches another table since it was judged: nothing is known of that yet.
  CHECK(answer["monitors"][1]["monitor_id"] == "sales/moved");
  CHECK(answer["monitors"][1]["status"] == "not_judged");
  CHECK(answer["monitors"][1]["evaluated_at"].is_null());
  CHECK(answer["counts"] == json({{"well", 0}, {"unwell", 1}, {"unknown", 0}, {"not_judged", 2}}));
  CHECK(answer["domains"] == json({"sales"}));
  CHECK(read(std::string(monitors) + "?status=unwell")["total_entries"] == 1);
  CHECK(read(std::string(monitors) + "?kind=failures&limit=0")["total_entries"] == 1);
  // Without files (batuta monitors run --monitors) those that were judged lately.
  backend.bag->dags.erase("lake_monitors");
  CHECK(read(monitors)["total_entries"] == 3);
  CHECK(read(monitors)["monitors"][0]["monitor_id"] == "sales/gone");
}

TEST_CASE_FIXTURE(Monitored,
                  "open alerts come first, the gravest and newest on top, and all are counted") {
  const json answer = read(alerts);
  CHECK(ids(alerts) == Ids{7, 6, 5, 8, 9});
  CHECK(answer["counts"] == json({{"open", 3}, {"acknowledged", 1}, {"closed", 1}}));
  CHECK(answer["more"] == false);
  const std::string of = std::string(alerts) + "?";
  CHECK(ids(of + "state=open&state=acknowledged&severity=critical") == Ids{7, 6});
  CHECK(ids(of + "order_by=-alert_id&limit=2&offset=1") == Ids{8, 7});
  const json filtered = read(of + "state=closed&limit=1");
  CHECK(filtered["total_entries"] == 1);
  CHECK(filtered["counts"] == answer["counts"]);
  CHECK(ids(of + "domain=nothing").empty());
  CHECK(ids(of + "target=gold/hr/pay") == Ids{7});
  CHECK(monitor_queries.size() == 1);  // one reading for all of that
}

TEST_CASE_FIXTURE(Monitored, "what was read is kept until the table has a newer version") {
  read(alerts);
  read(monitors);
  const auto before = monitor_queries.size();
  CHECK(before == 2);
  read(alerts);
  read(monitors);
  CHECK(monitor_queries.size() == before);
  told_alerts.erase(0);
  write_lake_version(home, "mngt/platform/alert", 1, "{\"commitInfo\":{}}\n");
  CHECK(ids(alerts) == Ids{7, 6, 5, 8});
  CHECK(monitor_queries.size() == before + 1);
}

TEST_CASE_FIXTURE(Monitored,
                  "an installation where nothing was judged has no alerts, and asks nobody") {
  std::filesystem::remove_all(home + "/lake/mngt");
  CHECK(read(alerts)["total_entries"] == 0);
  CHECK(read(monitors)["counts"]["not_judged"] == 3);
  CHECK(read(found_path)["total_entries"] == 0);
  CHECK(monitor_queries.empty());
  monitor_answer = [](const json&) {
    return Result<std::string>(Errc::internal, "the slot ended without a result");
  };
  write_lake_version(home, "mngt/platform/alert", 0, empty_lake_table());
  CHECK(status(Method::get, alerts) == 500);
}

TEST_CASE_FIXTURE(Monitored, "what a monitor found is paged, and each page read once") {
  const json page = read(std::string(found_path) + "?limit=10&offset=20");
  CHECK(page["total_entries"] == 40);
  REQUIRE(page["results"].size() == 1);
  CHECK(page["results"][0] == json({{"monitor_id", "sales/orders_fresh"},
                                    {"status", "unwell"},
                                    {"value", 7200.0},
                                    {"limit_value", 3600.0},
                                    {"message", "2h old"},
                                    {"evaluated_at", "2026-11-20T11:00:00Z"}}));
  CHECK(json::parse(monitor_queries.back()) == json({{"operation", "history"},
                                                     {"monitor", "sales/orders_fresh"},
                                                     {"kind", "freshness"},
                                                     {"target", "gold/sales/orders"},
                                                     {"limit", 10},
                                                     {"offset", 20}}));
  const auto before = monitor_queries.size();
  read(std::string(found_path) + "?limit=10&offset=20");
  CHECK(monitor_queries.size() == before);
  CHECK(read(std::string(found_path) + "?limit=0")["results"].empty());
  CHECK(status(Method::get, std::string(monitors) + "/sales/nothing/results") == 404);
}

TEST_CASE_FIXTURE(
    Monitored, "of monitors one sees those of tables and DAGs that one may read, and no others") {
  add_reader("hr", {"read lake:hr/gold"});
  CHECK(ids(alerts, "hr") == Ids{7});
  CHECK(read(alerts, "hr")["counts"]["open"] == 1);
  CHECK(read(monitors, "hr")["total_entries"] == 0);
  CHECK(status(Method::get, found_path, "", "hr") == 404);
  add_reader("runner", {"read lake:hr/gold", "edit dag:demo"});
  CHECK(ids(alerts, "runner") == Ids{7, 5});
  CHECK(read(monitors, "runner")["monitors"][0]["monitor_id"] == "sales/failures5");
  // "demo.first" may be a DAG too, once there is one: then both are asked for.
  backend.bag->dags["demo.first"] = demo_dag();
  define(json::array());
  CHECK(ids(alerts, "runner") == Ids{7});
}

TEST_CASE_FIXTURE(Monitored,
                  "an alert is acknowledged or closed by who may edit what it is about, and that "
                  "is written down") {
  const json acked = body_of(say(8, {{"action", "ack"}, {"note", "on it"}}, "operator"));
  CHECK(acked["state"] == "acknowledged");
  CHECK(acked["may_change"] == true);
  CHECK(json::parse(monitor_queries.back()) == json({{"operation", "ack"},
                                                     {"alert", 8},
                                                     {"by", "operator"},
                                                     {"note", "on it"},
                                                     {"return_errors", true}}));
  CHECK(registry.audit.back().event == "ack_alert");
  CHECK(registry.audit.back().owner == "operator");
  CHECK(json::parse(registry.audit.back().extra_json)["target"] == "gold/sales/orders");
  CHECK(body_of(say(8, {{"action", "close"}}))["state"] == "closed");
  CHECK(registry.audit.back().event == "close_alert");
  const auto written = registry.audit.size();
  const auto asked = monitor_queries.size();
  CHECK(say(8, {{"action", "ack"}}, "viewer").status == 403);
  add_reader("hr", {"edit lake:hr/gold", "read lake:sales/gold"});
  const auto refused = say(8, {{"action", "ack"}}, "hr");
  CHECK(refused.status == 403);
  CHECK(body_of(refused)["detail"] ==
        "alert 8 is about gold/sales/orders, which you have no right to edit");
  CHECK(read(alerts, "hr")["alerts"][0]["may_change"] == true);
  CHECK(read(alerts, "hr")["alerts"][1]["may_change"] == false);
  CHECK(say(5, {{"action", "ack"}}, "hr").status == 404);  // a DAG that it may not see
  CHECK(say(4, {{"action", "ack"}}).status == 404);
  CHECK(say(8, {{"action", "open"}}).status == 422);
  CHECK(say(8, {{"action", "ack"}, {"note", std::string(1001, 'x')}}).status == 422);
  CHECK(say(8, json::object()).status == 422);
  CHECK(monitor_queries.size() == asked);
  CHECK(registry.audit.size() == written);
}

TEST_CASE_FIXTURE(Monitored,
                  "what the alert's table says against a change is told, and changes nothing") {
  refusal = {{"kind", "conflict"}, {"text", "alert 8 was closed at noon by ana"}};
  const auto late = say(8, {{"action", "close"}});
  CHECK(late.status == 409);
  CHECK(body_of(late)["detail"] == "alert 8 was closed at noon by ana");
  refusal = {{"kind", "not_found"}, {"text", "there is no alert 8"}};
  CHECK(say(8, {{"action", "close"}}).status == 404);
  CHECK(registry.audit.empty());
}

TEST_CASE_FIXTURE(Monitored, "what a whole domain costs is seen by who may read all its layers") {
  json cost = {{"name", "cost"}, {"kind", "cost"}, {"window", "7d"}};
  cost["at_most"]["runs"] = 5;
  define(json::array({cost}));
  add_reader("gold_only", {"read lake:sales/gold"});
  add_reader("sales_all", {"read lake:sales/*"});
  CHECK(read(monitors, "gold_only")["total_entries"] == 0);
  const json seen = read(monitors, "sales_all");
  REQUIRE(seen["total_entries"] == 1);
  CHECK(seen["monitors"][0]["target"] == "sales");
  CHECK(seen["monitors"][0]["kind"] == "cost");
}

}  // namespace batuta::http
