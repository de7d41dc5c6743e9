// The OpenAPI document against what the handlers take and answer.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "lakelog/branch.h"
#include "scheduler/api/routes.h"
#include "scheduler/api/row_fields.h"
#include "stream/letters.h"
#include "tests/api/existing_path.h"
#include "tests/api/fake_bundles.h"
#include "tests/api/fake_services.h"
#include "tests/api/lake_log.h"

namespace batuta::http {
namespace {

using nlohmann::json;

struct HasBundles {
  FakeBundles bundles;
};

struct Documented : HasBundles, TestApi {
  json document;

  Documented() : TestApi(&bundles) {
    settings.emplace_back("connections.test", "true");
    registry.variable_rows["v"] = {"v", "1", ""};
    registry.connection_rows["c"].id = "c";
    registry.role_rows["1"].name = registry.group_rows["1"].name = "1";
    WorkerView worker;
    worker.agent_id = "a";
    backend.view.workers = {worker};
    backend.view.catalogue = {{"shell", "1.0", "builtin", "runs a command", {}, {}}};
    add_waited_asset();
    history.report_rows = {{{RunSeq{1}, 0, unmapped, 3}, 1, R"({"quality":[{"rule":"r"}]})"}};
    // What `first` of the run `done` asked, try by try.
    for (const std::int32_t number : {1, 2}) {
      QuestionView& asked = history.question_rows.emplace_back();
      asked.row.run = RunSeq{1};
      asked.row.try_number = number;
      asked.row.options = {"Approve", "Reject"};
      asked.row.assigned_users = {"ana"};
      asked.answer = AnswerRow{RunSeq{1}, 0, unmapped, number, now, "ana", {"Approve"}, "{}"};
      asked.task = *history.task_instance({"demo", "done", "first", unmapped});
    }
    // A domain that was made.
    std::filesystem::create_directories(home + "/domains");
    std::ofstream(home + "/domains/sales.json")
        << R"({"domain":"sales","dag_ids":["sales_ingestion"],"role":{"1":{"grants":[]}}})";
    // A monitor that was judged once.
    write_lake_version(home, "mngt/platform/monitor_result", 0, empty_lake_table());
    monitor_answer = [](const json&) {
      const json judged = json::array({{{"monitor_id", "sales/1"},
                                        {"domain", "sales"},
                                        {"kind", "freshness"},
                                        {"target", "gold/sales/orders"},
                                        {"severity", "info"},
                                        {"status", "well"},
                                        {"message", "fresh"},
                                        {"evaluated_at", "2026-11-20T11:00:00Z"}}});
      return Result<std::string>(
          json({{"monitors", judged}, {"results", judged}, {"total", 1}}).dump());
    };
    // Rows that a contract rejected: reason, run, how many, first and last.
    write_lake_version(home, "quarantine/sales/orders", 0, empty_lake_table());
    lake_answer = [] {
      const json row{"no_id", "r1", 3, "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"};
      return Result<std::string>(json({{"columns", {"a", "b", "c", "d", "e"}},
                                       {"rows", json::array({row})},
                                       {"cut", false},
                                       {"diff", version_diff()}})
                                     .dump());
    };
    add_dead_letter();
    add_branch();
    call(Method::post, "/api/lake/tables/gold/sales/orders/maintenance",
         R"({"action":"vacuum","operation":"1"})");
    std::filesystem::create_directories(home + "/lake/_erasures");
    std::ofstream(home + "/lake/_erasures/1.json")
        << R"({"operation":"1","what":{"subject":"request-1","domain":"","table":""},"by":"ana",)"
           R"("begun_at":"2026-11-20T11:00:00Z","ended_at":"","raw":{},"sources":{},"report":null})";
    document = get("/openapi.json");
  }

  // As lake_sql tells of two versions.
  static json version_diff() {
    const json side{{"version", 1}, {"rows", nullptr}, {"files", 2}, {"bytes", 10}};
    const json row{{"what", "added"}, {"times", 1}, {"key", {{"id", 1}}}, {"values", {{"a", 1}}}};
    json out{{"from", side}, {"to", side}, {"cut", false}, {"not_compared", nullptr}};
    for (const char* name : {"files_added", "files_removed", "bytes_compared"}) out[name] = 1;
    for (const char* name : {"columns_added", "columns_removed", "key", "compared"})
      out[name] = json::array({"a"});
    for (const char* name : {"added", "removed", "changed", "unchanged"}) out[name] = nullptr;
    out["columns_changed"] = json::array({{{"column", "a"}, {"from", "integer"}, {"to", "long"}}});
    out["rows"] = json::array({row});
    return out;
  }

  // As existing_path() names it, with a table that is on it alone.
  void add_branch() {
    const auto lake = lakelog::open_storage(home + "/lake");
    const auto made = lakelog::create_branch(**lake, {"1", ""});
    REQUIRE(made.ok());
    write_lake_version(home, lakelog::branch_key(made->ref(), "gold/sales/tried"), 0,
                       empty_lake_table());
  }

  // Of the contract sales/orders, which a DAG of its own names.
  void add_dead_letter() {
    const std::string yaml =
        "apiVersion: v3.1.0\nkind: DataContract\nid: o\nversion: '1'\nstatus: active\n"
        "domain: sales\nservers:\n  - {server: log, type: custom, format: stream}\nschema:\n"
        "  - name: orders\n    properties:\n      - {name: id, logicalType: integer}\n";
    auto dag = std::make_shared<Dag>(*demo_dag());
    dag->id = "reads_a_topic";
    const json task{{"task_id", "first"}, {"contract", {{"name", "sales/orders"}, {"yaml", yaml}}}};
    dag->canonical_json = json({{"tasks", {task}}}).dump();
    backend.bag->dags[dag->id] = dag;
    const auto letters = *stream::open_file_stream(home + "/stream");
    REQUIRE(letters->create("orders.dlq", {}).ok());
    stream::NewRecord letter;
    letter.value = "{";
    letter.headers = {{"from", "shop"}, {stream::letter_header::topic, "orders"}};
    REQUIRE(letters->produce("orders.dlq", std::span(&letter, 1)).ok());
  }

  const json& operation(const Route& route) const {
    std::string method(to_string(route.method));
    for (char& c : method) c = static_cast<char>(c + 32);
    return document["paths"][std::string(route.pattern)][method];
  }
  const json& schema(const json& reference) const {
    const auto ref = reference["$ref"].get<std::string>();
    return document.at(json::json_pointer(ref.substr(1)));
  }

  // What is wrong with `value`, or "".
  std::string mismatch(const json& value, const json& type, const std::string& at) const {
    if (type.contains("$ref")) return mismatch(value, schema(type), at);
    if (type.contains("anyOf")) {
      return value.is_null() ? "" : mismatch(value, type["anyOf"][0], at);
    }
    if (!type.contains("type")) return "";
    const json types = type["type"].is_array() ? type["type"] : json::array({type["type"]});
    if (type.contains("enum")) {
      const auto& choices = type["enum"];
      if (std::find(choices.begin(), choices.end(), value) != choices.end()) return "";
      return at + " is " + value.dump() + ", none of " + choices.dump();
    }
    for (const auto& one : types) {
      if (has_type(value, one.get<std::string>())) return parts_mismatch(value, type, at);
    }
    return at + " is " + value.dump() + ", not " + type["type"].dump();
  }
  std::string parts_mismatch(const json& value, const json& type, const std::string& at) const {
    if (value.is_array() && type.contains("items")) {
      for (const auto& item : value) {
        if (const auto wrong = mismatch(item, type["items"], at + "[]"); !wrong.empty()) {
          return wrong;
        }
      }
    }
    if (!value.is_object() || !type.contains("properties")) return "";
    for (const auto& name : type["required"]) {
      if (!value.contains(name.get<std::string>())) return at + " lacks " + name.dump();
    }
    for (const auto& [name, member] : value.items()) {
      if (!type["properties"].contains(name)) return at + " has an unnamed " + name;
      const auto wrong = mismatch(member, type["properties"][name], at + "/" + name);
      if (!wrong.empty()) return wrong;
    }
    return "";
  }
  static bool has_type(const json& value, const std::string& type) {
    return (type == "null" && value.is_null()) || (type == "string" && value.is_string()) ||
           (type == "integer" && value.is_number_integer()) ||
           (type == "number" && value.is_number()) || (type == "boolean" && value.is_boolean()) ||
           (type == "object" && value.is_object()) || (type == "array" && value.is_array());
  }
};

// A value that a field of that kind refuses.
json wrong_for(FieldKind kind) {
  const bool by_text =
      kind == FieldKind::integer || kind == FieldKind::flag || kind == FieldKind::number;
  return by_text || kind == FieldKind::time ? json("x") : json(7);
}

json sample_for(FieldKind kind) {
  if (kind == FieldKind::integer || kind == FieldKind::number) return 5;
  if (kind == FieldKind::time) return "2026-01-01T00:00:00Z";
  if (kind == FieldKind::list) return json::array();
  if (kind == FieldKind::object) return json::object();
  return kind == FieldKind::flag ? json(true) : json("x");
}

}  // namespace

TEST_CASE("answers have the members that the document names, of their types, and no others") {
  Documented api;
  int checked = 0;
  for (const Route& route : route_table()) {
    if (route.method != Method::get || route.answer.empty()) continue;
    CAPTURE(route.pattern);
    std::string path = existing_path(route.pattern);
    if (path.ends_with("/rights")) path += "?action=read&resource=dag:demo";
    if (path.ends_with("/calendar")) path += "?at=2026-01-01T00:00:00Z&at=2026-01-02T00:00:00Z";
    if (route.pattern == "/api/lake/branches/{branch}/diff") path += "?table=gold/sales/tried";
    const auto response = api.call(Method::get, path);
    CHECK(response.status == route.status);
    const auto& content = api.operation(route)["responses"]["200"]["content"];
    const auto& schema = content["application/json"]["schema"];
    CHECK(api.mismatch(body_of(response), schema, "") == "");
    ++checked;
  }
  CHECK(checked > 35);
}

TEST_CASE("the document names the parameters that are served, and none that are refused") {
  Documented api;
  for (const Route& route : route_table()) {
    CAPTURE(route.pattern);
    std::set<std::string> named;
    for (const auto& row : api.operation(route)["parameters"]) {
      if (row["in"] == "query") named.insert(row["name"]);
    }
    std::set<std::string> served;
    for (const QueryParam& param : *route.query) {
      for (const ParamName& one : names_of(param)) {
        if (param.served) served.insert(one.name);
      }
    }
    if (!row_schema(route).list.empty()) served.emplace(fields_param);
    CHECK(named == served);
  }
}

TEST_CASE("each field of a body is read, with the type that the document names") {
  Documented api;
  for (const Route& route : route_table()) {
    json base = json::object();
    for (const BodyField& field : *route.body) {
      if (field.required) base[std::string(field.name)] = sample_for(field.kind);
    }
    if (route.pattern.ends_with("/login")) base = {{"username", "u"}, {"password", "p"}};
    if (route.pattern.ends_with("/clearTaskInstances")) base = {{"dag_run_id", "done"}};
    const auto path = existing_path(route.pattern);
    const auto& operation = api.operation(route);
    CHECK(operation.contains("requestBody") == !route.body->empty());
    for (const BodyField& field : *route.body) {
      CAPTURE(route.pattern);
      CAPTURE(field.name);
      const auto& schema = operation["requestBody"]["content"]["application/json"]["schema"];
      CHECK(schema["properties"].contains(std::string(field.name)));
      if (field.kind == FieldKind::any) continue;
      json body = base;
      body[std::string(field.name)] = wrong_for(field.kind);
      const auto response = api.call(route.method, path, body.dump());
      CHECK(response.status == 422);
      CHECK(body_of(response)["detail"][0]["loc"][1] == std::string(field.name));
    }
  }
}

TEST_CASE("what a body must have is what the document says it must") {
  Documented api;
  for (const Route& route : route_table()) {
    for (const BodyField& field : *route.body) {
      if (!field.required) continue;
      CAPTURE(route.pattern);
      CAPTURE(field.name);
      json body = json::object();
      for (const BodyField& other : *route.body) {
        if (other.required && other.name != field.name) {
          body[std::string(other.name)] = sample_for(other.kind);
        }
      }
      const auto response = api.call(route.method, existing_path(route.pattern), body.dump());
      CHECK(response.status == 422);
      CHECK(body_of(response)["detail"][0]["loc"][1] == std::string(field.name));
    }
  }
}

TEST_CASE("every reference of the document leads somewhere") {
  Documented api;
  const std::string text = api.document.dump();
  for (auto at = text.find("\"$ref\":\""); at != text.npos; at = text.find("\"$ref\":\"", at + 1)) {
    const auto start = at + std::string_view("\"$ref\":\"#").size();
    const json::json_pointer pointer(text.substr(start, text.find('"', start) - start));
    CHECK(api.document.contains(pointer));
  }
}

}  // namespace batuta::http
