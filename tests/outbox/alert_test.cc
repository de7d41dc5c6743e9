// What Slack, a webhook and a mail are told.
#include "scheduler/outbox/alert.h"

#include <doctest/doctest.h>

#include <functional>
#include <nlohmann/json.hpp>

using namespace batuta;
using nlohmann::json;

namespace {

Alert failure() {
  Alert alert;
  alert.connection = "out";
  alert.dag_id = "etl";
  alert.dag_run_id = "scheduled__1";
  alert.execution_id = "00000000-0000-4000-8000-000000000001";
  alert.task_id = "load";
  alert.try_number = 3;
  alert.reason = "exit code 1 <@U1> & co";
  alert.log = "uuid/0.log";
  return alert;
}

Sending sending() {
  return {"store-uuid", "https://batuta.example.org", *parse_iso("2026-11-20T12:00:00Z"),
          [](const std::string& log) {
            return log == "uuid/0.log" ? std::string("first\n```<b>") : std::string();
          }};
}

std::string plain(const std::string& text) {
  return text;
}

// Every text anywhere in the blocks.
std::string all_texts(const json& node) {
  if (node.is_string()) return node.get<std::string>() + "\n";
  std::string out;
  if (node.is_structured()) {
    for (const json& item : node) out += all_texts(item);
  }
  return out;
}

// Slack is told of every text with formatting in it to make no links of its own.
void check_verbatim(const json& node) {
  if (!node.is_structured()) return;
  if (node.is_object() && node.value("type", json()) == "mrkdwn") {
    CHECK_MESSAGE(node.value("verbatim", false), node.dump());
  }
  for (const json& item : node) check_verbatim(item);
}

OutboxRow row_of(std::int64_t id, const Alert& alert) {
  OutboxRow row;
  row.id = id;
  row.payload_json = alert_payload(alert);
  return row;
}

}  // namespace

TEST_CASE("what a payload keeps comes back, and one of the release before is a text to a channel") {
  Alert alert = failure();
  alert.channel_kind = "mail";
  alert.on = AlertOn::recovery;
  alert.map_index = 4;
  alert.map_name = "eu";
  alert.to = {"ops@example.org"};
  alert.subject = "s";
  alert.every = std::chrono::hours(1);
  const auto back = read_alert(alert_payload(alert));
  REQUIRE(back.ok());
  CHECK(alert_payload(*back) == alert_payload(alert));
  CHECK(back->every == alert.every);
  const auto old = read_alert(
      R"({"connection":"c","dag_id":"d","body":{"text":"t","channel":"#x","username":"u"}})");
  REQUIRE(old.ok());
  CHECK(old->channel == "#x");
  CHECK(alert_text(*old, plain) == "t");
  for (const char* bad : {"", "[]", "{}", R"({"connection":1,"notifier":"slack"})"}) {
    CHECK(read_alert(bad).error().code == Errc::malformed);
  }
}

TEST_CASE("whatever its author wrote, a text names DAG, task, run and reason, each once") {
  Alert alert = failure();
  CHECK(alert_text(alert, plain) ==
        "Task failed: etl.load\nRun: scheduled__1\nExecution: "
        "00000000-0000-4000-8000-000000000001\nTry: 3\nReason: exit code 1 <@U1> & co");
  alert.text = "alas";
  CHECK(alert_text(alert, plain) ==
        "alas\nTask failed: etl.load\nRun: scheduled__1\nReason: exit code 1 <@U1> & co");
  alert.text = "etl load scheduled__1: exit code 1 <@U1> & co";
  CHECK(alert_text(alert, plain) == alert.text);
  alert.text.clear();
  alert.mishap = "no param x";
  CHECK(alert_text(alert, plain).ends_with("\nno param x"));
}

TEST_CASE("Slack gets a text and blocks with the facts, the last lines of the log and a link") {
  const json body = json::parse(slack_body({{7, failure()}}, sending()));
  CHECK(body["text"].get<std::string>().starts_with(":red_circle: Task failed: etl.load\n"));
  CHECK(body.dump().find("<@U1>") == std::string::npos);  // what others wrote mentions nobody
  check_verbatim(body);
  const std::string texts = all_texts(body["blocks"]);
  for (const char* part :
       {"Task failed: etl.load", "*DAG*\netl", "*Task*\nload", "*Run*\nscheduled__1", "*Try*\n3",
        "*Reason*\nexit code 1 &lt;@U1&gt; &amp; co", "first\n'''&lt;b&gt;",
        "https://batuta.example.org/#/dags/etl/runs/scheduled__1?task=load"}) {
    CHECK_MESSAGE(texts.find(part) != std::string::npos, texts);
  }
  Alert recovered = failure();
  recovered.on = AlertOn::recovery;
  recovered.reason = "after 2 failed runs in a row";
  const json good = json::parse(slack_body({{8, recovered}}, sending()));
  CHECK(good["text"].get<std::string>().starts_with(
      ":large_green_circle: Task succeeded again: etl.load\n"));
}

TEST_CASE("an author's long text is several sections, none longer than Slack takes") {
  Alert alert = failure();
  for (int line = 0; line < 400; ++line) alert.text += "line " + std::to_string(line) + " &amp;\n";
  alert.text += std::string(7000, 'x') + "<https://example.org/a b|name>";
  const json body = json::parse(slack_body({{7, alert}}, sending()));
  const std::string texts = all_texts(body["blocks"]);
  for (int line = 0; line < 400; ++line) {
    CHECK(texts.find("line " + std::to_string(line) + " &amp;\n") != std::string::npos);
  }
  CHECK(texts.find("<https://example.org/a b|name>") != std::string::npos);
  CHECK(texts.find("…") == std::string::npos);
  CHECK(body["blocks"].size() <= 50);
  for (const json& block : body["blocks"]) {
    if (!block.contains("text")) continue;
    CHECK(block["text"]["text"].get<std::string>().size() <= 3000);
  }
  alert.text = std::string(300'000, '<');
  const json cut = json::parse(slack_body({{7, alert}}, sending()));
  CHECK(cut["blocks"].size() <= 50);
  CHECK(all_texts(cut["blocks"]).find("<…\n") != std::string::npos);
}

TEST_CASE(
    "a text that quoting makes long is bounded beside the blocks, with dots and whole signs") {
  Alert alert = failure();
  alert.reason = std::string(20'000, '&');
  const json body = json::parse(slack_body({{7, alert}}, sending()));
  const auto text = body["text"].get<std::string>();
  CHECK(text.size() <= 39'000);
  CHECK(text.ends_with("&amp;…"));
}

TEST_CASE("a digest says how many of which DAG; what does not fit into it goes in the next one") {
  std::vector<NumberedAlert> alerts;
  for (std::int64_t id = 0; id < 100; ++id) {
    Alert alert = failure();
    alert.dag_run_id = "run_" + std::to_string(id) + "_";
    alert.reason = std::string(static_cast<std::size_t>(id) * 8, '&');
    alerts.push_back({id, alert});
  }
  std::string told;
  int messages = 0;
  while (!alerts.empty()) {
    const std::size_t fits = slack_fits(alerts, sending());
    REQUIRE(fits >= 1);
    const json body = json::parse(slack_body(alerts, sending()));
    CHECK(body["text"].get<std::string>().starts_with("*" + std::to_string(fits) +
                                                      " alerts of etl*\n\n:red_circle: Task"));
    CHECK(body["text"].get<std::string>().size() <= 39'000);
    CHECK(body["blocks"].size() <= 50);
    check_verbatim(body);
    for (const json& block : body["blocks"]) {
      CHECK(block["text"]["text"].get<std::string>().size() <= 3000);
    }
    told += all_texts(body["blocks"]);
    alerts.erase(alerts.begin(), alerts.begin() + static_cast<std::ptrdiff_t>(fits));
    ++messages;
  }
  CHECK(messages > 1);
  CHECK(messages < 6);
  for (int id = 0; id < 100; ++id) {
    CHECK(told.find("run_" + std::to_string(id) + "_\n") != std::string::npos);
  }
  CHECK(told.find("…") == std::string::npos);
}

TEST_CASE("a webhook is signed over time and body, as the documentation says") {
  // Python: hmac.new(b"key", b'1763640000.{"a":1}', "sha256").hexdigest()
  CHECK(webhook_signature("key", R"({"a":1})", *parse_iso("2025-11-20T12:00:00Z")) ==
        "t=1763640000,v1=ab61506904350a039a735250d9858c361dea61eee0408eeffdb7b2fe8d8ee96e");
  Connection connection;
  connection.host = "https://hooks.example/in";
  connection.password = "key";
  connection.extra = R"({"proxy":"http://proxy:3128","ca_file":"/etc/ca.pem"})";
  Alert alert = failure();
  alert.channel_kind = "webhook";
  HttpRequest seen;
  const auto http = [&](const HttpRequest& request) -> Result<HttpAnswer> {
    seen = request;
    HttpAnswer answer;
    answer.status = 204;
    return answer;
  };
  Alert broken = alert;
  broken.mishap = "no param x";
  CHECK(send_alerts({row_of(7, alert), row_of(8, broken)}, connection, sending(), {http, {}}).sent);
  CHECK(seen.url == "https://hooks.example/in");  // the key is in no address
  CHECK(seen.outgoing.proxy == "http://proxy:3128");
  CHECK(seen.outgoing.ca_file == "/etc/ca.pem");
  REQUIRE(seen.headers.size() == 2);
  CHECK(seen.headers[1].first == "X-Batuta-Signature");
  CHECK(seen.headers[1].second == webhook_signature("key", seen.body, sending().now));
  const json body = json::parse(seen.body);
  CHECK(body["version"] == 1);
  REQUIRE(body["alerts"].size() == 2);
  const json& first = body["alerts"][0];
  CHECK(first["id"] == "store-uuid/7");
  CHECK(first["on"] == "failure");
  CHECK(first["dag_id"] == "etl");
  CHECK(first["task_id"] == "load");
  CHECK(first["dag_run_id"] == "scheduled__1");
  CHECK(first["reason"] == "exit code 1 <@U1> & co");
  CHECK(first["template_error"].is_null());
  CHECK(body["alerts"][1]["template_error"] == "no param x");
  connection.password.clear();
  CHECK(send_alerts({row_of(7, alert)}, connection, sending(), {http, {}}).sent);
  CHECK(seen.headers.size() == 1);
}

TEST_CASE("a request that is owed goes to its connection's server alone, by its token") {
  Connection connection;
  connection.id = "dbx";
  connection.conn_type = "databricks";
  connection.host = "adb-1.azuredatabricks.net";
  connection.password = "dapi-1";
  Alert owed = failure();
  owed.channel_kind = "request";
  owed.connection = "dbx";
  owed.request_json = R"({"method":"POST","url":"/api/2.1/jobs/runs/cancel","body":{"run_id":7}})";
  HttpRequest seen;
  int status = 200;
  const auto http = [&](const HttpRequest& request) -> Result<HttpAnswer> {
    seen = request;
    HttpAnswer answer;
    answer.status = status;
    return answer;
  };
  const auto send = [&](const Alert& alert) {
    return send_alerts({row_of(7, alert), row_of(8, alert)}, connection, sending(), {http, {}});
  };
  const SendResult sent = send(*read_alert(alert_payload(owed)));
  CHECK(sent.sent);
  CHECK(sent.left == 1);  // each is a request of its own
  CHECK(seen.method == "POST");
  CHECK(seen.url == "https://adb-1.azuredatabricks.net/api/2.1/jobs/runs/cancel");
  CHECK(seen.body == R"({"run_id":7})");
  CHECK(seen.headers.at(0) ==
        std::pair<std::string, std::string>("Authorization", "Bearer dapi-1"));
  CHECK(seen.login.empty());
  status = 503;
  CHECK_FALSE(send(owed).final);
  status = 400;
  CHECK(send(owed).final);
  seen = {};
  owed.request_json = R"({"url":"https://adb-1.azuredatabricks.net.evil/x"})";
  CHECK(send(owed).final);
  CHECK(seen.url.empty());
  CHECK(alert_headline(owed) == "Cancel what it started: etl.load");
  connection.extra = R"({"headers":{"X-Key":"k-1"}})";
  owed.request_json = R"({"method":"DELETE","url":"/runs/7?by=https://batuta.example.org"})";
  status = 200;
  CHECK(send(owed).sent);
  CHECK(seen.url == "https://adb-1.azuredatabricks.net/runs/7?by=https://batuta.example.org");
  CHECK(seen.headers.back() == std::pair<std::string, std::string>("X-Key", "k-1"));
}

TEST_CASE("a mail goes to its receivers by the connection's server; what it refuses is given up") {
  Connection connection;
  connection.host = "mail.example.org";
  connection.login = "batuta@example.org";
  connection.password = "secret";
  Alert alert = failure();
  alert.channel_kind = "mail";
  alert.to = {"ops@example.org"};
  MailRequest seen;
  Status outcome = success();
  const auto mail = [&](const MailRequest& request) {
    seen = request;
    return outcome;
  };
  const auto send = [&] {
    return send_alerts({row_of(7, alert)}, connection, sending(), {{}, mail});
  };
  CHECK(send().sent);
  CHECK(seen.host == "mail.example.org");
  CHECK(seen.from == "batuta@example.org");
  CHECK(seen.to == alert.to);
  CHECK(seen.subject == "[Batuta] Task failed: etl.load");
  CHECK(seen.message_id == "7.store-uuid@batuta");
  CHECK(seen.text.find("Reason: exit code 1 <@U1> & co") != std::string::npos);
  CHECK(seen.text.find("Last lines of its log:\nfirst") != std::string::npos);
  outcome = Status(Errc::invalid, "mail.example.org: the mail server answered 550");
  CHECK(send().final);
  outcome = Status(Errc::unavailable, "away");
  CHECK_FALSE(send().final);
  connection.login = "batuta";  // no sender: can be mended
  CHECK_FALSE(send().final);
  CHECK(send().error.find("\"from\"") != std::string::npos);
}

TEST_CASE("a digest's message id is the same for the same alerts and another for others") {
  Alert alert = failure();
  alert.channel_kind = "mail";
  const auto id_of = [&](const std::vector<std::int64_t>& ids) {
    std::vector<NumberedAlert> alerts;
    for (const std::int64_t id : ids) alerts.push_back({id, alert});
    MailRequest request;
    fill_mail(alerts, sending(), request);
    return request.message_id;
  };
  CHECK(id_of({7}) == "7.store-uuid@batuta");
  CHECK(id_of({7, 8}).starts_with("7-"));
  CHECK(id_of({7, 8}).ends_with(".store-uuid@batuta"));
  CHECK(id_of({7, 8}) == id_of({7, 8}));
  CHECK(id_of({7, 8}) != id_of({7, 9}));
  CHECK(id_of({7, 8}) != id_of({7, 8, 9}));
  CHECK(id_of({7, 89}) != id_of({7, 8, 9}));
}

namespace {

// Refuses whatever goes to one who is gone.
struct Receivers {
  std::vector<std::vector<std::string>> taken;
  Errc others = Errc::ok;  // what becomes of those who are not gone
  int tries = 0;

  Status operator()(const MailRequest& request) {
    ++tries;
    for (const std::string& to : request.to) {
      if (to.starts_with("gone")) return {Errc::invalid, "mail: the mail server answered 550"};
    }
    if (others != Errc::ok) return {others, "mail: the mail server answered 450"};
    taken.push_back(request.to);
    return success();
  }
};

}  // namespace

TEST_CASE("a receiver that is refused, or is no address, costs the other receivers nothing") {
  Connection connection;
  connection.host = "mail.example.org";
  connection.login = "batuta@example.org";
  Alert alert = failure();
  alert.channel_kind = "mail";
  alert.to = {"a@example.org", "gone@example.org", "{{ params.nobody }}", "b@example.org"};
  Receivers receivers;
  const auto result =
      send_alerts({row_of(7, alert)}, connection, sending(), {{}, std::ref(receivers)});
  CHECK(result.sent);
  CHECK(receivers.taken ==
        std::vector<std::vector<std::string>>{{"a@example.org"}, {"b@example.org"}});
  MailRequest request;
  request.to = alert.to;
  const MailReach reach = send_to_each(request, std::ref(receivers));
  CHECK(reach.reached == std::vector<std::string>{"a@example.org", "b@example.org"});
  REQUIRE(reach.missed.size() == 2);
  CHECK(reach.missed[0].starts_with("\"{{ params.nobody }}\" is no mail address"));
  CHECK(reach.missed[1] == "gone@example.org: mail: the mail server answered 550");
  // Those who can be reached get one message together where nobody is refused.
  request.to = {"a@example.org", "", "b@example.org"};
  receivers.taken.clear();
  CHECK(send_to_each(request, std::ref(receivers)).status);
  CHECK(receivers.taken ==
        std::vector<std::vector<std::string>>{{"a@example.org", "b@example.org"}});
}

TEST_CASE("a mail that nobody takes fails: for good when all are refused, else to be tried again") {
  MailRequest request;
  Receivers receivers;
  request.to = {"gone1@example.org", "gone2@example.org"};
  CHECK(send_to_each(request, std::ref(receivers)).status.error().code == Errc::invalid);
  CHECK(receivers.tries == 3);
  request.to = {"nobody"};
  CHECK(send_to_each(request, std::ref(receivers)).status.error().code == Errc::invalid);
  CHECK(receivers.tries == 3);  // the server is not bothered
  receivers.others = Errc::unavailable;
  request.to = {"gone@example.org", "a@example.org", "b@example.org"};
  const MailReach reach = send_to_each(request, std::ref(receivers));
  CHECK(reach.status.error().code == Errc::unavailable);
  CHECK(reach.reached.empty());
}

TEST_CASE("a mail's headers hold what they are given in one line, and only real addresses") {
  MailRequest request;
  request.from = "batuta@example.org";
  request.to = {"a@example.org", "b@example.org"};
  request.subject = "Falha: ção\r\nBcc: all@example.org";
  request.text = "olá";
  request.date = *parse_iso("2026-11-20T12:00:00Z");
  const auto message = mail_message(request);
  REQUIRE(message.ok());
  CHECK(message->find("Date: Fri, 20 Nov 2026 12:00:00 +0000\r\n") == 0);
  CHECK(message->find("\r\nTo: a@example.org,\r\n b@example.org\r\n") != std::string::npos);
  CHECK(message->find("\r\nBcc:") == std::string::npos);
  CHECK(message->find("\r\nSubject: =?UTF-8?B?") != std::string::npos);
  CHECK(message->ends_with("\r\n\r\nb2zDoQ==\r\n"));
  for (const char* bad :
       {"", "ops", "@x", "a@", "a@b@c", "a b@c", "a@b\r\nRCPT TO:<c@d>", "<a@b>"}) {
    request.to = {bad};
    CHECK_MESSAGE(mail_message(request).error().code == Errc::invalid, std::string(bad));
  }
}
