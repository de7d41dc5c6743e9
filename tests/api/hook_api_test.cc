// Inbound webhooks: who signs may trigger, within a window, once.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "scheduler/store/crypto.h"
#include "tests/api/fake_services.h"

namespace batuta::http::hook_test {
namespace {

using nlohmann::json;
using std::chrono::minutes;

// "demo" has a webhook whose secret is a variable.
struct Hooked : TestApi {
  std::vector<RunRequested> asked;

  Hooked() {
    auto dag = std::make_shared<Dag>(*demo_dag());
    dag->webhook = Webhook{"", "hook_secret"};
    backend.bag->dags["demo"] = dag;
    Variable secret;
    secret.key = "hook_secret";
    secret.value = "a secret";
    registry.variable_rows["hook_secret"] = secret;
    backend.answer = [this](const Event& event) {
      Reply reply;
      if (const auto* run = std::get_if<RunRequested>(&event)) {
        asked.push_back(*run);
        reply.run = history.run_rows.front();
        reply.repeated = asked.size() > 1 && asked[0].idempotency_key == run->idempotency_key;
      }
      return reply;
    };
  }
  std::string signature(const std::string& body, Time at, const std::string& secret = "a secret",
                        const std::string& key = {}) {
    const auto seconds = std::to_string(
        std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
    return "t=" + seconds + ",v1=" +
           hex_of(hmac_sha256(secret, seconds + "." + (key.empty() ? "" : key + ".") + body));
  }
  Response send(const std::string& body, const std::string& header, const std::string& key = {},
                const std::string& path = "/hooks/demo") {
    Extra extra;
    if (!header.empty()) extra.headers.emplace_back("x-batuta-signature", header);
    if (!key.empty()) extra.headers.emplace_back("idempotency-key", key);
    return call(Method::post, path, body, "", extra);
  }
};

const std::string body = R"({"a": 1})";

TEST_CASE("a signed webhook triggers a run with its body as conf") {
  Hooked api;
  const Response response = api.send(body, api.signature(body, api.now));
  CHECK(response.status == 202);
  CHECK(body_of(response)["dag_id"] == "demo");
  CHECK(body_of(response)["repeated"] == false);
  REQUIRE(api.asked.size() == 1);
  CHECK(api.asked[0].dag_id == "demo");
  CHECK(json::parse(api.asked[0].conf_json)["a"] == 1);
  CHECK(api.asked[0].user == "webhook");
  CHECK_FALSE(api.asked[0].logical_date);
}

TEST_CASE("what is signed otherwise, or at another time, triggers nothing") {
  Hooked api;
  const std::string good = api.signature(body, api.now);
  CHECK(api.send(body, "").status == 401);
  CHECK(api.send(body, "t=x,v1=00").status == 401);
  CHECK(api.send(body, "v1=00").status == 401);
  CHECK(api.send(body, api.signature(body, api.now, "another")).status == 401);
  CHECK(api.send(R"({"a": 2})", good).status == 401);
  CHECK(api.send(body, api.signature(body, api.now - minutes(6))).status == 401);
  CHECK(api.send(body, api.signature(body, api.now + minutes(6))).status == 401);
  CHECK(api.asked.empty());
  CHECK(api.send(body, api.signature(body, api.now - minutes(4))).status == 202);
  CHECK(api.send(body, good + ",v1=" + std::string(64, '0')).status == 202);
}

TEST_CASE("a webhook without its secret lets nobody in") {
  Hooked api;
  api.registry.variable_rows.clear();
  CHECK(api.send(body, api.signature(body, api.now, "")).status == 401);
}

TEST_CASE(
    "a webhook whose secret is being looked up asks to deliver again, and waits for nothing") {
  Hooked api;
  api.secrets.sources = {{"HOOK"}, {}, {}};
  api.secrets.pending = true;
  api.registry.variable_rows["hook_secret"].value = R"({"$env":"HOOK"})";
  const std::string header = api.signature(body, api.now);
  const Response early = api.send(body, header);
  CHECK(early.status == 503);
  bool later = false;
  for (const auto& [name, value] : early.headers) later = later || name == "Retry-After";
  CHECK(later);
  api.secrets.pending = false;  // and there is nothing
  CHECK(api.send(body, header).status == 503);
  CHECK(api.asked.empty());
  api.secrets.values["HOOK"] = "a secret";
  CHECK(api.send(body, header).status == 202);
  CHECK(api.send(body, api.signature(body, api.now, "another")).status == 401);
  for (const std::string& one : api.secrets.asked) CHECK(one == "found HOOK");
}

TEST_CASE("where there is no webhook, or no DAG, the answer is the same") {
  Hooked api;
  auto plain = std::make_shared<Dag>(*demo_dag());
  plain->id = "plain";
  api.backend.bag->dags["plain"] = plain;
  const std::string header = api.signature(body, api.now);
  const Response none = api.send(body, header, "", "/hooks/plain");
  const Response nobody = api.send(body, header, "", "/hooks/nobody");
  CHECK(none.status == 404);
  CHECK(nobody.status == 404);
  CHECK(none.body == nobody.body);
}

TEST_CASE("the same delivery has the same key, and a key of its own is kept apart from triggers'") {
  Hooked api;
  const std::string header = api.signature(body, api.now);
  CHECK(api.send(body, header).status == 202);
  CHECK(body_of(api.send(body, header))["repeated"] == true);
  CHECK(api.asked[0].idempotency_key == api.asked[1].idempotency_key);
  CHECK(api.asked[0].request_digest == api.asked[1].request_digest);
  const auto keyed = [&](const std::string& key) {
    return api.signature(body, api.now, "a secret", key);
  };
  CHECK(api.send(body, keyed("order-7"), "order-7").status == 202);
  CHECK(api.asked[2].idempotency_key == "hook:order-7");
  const std::string long_key(201, 'k');
  CHECK(api.send(body, keyed(long_key), long_key).status == 422);
}

TEST_CASE("the key of a delivery with passwords tells nothing of them, and needs no secret.key") {
  Hooked api;
  auto dag = std::make_shared<Dag>(*api.backend.bag->dags.at("demo"));
  dag->params_json = R"({"t":{"type":"string","format":"password"}})";
  api.backend.bag->dags["demo"] = dag;
  const std::string own = R"({"t": "weak"})";
  const std::string header = api.signature(own, api.now);
  CHECK(api.send(own, header).status == 202);
  CHECK(api.send(own, header).status == 202);
  const std::string key = api.asked[0].idempotency_key;
  CHECK(key == api.asked[1].idempotency_key);
  const std::string seconds = header.substr(2, header.find(',') - 2);
  CHECK(key == "hook:" + hex_of(hmac_sha256("a secret", "delivery." + seconds + "." + own)));
  CHECK(api.send(own, api.signature(own, api.now, "a secret", "order-7"), "order-7").status == 202);
  CHECK(api.asked[2].idempotency_key == "hook:order-7");
}

TEST_CASE(
    "a delivery that somebody saw cannot be sent again under another key, or without its own") {
  Hooked api;
  const std::string keyed = api.signature(body, api.now, "a secret", "order-7");
  CHECK(api.send(body, keyed, "order-8").status == 401);
  CHECK(api.send(body, keyed).status == 401);
  CHECK(api.send(body, api.signature(body, api.now), "order-7").status == 401);
  CHECK(api.asked.empty());
  CHECK(api.send(body, keyed, "order-7").status == 202);
}

TEST_CASE("a webhook's body must be a JSON object that fits the params") {
  Hooked api;
  const std::string list = "[1]";
  CHECK(api.send(list, api.signature(list, api.now)).status >= 400);
  const std::string cut = R"({"a": )";
  CHECK(api.send(cut, api.signature(cut, api.now)).status >= 400);
  CHECK(api.asked.empty());
}

}  // namespace
}  // namespace batuta::http::hook_test
