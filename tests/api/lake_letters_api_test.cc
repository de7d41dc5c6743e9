// Dead letters over HTTP: who sees them, what a contract's masks hide, and what becomes of them.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "stream/letters.h"
#include "tests/api/fake_services.h"

namespace batuta::http {
namespace {

using nlohmann::json;
using stream::NewRecord;

constexpr char letters_path[] = "/api/lake/dead-letters/sales/orders";

struct Letters : TestApi {
  Letters() {
    add_person("clerk", {"read lake:sales/*", "edit lake:sales/*"});
    add_person("keeper", {"read lake:sales/*", "edit lake:sales/dlq"});
    add_person("stranger", {"read lake:bank/*", "edit lake:bank/*"});
    name_contract("");
    stream = *stream::open_file_stream(home + "/stream");
    REQUIRE(stream->create("Orders", {.partitions = 2}).ok());
    REQUIRE(stream->create("Orders.dlq", {}).ok());
    send({dead("one", 5, "not_json"), dead("two", 6, "missing_id", 5),
          dead("three", 7, "not_json")});
  }
  void add_person(const std::string& name, std::initializer_list<std::string_view> rights) {
    Role role{name, "", {}};
    for (const auto right : rights) role.grants.push_back(*parse_grant(right));
    REQUIRE(registry.add_role(role).ok());
    REQUIRE(registry.add_user(name, name, "hash").ok());
    registry.token_rows[name + "-token"].user = name;
  }
  void name_contract(const std::string& of_buyer, const std::string& properties = "") {
    const std::string yaml =
        "apiVersion: v3.1.0\nkind: DataContract\nid: o\nversion: '1'\nstatus: active\n"
        "domain: sales\nservers:\n  - {server: log, type: custom, format: stream" +
        properties +
        "}\nschema:\n  - name: orders\n    physicalName: Orders\n    properties:\n"
        "      - {name: id, logicalType: integer, primaryKey: true}\n"
        "      - {name: buyer, logicalType: string" +
        of_buyer + "}\n";
    auto bag = std::make_shared<DagBagSnapshot>(*backend.bag);
    auto dag = std::make_shared<Dag>(*demo_dag());
    const json task{{"task_id", "first"}, {"contract", {{"name", "sales/orders"}, {"yaml", yaml}}}};
    dag->canonical_json = json({{"tasks", {task}}}).dump();
    bag->dags["demo"] = dag;
    backend.bag = bag;
  }
  static NewRecord dead(const std::string& value, int offset, const std::string& reason,
                        int attempt = 1, const std::string& topic = "Orders") {
    NewRecord record;
    record.key = "k" + std::to_string(offset);
    record.value = value;
    record.headers = {{"from", "shop"},
                      {stream::letter_header::topic, topic},
                      {stream::letter_header::partition, "1"},
                      {stream::letter_header::offset, std::to_string(offset)},
                      {stream::letter_header::reason, reason},
                      {stream::letter_header::message, "said of " + value},
                      {stream::letter_header::attempt, std::to_string(attempt)}};
    return record;
  }
  void send(const std::vector<NewRecord>& records) {
    REQUIRE(stream->produce("Orders.dlq", records).ok());
  }
  // What the topic of orders got.
  std::vector<std::string> sent() {
    std::vector<std::string> out;
    const auto batch = stream->fetch("Orders", {{0, 0}, {1, 0}}, {});
    REQUIRE(batch.ok());
    for (const auto& record : batch->records) out.push_back(record.value.value_or("none"));
    return out;
  }
  json list(const std::string& query = "", const std::string& role = "clerk") {
    const Response answer = call(Method::get, letters_path + query, "", role);
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    return body_of(answer);
  }
  Response order(const json& body, const std::string& role = "clerk") {
    return call(Method::post, letters_path, body.dump(), role);
  }
  json done(const json& body, const std::string& role = "clerk") {
    const Response answer = order(body, role);
    INFO(answer.body);
    REQUIRE(answer.status == 200);
    return body_of(answer);
  }
  void refused(const json& body, int status, const std::string& words,
               const std::string& role = "clerk") {
    const Response answer = order(body, role);
    CAPTURE(answer.body);
    CHECK(answer.status == status);
    CHECK(answer.body.find(words) != std::string::npos);
  }
  std::unique_ptr<stream::Stream> stream;
};

}  // namespace

TEST_CASE_FIXTURE(Letters,
                  "dead letters: topics of contracts that one may read, and how many are open") {
  const json topics = body_of(call(Method::get, "/api/lake/dead-letters", "", "clerk"));
  REQUIRE(topics["total_entries"] == 1);
  CHECK(topics["topics"][0] == json({{"domain", "sales"},
                                     {"table", "orders"},
                                     {"topic", "Orders.dlq"},
                                     {"source_topic", "Orders"},
                                     {"open", 3},
                                     {"problem", nullptr}}));
  CHECK(body_of(call(Method::get, "/api/lake/dead-letters", "", "stranger"))["total_entries"] == 0);
  CHECK(call(Method::get, letters_path, "", "stranger").status == 403);
  CHECK(call(Method::get, "/api/lake/dead-letters/sales/none", "", "stranger").status == 403);
  CHECK(call(Method::get, "/api/lake/dead-letters/sales/none", "", "clerk").status == 404);
  name_contract("", ", customProperties: [{property: batuta.deadLetters, value: none}]");
  CHECK(call(Method::get, letters_path, "", "clerk").body.find("deadLetters: none") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(Letters,
                  "dead letters: listed by reason, one whole, bytes in base64, long ones cut") {
  send({dead(std::string("\xff\x00", 2), 8, "not_text"), dead(std::string(9000, 'x'), 9, "long")});
  const json all = list();
  CHECK(all["open"] == 5);
  CHECK(all["reasons"][1] == json({{"reason", "missing_id"}, {"open", 1}}));
  CHECK(all["letters"][0]["value"] == "one");
  CHECK(all["letters"][0]["letter"] == "0:0");
  CHECK(all["letters"][0]["message"] == "said of one");
  CHECK(all["letters"][0]["headers"] ==
        json::array({{{"name", "from"}, {"value", "shop"}, {"base64", false}}}));
  CHECK(all["letters"][3]["value"] == "/wA=");
  CHECK(all["letters"][3]["base64"] == json({"value"}));
  CHECK(all["letters"][4]["value"].get<std::string>().size() == 4096);
  CHECK(all["letters"][4]["cut"] == true);
  const json whole = body_of(call(Method::get, std::string(letters_path) + "/0:4", "", "clerk"));
  CHECK(whole["value"].get<std::string>().size() == 9000);
  CHECK(whole["cut"] == false);
  const json some = list("?reason=not_json&limit=1");
  CHECK(some["letters"].size() == 1);
  CHECK(some["more"] == true);
  CHECK(some["open"] == 5);
  CHECK(call(Method::get, std::string(letters_path) + "/0:99", "", "clerk").status == 404);
  CHECK(call(Method::get, std::string(letters_path) + "/here", "", "clerk").status == 422);
}

TEST_CASE_FIXTURE(Letters, "dead letters: a look ahead changes nothing, then each is done once") {
  const json replay{{"action", "replay"}, {"all", true}};
  json look = replay;
  look["dry_run"] = true;
  const auto written = registry.audit.size();
  const json seen = done(look);
  CHECK(seen["done"] == 2);
  CHECK(seen["staying"] == 1);
  CHECK(seen["stay"][0]["letter"] == "0:1");
  CHECK(seen["stay"][0]["why"].get<std::string>().find("tried 5 times") != std::string::npos);
  CHECK(sent().empty());
  CHECK(registry.audit.size() == written);
  CHECK(done(replay)["done"] == 2);
  CHECK(sent() == std::vector<std::string>{"one", "three"});
  CHECK(registry.audit.back().event == "lake_letters_replay");
  CHECK(registry.audit.back().owner == "clerk");
  CHECK(done(replay)["done"] == 0);
  CHECK(done({{"action", "repair"}, {"letters", {"0:1"}}, {"value", "{\"id\": 2}"}})["done"] == 1);
  CHECK(sent().back() == "{\"id\": 2}");
  CHECK(registry.audit.back().extra_json.find("\"id\"") == std::string::npos);  // never a value
  CHECK(list()["open"] == 0);
  refused({{"action", "replay"}, {"letters", {"0:1"}}}, 409, "nothing was done");
}

TEST_CASE_FIXTURE(Letters, "dead letters: a limit leaves the rest open and says how many") {
  const json told =
      done({{"action", "discard"}, {"reason", "not_json"}, {"limit", 1}, {"note", "a test"}});
  CHECK(told["done"] == 1);
  CHECK(told["left"] == 1);
  CHECK(told["letters"] == json::array({{{"letter", "0:0"}, {"reason", "not_json"}}}));
  CHECK(list()["open"] == 2);
  CHECK(sent().empty());
}

TEST_CASE_FIXTURE(
    Letters,
    "dead letters: an order says which, with what value and why; what cannot be is refused") {
  refused({{"action", "mend"}, {"all", true}}, 422, "repair, replay or discard");
  refused({{"action", "replay"}}, 422, "which letters?");
  refused({{"action", "replay"}, {"letters", {"first"}}}, 422, "as in 0:17");
  refused({{"action", "discard"}, {"all", true}}, 422, "why the letters are given up");
  refused({{"action", "repair"}, {"letters", {"0:0"}}}, 422, "must be given");
  refused({{"action", "repair"}, {"all", true}, {"value", "x"}}, 422, "the one letter");
  refused({{"action", "replay"}, {"all", true}, {"value", "x"}}, 422, "is of repair");
  refused({{"action", "discard"}, {"all", true}, {"note", "n"}, {"max_attempts", 3}}, 422,
          "is of replay");
  refused({{"action", "replay"}, {"letters", {"0:0", "0:77"}}}, 409, "no letter 0:77 is open");
  CHECK(sent().empty());
}

TEST_CASE_FIXTURE(Letters,
                  "dead letters: what is sent again is bronze's, whose right it needs; nothing "
                  "unwritten is done") {
  const json replay{{"action", "replay"}, {"all", true}};
  refused(replay, 403, "edit lake:sales/bronze", "keeper");
  refused(replay, 403, "edit lake:sales/dlq", "stranger");
  backend.write_error = Error{Errc::unavailable, "the store is away", {}};
  refused(replay, 503, "the store is away");
  backend.write_error.reset();
  CHECK(sent().empty());
  CHECK(list()["open"] == 3);
  CHECK(done({{"action", "discard"}, {"all", true}, {"note", "tests"}}, "keeper")["done"] == 3);
}

TEST_CASE_FIXTURE(Letters,
                  "dead letters: those of another topic in a shared one are not this contract's") {
  send({dead("secret of the bank", 1, "not_json", 1, "Accounts")});
  CHECK(list()["open"] == 3);
  CHECK(list()["letters"].dump().find("bank") == std::string::npos);
  CHECK(call(Method::get, std::string(letters_path) + "/0:3", "", "clerk").status == 404);
  refused({{"action", "replay"}, {"letters", {"0:3"}}}, 409, "no letter 0:3 is open");
}

TEST_CASE_FIXTURE(Letters,
                  "dead letters: where a contract masks a column all of what was sent is hidden") {
  name_contract(", customProperties: [{property: batuta.readMask, value: redact}]");
  for (const std::string& path : {std::string(letters_path), std::string(letters_path) + "/0:0"}) {
    const Response hidden = call(Method::get, path, "", "clerk");
    CAPTURE(hidden.body);
    CHECK(hidden.status == 200);
    CHECK(hidden.body.find("one") == std::string::npos);
    CHECK(hidden.body.find("shop") == std::string::npos);
    CHECK(body_of(hidden)["masked"] == json({"key", "value", "headers", "message"}));
  }
  CHECK(list()["letters"][0]["reason"] == "not_json");
  const auto written = registry.audit.size();
  CHECK(list("", "admin")["letters"][0]["value"] == "one");
  REQUIRE(registry.audit.size() == written + 1);
  CHECK(registry.audit.back().event == "lake_rows_unmasked");
  CHECK(json::parse(registry.audit.back().extra_json)["table"] == "dlq/sales/orders");
  // Sent again unseen.
  CHECK(done({{"action", "replay"}, {"letters", {"0:0"}}})["done"] == 1);
}

TEST_CASE_FIXTURE(Letters,
                  "dead letters: a topic that does not answer keeps nobody else waiting, neither "
                  "who reads letters, nor who orders, nor who reads the lake") {
  std::promise<void> go;
  const auto gone_on = go.get_future().share();
  std::atomic<int> opened{0};
  topic_opens = [&] {
    if (++opened == 1) gone_on.wait();
  };
  auto slow = TestApi::send(Method::get, letters_path, "", "clerk");
  while (opened == 0) std::this_thread::yield();
  auto behind = TestApi::send(Method::get, letters_path, "", "clerk");
  auto other = TestApi::send(Method::get, letters_path, "", "keeper");
  const json discard{{"action", "discard"}, {"letters", {"0:1"}}, {"note", "tests"}};
  auto ordered = TestApi::send(Method::post, letters_path, discard.dump(), "clerk");
  auto cost = TestApi::send(Method::get, "/api/lake/domains/sales/cost", "", "admin");
  constexpr auto patience = std::chrono::seconds(20);
  for (auto* answer : {&other, &ordered, &cost})
    CHECK(answer->wait_for(patience) == std::future_status::ready);
  CHECK(slow.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
  CHECK(behind.wait_for(std::chrono::seconds(0)) != std::future_status::ready);
  go.set_value();
  CHECK(other.get().status == 200);
  CHECK(ordered.get().status == 200);
  CHECK(cost.get().status == 200);
  CHECK(slow.get().status == 200);
  CHECK(body_of(behind.get())["open"] == 2);
}

TEST_CASE_FIXTURE(Letters, "dead letters: where there is no topic yet there are none") {
  std::filesystem::remove_all(home + "/stream/Orders.dlq");
  CHECK(list()["open"] == 0);
  CHECK(done({{"action", "replay"}, {"all", true}})["done"] == 0);
}

}  // namespace batuta::http
