#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "lakelog/snapshot.h"
#include "scheduler/outbox/alert.h"
#include "scheduler/outbox/outbox.h"
#include "tests/lakelog/lake_fixture.h"

using namespace batuta;

namespace {

Connection slack() {
  Connection connection;
  connection.id = "slack_alerts";
  connection.host = "https://hooks.example/services";
  connection.password = "T000/B000/secret";
  return connection;
}

Result<HttpAnswer> status(int code, std::vector<std::pair<std::string, std::string>> headers = {}) {
  HttpAnswer answer;
  answer.status = code;
  answer.headers = std::move(headers);
  return answer;
}

const Time midday = *parse_iso("2026-11-20T12:00:00Z");

std::string payload_of(const std::string& text, const std::string& channel = "#etl") {
  Alert alert;
  alert.connection = "slack_alerts";
  alert.dag_id = "etl";
  alert.text = text;
  alert.channel = channel;
  alert.username = "batuta";
  return alert_payload(alert);
}
const std::string payload = payload_of("task failed in etl");

SendResult send(const std::optional<Connection>& connection,
                const std::function<Result<HttpAnswer>(const HttpRequest&)>& http) {
  OutboxRow row;
  row.id = 7;
  row.payload_json = payload;
  return send_alerts({row}, connection, {"store", "", midday, {}}, {http, {}});
}

// Waits for a named thing to happen on the outbox's threads.
class Signal {
 public:
  void raise() {
    std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  bool wait(int times = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return count_ >= times; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

}  // namespace

TEST_CASE("an alert is one POST to the connection's webhook with channel and user name") {
  HttpRequest seen;
  const auto result = send(slack(), [&](const HttpRequest& request) {
    seen = request;
    return status(200);
  });
  CHECK(result.sent);
  CHECK(seen.method == "POST");
  CHECK(seen.url == "https://hooks.example/services/T000/B000/secret");
  const auto body = nlohmann::json::parse(seen.body);
  CHECK(body["channel"] == "#etl");
  CHECK(body["username"] == "batuta");
  CHECK(body["text"] == "task failed in etl");
}

TEST_CASE("a port in the connection goes between host and path") {
  Connection connection;
  connection.host = "http://localhost/hook";
  connection.port = 8099;
  std::string url;
  send(connection, [&](const HttpRequest& request) {
    url = request.url;
    return status(200);
  });
  CHECK(url == "http://localhost:8099/hook");
}

TEST_CASE("a rate-limited alert waits as long as the receiver says, but 15 minutes at most") {
  const auto answer = [](const char* seconds) {
    return send(slack(), [&](const HttpRequest&) {
      return status(429, {{"retry-after", seconds}});
    });
  };
  CHECK(answer("7").retry_after == Duration(std::chrono::seconds(7)));
  CHECK_FALSE(answer("7").final);
  CHECK(answer("86400").retry_after == Duration(std::chrono::minutes(15)));
  CHECK_FALSE(answer("soon").retry_after);
  CHECK(answer("Fri, 20 Nov 2026 12:00:09 GMT").retry_after == Duration(std::chrono::seconds(9)));
  CHECK(answer("Fri, 20 Nov 2026 11:00:00 GMT").retry_after == Duration::zero());
  CHECK(answer("Sat, 21 Nov 2026 12:00:00 GMT").retry_after == Duration(std::chrono::minutes(15)));
  CHECK_FALSE(answer("Fri, 20 Nov 2026 12:00:09 GMT or so").retry_after);
}

TEST_CASE("an error names the receiver's host and not the secret behind it; a long answer is one") {
  const auto refused = send(slack(), [](const HttpRequest& request) {
    CHECK(request.ignore_body);
    return status(500);
  });
  CHECK(refused.error == "the webhook at hooks.example answered 500");
  const auto gone = send(slack(), [](const HttpRequest&) {
    return Result<HttpAnswer>(Errc::unavailable, "it refused the connection");
  });
  CHECK(gone.error == "hooks.example: it refused the connection");
}

TEST_CASE("a refusal of the message itself is final, a failing receiver is not") {
  const auto with = [](int code) {
    return send(slack(), [code](const HttpRequest&) { return status(code); });
  };
  CHECK(with(404).final);
  CHECK(with(400).final);
  CHECK_FALSE(with(500).final);
  CHECK_FALSE(with(503).final);
  CHECK_FALSE(send(std::nullopt, [](const HttpRequest&) { return status(200); }).final);
}

TEST_CASE("the outbox sends an alert after failures and forgets it only when that is durable") {
  Signal deleted;
  int calls = 0;
  int deletions = 0;
  Outbox::Hooks hooks;
  hooks.post = [](const Event&) { return true; };
  hooks.delete_rows = [&](const std::vector<std::int64_t>&) {
    if (++deletions == 1) return false;  // the store cannot write for a moment
    deleted.raise();
    return true;
  };
  hooks.save_row = [](const OutboxRow&) { return true; };
  hooks.connection = [](const std::string&) { return std::optional(slack()); };
  hooks.http = [&](const HttpRequest&) { return ++calls < 3 ? status(500) : status(200); };
  Outbox outbox({"/nowhere", "store", 1, std::chrono::milliseconds(1)}, hooks);
  outbox.start();
  Changes changes;
  OutboxRow row;
  row.id = 1;
  row.kind = OutboxKind::alert;
  row.key = "slack_alerts";
  row.payload_json = payload;
  row.created_at = read_clock().wall;
  changes.outbox.push_back(row);
  outbox.on_committed(changes);
  REQUIRE(deleted.wait());
  outbox.stop();
  CHECK(calls == 3);
  CHECK(outbox.counts().alerts_sent == 1);
  CHECK(outbox.counts().pending == 0);
}

TEST_CASE("a receiver that asks for the next try at once is given the usual time between tries") {
  for (const char* asked : {"0", "Fri, 20 Nov 2026 11:00:00 GMT"}) {
    Signal saved;
    OutboxRow kept;
    Outbox::Hooks hooks;
    hooks.post = [](const Event&) { return true; };
    hooks.delete_rows = [](const std::vector<std::int64_t>&) { return true; };
    hooks.save_row = [&](const OutboxRow& row) {
      kept = row;
      saved.raise();
      return true;
    };
    hooks.connection = [](const std::string&) { return std::optional(slack()); };
    hooks.http = [&](const HttpRequest&) { return status(429, {{"retry-after", asked}}); };
    hooks.now = [] { return midday; };
    Outbox outbox({"/nowhere", "store", 1, std::chrono::milliseconds(1)}, hooks);
    OutboxRow row;
    row.id = 1;
    row.kind = OutboxKind::alert;
    row.key = "slack_alerts";
    row.payload_json = payload;
    row.created_at = midday;
    row.tries = 3;
    outbox.reload({row}, {});
    outbox.start();
    REQUIRE(saved.wait());
    outbox.stop();
    CHECK(kept.next_try_at == midday + std::chrono::milliseconds(800));
  }
}

TEST_CASE("an alert whose webhook is a reference waits while it cannot be opened, then is sent") {
  Signal settled;
  std::string waited, url;
  bool there = false;  // of the one thread of the outbox
  Outbox::Hooks hooks;
  hooks.post = [](const Event&) { return true; };
  hooks.delete_rows = [&](const std::vector<std::int64_t>&) {
    settled.raise();
    return true;
  };
  hooks.save_row = [&](const OutboxRow& row) {
    waited = row.dead ? "dead" : row.last_error;
    there = true;
    return true;
  };
  hooks.connection = [](const std::string&) {
    Connection connection = slack();
    connection.password = R"({"$env":"HOOK"})";
    return std::optional(connection);
  };
  hooks.open = [&](Connection& connection) -> Status {
    if (!there) return {Errc::unavailable, R"(password {"$env":"HOOK"}: gone)"};
    connection.password = "T/B/opened";
    return success();
  };
  hooks.http = [&](const HttpRequest& request) {
    url = request.url;
    return status(200);
  };
  Outbox outbox({"/nowhere", "store", 1, std::chrono::milliseconds(1)}, hooks);
  OutboxRow row;
  row.id = 1;
  row.kind = OutboxKind::alert;
  row.key = "slack_alerts";
  row.payload_json = payload;
  row.created_at = read_clock().wall;
  outbox.reload({row}, {});
  outbox.start();
  REQUIRE(settled.wait());
  outbox.stop();
  CHECK(waited == R"(connection "slack_alerts": password {"$env":"HOOK"}: gone)");
  CHECK(url == "https://hooks.example/services/T/B/opened");
  CHECK(outbox.counts().alerts_sent == 1);
}

TEST_CASE("what does not fit into one message to Slack goes in the next, within an interval too") {
  Signal deleted;
  std::vector<std::string> bodies;
  int saved = 0;
  Outbox::Hooks hooks;
  hooks.post = [](const Event&) { return true; };
  hooks.delete_rows = [&](const std::vector<std::int64_t>& ids) {
    for (std::size_t n = 0; n < ids.size(); ++n) deleted.raise();
    return true;
  };
  hooks.save_row = [&](const OutboxRow&) {
    ++saved;
    return true;
  };
  hooks.connection = [](const std::string&) { return std::optional(slack()); };
  hooks.http = [&](const HttpRequest& request) {
    bodies.push_back(request.body);
    return status(200);
  };
  Outbox outbox({"/nowhere", "store", 1, std::chrono::milliseconds(1)}, hooks);
  Changes changes;
  for (int id = 1; id <= 50; ++id) {
    Alert alert;
    alert.connection = "slack_alerts";
    alert.dag_id = "etl";
    alert.dag_run_id = "run_" + std::to_string(id) + "_";
    alert.reason = std::string(280, '&');
    alert.every = std::chrono::hours(1);
    OutboxRow row;
    row.id = id;
    row.kind = OutboxKind::alert;
    row.key = "slack_alerts";
    row.payload_json = alert_payload(alert);
    row.created_at = read_clock().wall;
    changes.outbox.push_back(row);
  }
  outbox.on_committed(changes);
  outbox.start();
  REQUIRE(deleted.wait(50));
  outbox.stop();
  CHECK(bodies.size() == 2);
  CHECK(saved == 0);
  std::string blocks;
  for (const std::string& body : bodies) blocks += nlohmann::json::parse(body)["blocks"].dump();
  for (int id = 1; id <= 50; ++id) {
    CHECK(blocks.find("run_" + std::to_string(id) + "_") != std::string::npos);
  }
}

TEST_CASE("alerts refused together are tried one by one, and only the refused one is dead") {
  Signal settled;
  std::vector<std::string> dead;
  Outbox::Hooks hooks;
  hooks.post = [](const Event&) { return true; };
  hooks.delete_rows = [&](const std::vector<std::int64_t>&) {
    settled.raise();
    return true;
  };
  hooks.save_row = [&](const OutboxRow& row) {
    if (row.dead) {
      dead.push_back(row.last_error);
      settled.raise();
    }
    return true;
  };
  hooks.connection = [](const std::string&) { return std::optional(slack()); };
  hooks.http = [](const HttpRequest& request) {
    return status(request.body.find("bad") == std::string::npos ? 200 : 400);
  };
  Outbox outbox({"/nowhere", "store", 1, std::chrono::milliseconds(1)}, hooks);
  Changes changes;
  for (const char* text : {"good", "bad", "fine"}) {
    OutboxRow row;
    row.id = static_cast<std::int64_t>(changes.outbox.size()) + 1;
    row.kind = OutboxKind::alert;
    row.key = "slack_alerts";
    row.payload_json = payload_of(text, "");
    row.created_at = read_clock().wall;
    changes.outbox.push_back(row);
  }
  outbox.on_committed(changes);
  outbox.start();
  REQUIRE(settled.wait(3));
  outbox.stop();
  CHECK(dead == std::vector<std::string>{"the webhook at hooks.example answered 400"});
  CHECK(outbox.counts().alerts_sent == 2);
  CHECK(outbox.counts().pending == 0);
}

TEST_CASE("an alert that nobody takes for a day is dead, visible and kept") {
  Signal saved_dead;
  OutboxRow last;
  Outbox::Hooks hooks;
  hooks.post = [](const Event&) { return true; };
  hooks.delete_rows = [](const std::vector<std::int64_t>&) { return true; };
  hooks.save_row = [&](const OutboxRow& row) {
    if (row.dead) {
      last = row;
      saved_dead.raise();
    }
    return true;
  };
  hooks.connection = [](const std::string&) { return std::optional(slack()); };
  hooks.http = [](const HttpRequest&) { return status(503); };
  Outbox outbox({"/nowhere", "store", 1}, hooks);
  OutboxRow row;
  row.id = 1;
  row.kind = OutboxKind::alert;
  row.key = "slack_alerts";
  row.payload_json = payload;
  row.created_at = read_clock().wall - std::chrono::hours(25);
  outbox.reload({row}, {});
  outbox.start();
  REQUIRE(saved_dead.wait());
  outbox.stop();
  CHECK(last.last_error == "the webhook at hooks.example answered 503");
  CHECK(outbox.counts().alerts_dead == 1);
}

TEST_CASE("a publication whose turn comes in a later commit is found again") {
  Signal refused;
  PublicationRefused told;
  Outbox::Hooks hooks;
  hooks.post = [&](const Event& event) {
    if (const auto* refusal = std::get_if<PublicationRefused>(&event)) {
      told = *refusal;
      refused.raise();
    }
    return true;
  };
  hooks.delete_rows = [](const std::vector<std::int64_t>&) { return true; };
  hooks.save_row = [](const OutboxRow&) { return true; };
  hooks.connection = [](const std::string&) { return std::optional<Connection>(); };
  Outbox outbox({"/nowhere", "store", 1}, hooks);
  outbox.start();
  Changes accepted;
  accepted.publications.resize(2);
  for (std::int64_t id : {1, 2}) {
    PublicationRow& row = accepted.publications[static_cast<std::size_t>(id - 1)];
    row.id = id;
    row.key = {RunSeq{1}, 0, unmapped, 1};
    row.position = static_cast<std::int32_t>(id);
    row.table = "t" + std::to_string(id);
    row.payload_json = "not a payload";
  }
  outbox.on_committed(accepted);
  Changes later;
  OutboxRow row;
  row.id = row.publication = 2;
  row.kind = OutboxKind::publish;
  row.key = "t2";
  later.outbox.push_back(row);
  outbox.on_committed(later);
  CHECK(refused.wait());
  outbox.stop();
  CHECK(told.publication == 2);
  CHECK_FALSE(told.rerun_may_help);  // what is no payload will never be one
}

namespace {

const char* const attempt_tables[] = {"quarantine/demo/numbers", lakelog::test_table};

// An attempt's two publications on one lake, the second of them bound to be refused: its table has
// been made with another schema meanwhile.
class TwoTables {
 public:
  TwoTables() {
    auto others = lakelog::append_payload({});
    others["schema"][0]["type"] = "string";
    REQUIRE(lakelog::publish(lakelog::publication(lake, others, 1, "someone/else")).ok());
    rows.resize(2);
    for (std::size_t i = 0; i < 2; ++i) {
      PublicationRow& row = rows[i];
      row.id = static_cast<std::int64_t>(i) + 1;
      row.key = {RunSeq{1}, 0, unmapped, 1};
      row.position = static_cast<std::int32_t>(i);
      row.table = attempt_tables[i];
      row.number = 1;
      row.uuid.bytes[0] = static_cast<std::uint8_t>(i + 1);
      auto publication = lakelog::append_payload(
          {lakelog::data_file(lake.path(), "a", "2026-11-20", 1, attempt_tables[i])});
      publication["table"] = attempt_tables[i];
      row.payload_json = publication.dump();
    }
  }

  // What the outbox tells of the first.
  Event carry_out() {
    Signal told;
    Event event;
    Outbox::Hooks hooks;
    hooks.post = [&](const Event& each) {
      event = each;
      told.raise();
      return true;
    };
    hooks.delete_rows = [](const std::vector<std::int64_t>&) { return true; };
    hooks.save_row = [](const OutboxRow&) { return true; };
    hooks.connection = [](const std::string&) { return std::optional<Connection>(); };
    Outbox outbox({lake.path(), "store", 1}, hooks);
    outbox.start();
    Changes accepted;
    accepted.publications = rows;
    OutboxRow row;
    row.id = row.publication = 1;
    row.kind = OutboxKind::publish;
    row.key = attempt_tables[0];
    accepted.outbox.push_back(row);
    outbox.on_committed(accepted);
    REQUIRE(told.wait());
    outbox.stop();
    return event;
  }

  lakelog::TempLake lake;
  std::vector<PublicationRow> rows;
};

}  // namespace

TEST_CASE("nothing of an attempt is published when one of its tables will be refused for good") {
  TwoTables world;
  const Event event = world.carry_out();
  const auto* refused = std::get_if<PublicationRefused>(&event);
  REQUIRE(refused != nullptr);
  CHECK(refused->publication == 1);
  CHECK(refused->reason == "silver/demo/numbers has another schema");
  CHECK_FALSE(refused->rerun_may_help);
  const lakelog::LogFolder quarantine(*world.lake.storage(), attempt_tables[0]);
  CHECK(lakelog::read_snapshot(quarantine).error().code == Errc::not_found);
}

TEST_CASE("what has landed already is settled, whatever becomes of the attempt's later tables") {
  TwoTables world;
  lakelog::Publication landed;
  landed.storage = world.lake.storage().get();
  landed.payload_json = world.rows[0].payload_json;
  landed.app_id = "batuta/store";
  landed.number = 1;
  landed.uuid = to_string(world.rows[0].uuid);
  REQUIRE(lakelog::publish(landed).ok());  // then the process died
  const Event event = world.carry_out();
  const auto* settled = std::get_if<PublicationSettled>(&event);
  REQUIRE(settled != nullptr);
  CHECK(settled->publication == 1);
  CHECK(settled->version == 0);
}
