// A contract's topic into bronze, on the embedded log and the real engine: what lies in which
// commit.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "lakelog/payload.h"
#include "lakelog/publish.h"
#include "plugins/contract/sources.h"
#include "plugins/contract/stream_progress.h"
#include "plugins/lake/attempt_session.h"
#include "stream/broker_errors.h"
#include "stream/stream.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"
#include "tests/plugins/table_rows.h"

using namespace batuta;
using namespace batuta::from_contract;

namespace {

const char* const head =
    "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: 1.4.0\nstatus: s\ndomain: shop\n"
    "servers:\n  - {server: log, type: custom, format: stream, customProperties: [";
const char* const columns =
    "]}\nschema:\n  - name: orders\n    physicalName: Pedidos\n    properties:\n"
    "      - {name: id, logicalType: integer, required: true, primaryKey: true}\n"
    "      - {name: note, logicalType: string}\n";

// A lake and a stream side by side, as in a home.
class Topic {
 public:
  Topic() {
    std::filesystem::create_directories(lake());
    stream_ = std::move(*stream::open_file_stream(home_.path() + "/stream"));
    make(2);
  }

  std::string lake() const { return home_.path() + "/lake"; }
  stream::Stream& stream() { return *stream_; }
  void make(int partitions, std::int64_t retention_bytes = -1) {
    stream::TopicSettings settings;
    settings.partitions = partitions;
    settings.retention_bytes = retention_bytes;
    if (retention_bytes >= 0) settings.segment_bytes = 4096;
    const auto made = stream_->create("Pedidos", settings);
    REQUIRE_MESSAGE(made.ok(), made.error().message);
  }
  void send(std::optional<std::string> value, int partition = 0,
            std::vector<stream::Header> headers = {}) {
    stream::NewRecord record;
    record.value = std::move(value);
    record.partition = partition;
    record.headers = std::move(headers);
    const auto sent = stream_->produce("Pedidos", std::vector{record});
    REQUIRE_MESSAGE(sent.ok(), sent.error().message);
  }
  void send_numbers(int from, int to) {
    for (int i = from; i < to; ++i) send("{\"id\": " + std::to_string(i) + "}", i % 2);
  }

  // One attempt of the extract task; what it hands in is kept, and published unless `publish` is
  // false: an attempt that was killed after it had handed in.
  std::int64_t extract(bool publish = true) {
    FakeHost host;
    const std::string scratch = home_.path() + "/scratch";
    std::filesystem::create_directories(scratch);
    host.context = {{"execution_id", "run-" + std::to_string(++runs_)},
                    {"task_id", "extract"},
                    {"try_number", 1},
                    {"fence", 1},
                    {"lake", lake()},
                    {"scratch", scratch}};
    const batuta_host table = host.table();
    std::int64_t rows = 0;
    {
      plugin::Context context(table);
      const Described described = describe();
      lake::Session session(lake::session_options(context));
      session.register_text_functions();
      const auto bronze = bronze_shape(described);
      const auto shape = lake::fitted_to(
          bronze, lake::DeltaTable::open(session, lake::lake_folder(context), bronze.name));
      lake::RawLanding landing(context, described.path, "{}");
      const Query no_query;
      Extraction extraction{context, session, described, shape, {}, false, no_query, landing, {}};
      rows = receive_stream(extraction);
      told = extraction.told;
    }
    lines = host.lines;
    outputs = host.outputs;
    broker_errors = host.reports["broker_errors"];
    for (const std::string& output : outputs) {
      if (publish) CHECK(publish_one(output).ok());
    }
    return rows;
  }

  Result<lakelog::Published> publish_one(const std::string& payload) {
    const auto storage = lakelog::open_storage(lake());
    REQUIRE(storage.ok());
    lakelog::Publication publication;
    publication.storage = storage->get();
    publication.payload_json = payload;
    publication.app_id = "batuta/test";
    publication.number = ++publications_;
    publication.uuid = "publication-" + std::to_string(publications_);
    return lakelog::publish(publication);
  }

  void note() {
    FakeHost host;
    host.context = {{"execution_id", "run"}, {"task_id", "transform"},
                    {"try_number", 1},       {"fence", 1},
                    {"lake", lake()},        {"scratch", home_.path()}};
    const batuta_host table = host.table();
    plugin::Context context(table);
    note_progress(context, describe());
  }

  std::vector<std::string> rows(const std::string& sql, const std::string& table = "bronze") {
    return table_rows(lake(), table + "/shop/orders", sql);
  }
  std::string ids() {
    std::string all;
    for (const std::string& id :
         rows("SELECT id FROM t ORDER BY CAST(id AS INTEGER), _source_offset"))
      all += (all.empty() ? "" : " ") + id;
    return all;
  }

  std::string properties;  // of the server
  std::map<std::string, std::int64_t> told;
  std::vector<std::string> lines, outputs, broker_errors;

 private:
  Described describe() const {
    auto read = contract::read_contract(head + properties + columns, "shop/orders");
    for (const auto& problem : read.problems) MESSAGE(problem.text());
    REQUIRE(read.contract);
    Described described{std::move(*read.contract), {}, "shop/orders"};
    described.table = described.contract.tables[0];
    return described;
  }

  lakelog::TempLake home_;
  std::unique_ptr<stream::Stream> stream_;
  int runs_ = 0;
  std::int64_t publications_ = 0;
};

bool any_says(const std::vector<std::string>& lines, const std::string& what) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(what) != line.npos; });
}

}  // namespace

TEST_CASE("stream source: each run takes what is new, and bronze says where it lay") {
  Topic topic;
  topic.send_numbers(0, 6);
  CHECK(topic.extract() == 6);
  CHECK(topic.rows("SELECT id, _source_partition, _source_offset FROM t ORDER BY ALL") ==
        std::vector<std::string>{"0|0|0", "1|1|0", "2|0|1", "3|1|1", "4|0|2", "5|1|2"});
  const std::string files =
      "SELECT count(DISTINCT _source_file), count(*) FILTER (_source_file LIKE "
      "'raw/shop/orders/ingest_date=%/part-%.jsonl' AND ingest_date = CAST(_ingested_at AS DATE)) "
      "FROM t";
  CHECK(topic.rows(files) == std::vector<std::string>{"1|6"});
  CHECK(topic.extract() == 0);
  CHECK(topic.outputs.empty());  // nothing new is no version
  topic.send_numbers(6, 8);
  CHECK(topic.extract() == 2);
  CHECK(topic.ids() == "0 1 2 3 4 5 6 7");
  CHECK(topic.rows(files) == std::vector<std::string>{"2|8"});
}

TEST_CASE(
    "stream source: of what is read by the quick way and by the other the rows are the same") {
  Topic topic;
  topic.send(R"({"id": 1, "note": "plain"})");
  topic.send(R"({"id": 2, "note": "a \"quote\""})");
  topic.send(R"({"id": 3, "note": {"b": [1, 2.50]}})");
  topic.send(R"({"note": 1.50, "id": 4})");
  topic.send(R"({"note": null, "id": 5})");
  topic.send("{\"note\": \"S\xc3\xa3o Paulo\", \"id\": 6}");
  topic.send(R"({"note": "no id"})");
  CHECK(topic.extract() == 6);
  CHECK(topic.told.at("dead_letters") == 1);
  CHECK(topic.rows("SELECT id, coalesce(note, '-') FROM t ORDER BY id") ==
        std::vector<std::string>{"1|plain", "2|a \"quote\"", "3|{\"b\":[1,2.5]}", "4|1.5", "5|-",
                                 "6|S\xc3\xa3o Paulo"});
}

TEST_CASE(
    "stream source: an attempt that was never published costs nothing and counts for nothing") {
  Topic topic;
  topic.send_numbers(0, 4);
  CHECK(topic.extract(false) == 4);
  CHECK(topic.extract(true) == 4);
  CHECK(topic.ids() == "0 1 2 3");
}

TEST_CASE("stream source: of two attempts that took the same records only one can be published") {
  Topic topic;
  topic.send_numbers(0, 2);
  topic.extract();
  topic.send_numbers(2, 4);
  topic.extract(false);
  const auto late = topic.outputs;
  topic.extract(true);
  REQUIRE(late.size() == 1);
  CHECK(!topic.publish_one(late[0]).ok());
  CHECK(topic.ids() == "0 1 2 3");
}

TEST_CASE("stream source: the group's offsets are noted once bronze is published, not before") {
  Topic topic;
  topic.send_numbers(0, 4);
  topic.extract(false);
  topic.note();
  CHECK(topic.stream().committed("batuta-shop-orders", "Pedidos")->empty());
  topic.extract();
  topic.note();
  CHECK(*topic.stream().committed("batuta-shop-orders", "Pedidos") ==
        stream::Offsets{{0, 2}, {1, 2}});
}

TEST_CASE("stream source: what brokers answered is told with the attempt, and once") {
  Topic topic;
  topic.send_numbers(0, 2);
  stream::broker_errors().take_new();  // of other tests
  stream::broker_errors().add({"_TRANSPORT", {}, -1, "a:9092"});
  topic.extract();
  CHECK(topic.broker_errors ==
        std::vector<std::string>{stream::error_json({{"_TRANSPORT", {}, -1, "a:9092"}, 1})});
  topic.extract();
  CHECK(topic.broker_errors.empty());
}

TEST_CASE("stream source: a run keeps its bounds, and the next goes on") {
  Topic topic;
  topic.properties = "{property: batuta.maxRecords, value: 4}";
  topic.send_numbers(0, 10);
  CHECK(topic.extract() == 4);
  CHECK(topic.told.at("lag") == 6);
  CHECK(topic.extract() == 4);
  CHECK(topic.extract() == 2);
  CHECK(topic.told.at("lag") == 0);
  CHECK(topic.ids() == "0 1 2 3 4 5 6 7 8 9");
}

TEST_CASE("stream source: what cannot be a row is a dead letter, whole, with the reason") {
  Topic topic;
  topic.properties = "{property: batuta.maxRecordBytes, value: 1000}";
  topic.send("{\"id\": 1, \"note\": \"a\\u0000b\"}");
  topic.send("no JSON");
  topic.send("[1]");
  topic.send("{\"note\": \"x\"}");
  topic.send("{\"id\": 2, \"note\": \"" + std::string(2000, 'x') + "\"}");
  topic.send(std::string("\xff\xfe", 2));
  topic.send(std::nullopt);
  CHECK(topic.extract() == 1);
  CHECK(topic.told.at("dead_letters") == 5);
  CHECK(topic.told.at("tombstones") == 1);
  CHECK(topic.rows("SELECT _source_topic, _source_partition, _source_offset, reason, encoding, "
                   "attempt, contract_version FROM t ORDER BY _source_offset",
                   "dlq") == std::vector<std::string>{"Pedidos|0|1|not_json|utf-8|1|1.4.0",
                                                      "Pedidos|0|2|not_an_object|utf-8|1|1.4.0",
                                                      "Pedidos|0|3|missing_id|utf-8|1|1.4.0",
                                                      "Pedidos|0|4|too_large|utf-8|1|1.4.0",
                                                      "Pedidos|0|5|not_json|base64|1|1.4.0"});
  CHECK(topic.rows("SELECT value FROM t WHERE reason = 'not_json' ORDER BY _source_offset",
                   "dlq") == std::vector<std::string>{"no JSON", "//4="});
  CHECK(topic.rows("SELECT count(*) FROM t WHERE first_seen = moved_at", "dlq") ==
        std::vector<std::string>{"5"});
  const auto letters = topic.stream().fetch("Pedidos.dlq", {{0, 0}}, {});
  REQUIRE(letters.ok());
  REQUIRE(letters->records.size() == 5);
  CHECK(letters->records[0].value == "no JSON");
  std::map<std::string, std::string> headers;
  for (const auto& header : letters->records[0].headers) headers[header.name] = header.value;
  CHECK(headers["batuta-dlq-topic"] == "Pedidos");
  CHECK(headers["batuta-dlq-offset"] == "1");
  CHECK(headers["batuta-dlq-reason"] == "not_json");
  CHECK(headers["batuta-dlq-contract-version"] == "1.4.0");
  // They are taken once.
  CHECK(topic.extract() == 0);
  CHECK(topic.rows("SELECT count(*) FROM t", "dlq") == std::vector<std::string>{"5"});
}

TEST_CASE("stream source: of two attempts that took the same records one leaves its dead letters") {
  Topic topic;
  topic.send("no JSON");
  topic.extract();
  topic.send("[1]");
  topic.send("{\"id\": 1}", 1);
  topic.extract(false);
  const auto late = topic.outputs;
  REQUIRE(late.size() == 2);
  topic.extract(true);
  // The letters come first, and do not lean on bronze's version to be refused.
  for (const std::string& output : late) {
    const auto published = topic.publish_one(output);
    REQUIRE(!published.ok());
    CHECK_MESSAGE(published.error().message.find("stream/Pedidos/") != std::string::npos,
                  published.error().message);
  }
  CHECK(topic.rows("SELECT value FROM t ORDER BY _source_offset", "dlq") ==
        std::vector<std::string>{"no JSON", "[1]"});
}

TEST_CASE("stream source: a letter that was sent again and fails again keeps its history") {
  Topic topic;
  topic.send("still no JSON", 0,
             {{"batuta-dlq-attempt", "2"}, {"batuta-dlq-first-seen", "2024-05-06T07:08:09Z"}});
  topic.extract();
  CHECK(topic.rows("SELECT attempt, CAST(year(first_seen) AS VARCHAR) FROM t", "dlq") ==
        std::vector<std::string>{"3|2024"});
}

TEST_CASE("stream source: only dead letters move the offsets too, and without a topic of them") {
  Topic topic;
  topic.properties = "{property: batuta.deadLetters, value: none}";
  topic.send("x");
  CHECK(topic.extract() == 0);
  CHECK(topic.outputs.size() == 2);
  CHECK(topic.extract() == 0);
  CHECK(topic.outputs.empty());
  CHECK(topic.stream().topics()->size() == 1);
}

TEST_CASE("stream source: a gap of retention fails the run, or is passed over and told") {
  Topic topic;
  std::filesystem::remove_all(topic.lake() + "/../stream/Pedidos");
  topic.make(1, 10'000);
  topic.send("{\"id\": 1}");
  topic.extract();
  for (int i = 0; i < 40; ++i)
    topic.send("{\"id\": 2, \"note\": \"" + std::string(1000, 'x') + "\"}");
  CHECK_THROWS_WITH_AS(topic.extract(), doctest::Contains("is gone, the oldest is"),
                       plugin::FinalError);
  topic.properties = "{property: batuta.onGap, value: earliest}";
  const auto kept = topic.stream().offsets("Pedidos")->at(0);
  CHECK(topic.extract() == kept.next - kept.first);
  CHECK(topic.told.at("gaps") == 1);
  CHECK(any_says(topic.lines, "offsets were lost"));
}

TEST_CASE("stream source: a new partition begins at its beginning, also after a start at the end") {
  Topic topic;
  topic.properties = "{property: batuta.start, value: latest}";
  topic.send_numbers(0, 4);
  CHECK(topic.extract() == 0);
  topic.send_numbers(4, 6);
  REQUIRE(topic.stream().grow("Pedidos", 3).ok());
  topic.send("{\"id\": 6}", 2);
  CHECK(topic.extract() == 3);
  CHECK(topic.ids() == "4 5 6");
}

TEST_CASE("stream source: a message of five megabytes is a row, with every digit of its numbers") {
  Topic topic;
  topic.send("{\"id\": 12345678901234567890123, \"note\": \"" + std::string(5'000'000, 'x') +
             "\"}");
  CHECK(topic.extract() == 1);
  CHECK(topic.rows("SELECT id, length(note) FROM t") ==
        std::vector<std::string>{"12345678901234567890123|5000000"});
}
