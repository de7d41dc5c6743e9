#include "contract/contract.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "contract/diff.h"
#include "contract/reader.h"
#include "contract/types.h"
#include "tests/contract/texts.h"

using namespace batuta;
using namespace batuta::contract;

namespace {

std::string problems_of(const std::string& yaml) {
  const auto read = read_contract(yaml, "c.yaml");
  std::string out;
  for (const auto& each : read.problems) out += (out.empty() ? "" : "\n") + each.text();
  CHECK(read.contract.has_value() == read.problems.empty());
  return out;
}

// The clients with one piece of text replaced by another.
std::string clients_with(const std::string& old, const std::string& text) {
  std::string yaml = clients_yaml;
  const auto at = yaml.find(old);
  REQUIRE(at != std::string::npos);
  return yaml.replace(at, old.size(), text);
}

bool told(const std::string& yaml, const std::string& words) {
  const std::string problems = problems_of(yaml);
  CAPTURE(problems);
  return problems.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("contract: what a contract says is all there, typed") {
  const auto read = read_contract(clients_yaml, "c.yaml");
  REQUIRE(read.problems.empty());
  CHECK(read.warnings.empty());
  const Contract& contract = *read.contract;
  CHECK(contract.id == "brokerage-clients");
  CHECK(contract.version == "1.2.0");
  CHECK(contract.status == "active");
  CHECK(contract.domain == "brokerage");
  CHECK(contract.description == "Who trades with us");
  CHECK(contract.owners == std::vector<std::string>{"maria"});
  CHECK(contract.retention == "3 y");
  REQUIRE(contract.tables.size() == 1);
  const Table& table = *contract.table("clients");
  CHECK(contract.table("") == &contract.tables.front());
  CHECK(contract.table("orders") == nullptr);
  CHECK(table.keys() == std::vector<std::string>{"client_id"});
  CHECK(table.partitions().empty());
  CHECK(table.mode == Mode::incremental);
  CHECK(table.watermark == "updated_at");
  CHECK(table.overlap == std::chrono::minutes(15));
  CHECK(table.newest == "updated_at");
  CHECK(table.history);
  CHECK(table.source.kind == SourceKind::sqlite);
  CHECK(table.source.path == "/srv/broker.db");
  CHECK(table.source.table == "CLIENTS");
  const Column& born = *table.column("born");
  CHECK(born.type == "date");
  CHECK(born.source_name == "birth_date");
  CHECK(born.format == "%d/%m/%Y");
  CHECK(!born.required);
  const Column& income = *table.column("income");
  CHECK(income.type == "decimal(12,2)");
  CHECK(income.minimum == "0");
  CHECK(income.classification == "confidential");
  CHECK(table.column("updated_at")->type == "timestamp");
  REQUIRE(table.quality.size() == 4);
  CHECK(table.quality[0].metric == Metric::invalid_values);
  CHECK(table.quality[0].values == std::vector<std::string>{"low", "medium", "high"});
  CHECK(!table.quality[0].blocking);
  CHECK(expectation(table.quality[0]) == "at most 1 percent");
  CHECK(table.quality[1].metric == Metric::row_count);
  CHECK(expectation(table.quality[1]) == "between 1 and 100000");
  CHECK(table.quality[2].metric == Metric::sql);
  CHECK(table.quality[3].columns == std::vector<std::string>{"client_id"});
}

TEST_CASE("contract: files may lie in a store, whose keys a connection has") {
  const auto with_server = [](const std::string& fields) {
    std::string yaml = clients_yaml;
    const auto from = yaml.find("servers:"), to = yaml.find("\nschema:", from);
    REQUIRE(from != yaml.npos);
    REQUIRE(to != yaml.npos);
    yaml.replace(from, to - from, "servers:\n  - server: drop\n" + fields);
    return read_contract(yaml, "c.yaml");
  };
  const std::string own =
      "    customProperties:\n      - {property: batuta.connection, value: drops}\n";
  const auto fine = with_server(
      "    type: s3\n    location: s3://bucket/in/clients-*.csv\n    format: csv\n" + own);
  for (const auto& each : fine.problems) MESSAGE(each.text());
  REQUIRE(fine.contract);
  const Source& source = fine.contract->tables.front().source;
  CHECK(source.kind == SourceKind::csv);
  CHECK(source.path == "s3://bucket/in/clients-*.csv");
  CHECK(source.connection == "drops");
  const auto google = with_server(
      "    type: custom\n    location: gs://bucket/*.parquet\n    format: parquet\n" + own);
  REQUIRE(google.contract);
  CHECK(google.contract->tables.front().source.kind == SourceKind::parquet);
  const auto keyless =
      with_server("    type: s3\n    location: s3://bucket/x.csv\n    format: csv\n");
  REQUIRE(!keyless.problems.empty());
  CHECK(keyless.problems.front().text().find("batuta.connection") != std::string::npos);
  const auto elsewhere =
      with_server("    type: s3\n    location: https://bucket/x.csv\n    format: csv\n" + own);
  REQUIRE(!elsewhere.problems.empty());
  CHECK(elsewhere.problems.front().text().find("must be s3://bucket/") != std::string::npos);
}

TEST_CASE("contract: the JSON of a contract is what it says") {
  const auto read = read_contract(clients_yaml, "c.yaml");
  REQUIRE(read.contract);
  const auto shown = nlohmann::json::parse(contract_json(*read.contract));
  CHECK(shown["tables"][0]["columns"][0]["name"] == "client_id");
  CHECK(shown["tables"][0]["primary_key"] == nlohmann::json::array({"client_id"}));
  CHECK(shown["tables"][0]["source"]["kind"] == "sqlite");
  CHECK(shown["tables"][0]["quality"][0]["expected"] == "at most 1 percent");
  CHECK(shown["retention"] == "3 y");
}

TEST_CASE("contract: what is wrong is told with line, pointer and what to do") {
  CHECK(told("a: 1\nb: ]\n", "c.yaml:2:1: "));
  CHECK(told("kind: DataContract\n", "c.yaml:1:1: \"version\" is missing"));
  CHECK(told(clients_with("primaryKey: true", "primarykey: true"),
             "unknown key \"primarykey\"; did you mean \"primaryKey\"?"));
  CHECK(told(clients_with("version: 1.2.0", "version: 1.2"),
             "c.yaml:3:1 /version: must be a text, not a number: write it in quotes"));
  CHECK(told(clients_with("logicalType: integer", "logicalType: int"),
             "\"int\" is not known here; it is one of string, date"));
  CHECK(told(clients_with("name: income", "name: Client_ID"), "is there already"));
  CHECK(told(clients_with("name: income", "name: my income"), "without blanks"));
  CHECK(told(clients_with("name: income", "name: _income"), "a name of the lake's own columns"));
  CHECK(told(clients_with("name: income", "name: execution_id"), "lake's own"));
  CHECK(told(clients_with("physicalType: decimal(12,2)", "physicalType: decimal"),
             "/physicalType") == false);  // the logical type decides alone
  CHECK(told(
      clients_with("batuta.watermark, value: updated_at", "batuta.watermark, value: updatd_at"),
      "there is no column \"updatd_at\"; did you mean \"updated_at\"?"));
  CHECK(told(
      clients_with("batuta.watermark, value: updated_at", "batuta.watermark, value: client_id"),
      "a watermark must be a timestamp or a date, not long"));
  CHECK(told(clients_with("batuta.mode", "batuta.mod"), "did you mean \"batuta.mode\"?"));
  CHECK(told(clients_with("value: incremental", "value: increment"), "batuta.mode is \"full\""));
  CHECK(told(clients_with("value: 15m", "value: soon"), "must be a time such as"));
  CHECK(told(clients_with("primaryKey: true", "primaryKey: false"),
             "/schema/0/customProperties/4/value: a history needs a primaryKey"));
  CHECK(problems_of(clients_with("batuta.newest, value: updated_at", "batuta.deletes, value: mark"))
            .empty());
  CHECK(told(clients_with("batuta.newest, value: updated_at", "batuta.deletes, value: drop"),
             "batuta.deletes is \"remove\""));
  CHECK(told(clients_with("batuta.newest, value: updated_at", "batuta.mostDeletes, value: 10"),
             "batuta.mostDeletes belongs to batuta.deletes or to batuta.mode snapshot"));
  CHECK(told(clients_with("value: incremental", "value: snapshot"),
             "batuta.overlap belongs to batuta.mode incremental"));
  CHECK(told(clients_with("name: income", "name: change_hash"),
             "a history has a column change_hash of its own"));
  CHECK(told(clients_with("domain: brokerage", "domain: ../etc"), "a folder of the lake"));
  CHECK(
      told(clients_with("format: dd/MM/yyyy", "format: qq/MM/yyyy"), "cannot be read in a format"));
  CHECK(told(clients_with("mustBeBetween: [1, 100000]", "mustBeBetween: [9, 1]"),
             "the smaller number comes first"));
  CHECK(told(clients_with("validValues: [low, medium, high]", "validValue: [low]"),
             "needs the argument validValues"));
  CHECK(told(clients_with("unit: percent", "unit: dozens"), "rows or percent"));
  CHECK(told("dataContractSpecification: 1.1.0\nid: x\n", "batuta contracts convert"));
}

TEST_CASE("contract: a mask fits its column, and what rows are known by keeps them apart") {
  const auto with = [](const std::string& columns, const std::string& table = "") {
    return "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\ndomain: d\n"
           "schema:\n  - name: t\n    properties:\n" +
           columns + (table.empty() ? "" : "    customProperties: [" + table + "]\n");
  };
  const auto masked = [](const std::string& rest, const std::string& mask) {
    return "      - {" + rest + ", customProperties: [{property: batuta.mask, value: '" + mask +
           "'}]}\n";
  };
  const std::string id = "      - {name: id, logicalType: integer, primaryKey: true}\n";
  const std::string key = "{property: batuta.maskKey, value: pii}";
  const std::string cpf = masked("name: cpf, logicalType: string, primaryKey: true", "pseudonym");
  const auto read = read_contract(with(cpf, key), "c.yaml");
  REQUIRE(read.contract);
  CHECK(read.contract->tables[0].mask_key == "pii");
  CHECK(read.contract->tables[0].columns[0].mask == Mask::pseudonym);
  CHECK(problems_of(with(id + masked("name: n, logicalType: number", "band:1000"))).empty());
  CHECK(told(with(cpf), "pseudonyms need batuta.maskKey"));
  CHECK(told(with(id, key), "no column has batuta.mask pseudonym"));
  CHECK(told(with(masked("name: n, logicalType: string", "redact")),
             "masked columns need a primary"));
  CHECK(told(with(masked("name: n, logicalType: string, primaryKey: true", "redact")),
             "only pseudonym keeps rows apart"));
  CHECK(told(with(id + masked("name: n, logicalType: date, partitioned: true", "year")),
             "is a partition, which cannot be masked"));
  CHECK(told(with(id + masked("name: n, logicalType: timestamp", "year"),
                  "{property: batuta.newest, value: n}"),
             "puts rows in order"));
  CHECK(told(with(id + masked("name: n, logicalType: string", "year")), "is no mask of a string"));
  CHECK(told(with(id + masked("name: n, logicalType: date", "band:10")), "is no mask of a date"));
  for (const char* wrong : {"hash", "prefix", "prefix:0", "prefix:x", "year:2", "band:"})
    CHECK(
        told(with(id + masked("name: n, logicalType: string", wrong)), "batuta.mask is \"pseudo"));
}

TEST_CASE("contract: what readers are shown masked fits its column") {
  const auto with = [](const std::string& rest, const std::string& mask) {
    return "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\ndomain: d\n"
           "schema:\n  - name: t\n    properties:\n      - {" +
           rest + ", customProperties: [{property: batuta.readMask, value: '" + mask + "'}]}\n";
  };
  const auto read = read_contract(with("name: n, logicalType: string", "partial:4"), "c.yaml");
  REQUIRE(read.contract);
  CHECK(read.contract->tables[0].columns[0].read_mask == "partial:4");
  CHECK(problems_of(with("name: n, logicalType: number", "hash")).empty());
  CHECK(problems_of(with("name: n, logicalType: date, primaryKey: true", "redact")).empty());
  CHECK(told(with("name: n, logicalType: integer", "partial:4"), "redact or hash it"));
  CHECK(told(with("name: n, logicalType: date, partitioned: true", "redact"),
             "whose values name the files"));
  for (const char* wrong : {"pseudonym", "partial", "partial:0", "partial:10", "Redact"})
    CHECK(told(with("name: n, logicalType: string", wrong), "batuta.readMask is \"redact\""));
}

TEST_CASE("contract: a property of ours in the wrong place says where it belongs") {
  CHECK(told(clients_with("batuta.overlap, value: 15m", "batuta.delimiter, value: ';'"),
             "batuta.delimiter does not belong here, but to: csv"));
  CHECK(
      problems_of(clients_with("batuta.overlap, value: 15m", "other.overlap, value: 15m")).empty());
}

TEST_CASE(
    "contract: rules of rows, names of reasons, computed columns and where a first run begins") {
  const std::string yaml = R"(apiVersion: v3.1.0
kind: DataContract
id: q
version: '1'
status: active
domain: market
servers: [{server: s, type: api, location: "https://example.org/q"}]
schema:
  - name: quotes
    properties:
      - name: at
        logicalType: timestamp
        primaryKey: true
        customProperties: [{property: batuta.reasons, value: {missing: no_key, bad: no_time}}]
        quality: [{type: custom, engine: batuta, name: late, implementation: at > _ingested_at}]
      - {name: ticker, logicalType: string, customProperties: [{property: batuta.asked, value: tickers}]}
      - {name: high, logicalType: number}
      - {name: day, logicalType: date, partitioned: true, customProperties: [{property: batuta.value, value: CAST(at AS DATE)}]}
    quality: [{type: custom, engine: batuta, name: low_high, implementation: high < 0}]
    customProperties:
      - {property: batuta.mode, value: incremental}
      - {property: batuta.start, value: window}
      - {property: batuta.watermark, value: at}
)";
  const auto read = read_contract(yaml, "c.yaml");
  REQUIRE(problems_of(yaml).empty());
  CHECK(read.warnings.empty());
  const Table& table = read.contract->tables[0];
  CHECK(table.starts_at_window);
  CHECK(table.columns.size() == 3);
  REQUIRE(table.computed.size() == 1);
  CHECK(table.computed[0].value == "CAST(at AS DATE)");
  CHECK(table.partitions() == std::vector<std::string>{"day"});
  CHECK(table.column("day") == &table.computed[0]);
  CHECK(table.column("ticker")->asked == "tickers");
  CHECK(table.column("at")->reasons ==
        std::map<std::string, std::string>{{"missing", "no_key"}, {"bad", "no_time"}});
  CHECK(table.row_rules ==
        std::vector<RowRule>{{"late", "at > _ingested_at", "at"}, {"low_high", "high < 0", ""}});
  const auto with = [&](const std::string& old, const std::string& text) {
    std::string changed = yaml;
    const auto at = changed.find(old);
    REQUIRE(at != std::string::npos);
    return changed.replace(at, old.size(), text);
  };
  CHECK(told(with("bad: no_time", "badd: no_time"), "did you mean \"bad\"?"));
  CHECK(told(with("bad: no_time", "bad: 'no, time'"), "a reason's name is"));
  CHECK(told(with("name: late, ", ""), "a rule of rows needs a \"name\""));
  CHECK(told(with("implementation: high < 0", "implementation: ' '"),
             "the SQL condition that a bad row"));
  CHECK(told(with("implementation: high < 0", "implementation: high < 0, severity: warning"),
             "a row is rejected or it is not"));
  CHECK(told(with("value: window", "value: windw"), "\"earliest\" (its first run"));
  CHECK(told(with("value: incremental", "value: full"),
             "batuta.start belongs to batuta.mode incremental"));
  CHECK(told(with("date, partitioned: true", "date, primaryKey: true"),
             "cannot have the computed column day"));
  CHECK(told(with("batuta.watermark, value: at", "batuta.watermark, value: day"),
             "cannot be the computed column day"));
  CHECK(told(with("{name: day, ", "{name: day, physicalName: d, "),
             "a computed column is not at the source"));
  CHECK(told(with("{name: ticker, logicalType: string", "{name: ticker, logicalType: integer"),
             "the column must be a string"));
  CHECK(told(
      with("type: api, location: \"https://example.org/q\"", "type: local, path: /q, format: csv"),
      "batuta.asked belongs to a table of an api server"));
  const auto changed = read_contract(with("high < 0", "high < 1"), "c.yaml");
  REQUIRE(changed.contract);
  const auto found = diff(table, changed.contract->tables[0]);
  REQUIRE(found.size() == 1);
  CHECK(found[0].compatible);
  CHECK(found[0].message == "the rules of rows are others: they judge rows from now on");
}

TEST_CASE("contract: sources are read by the kind of their server") {
  const auto source_of = [](const std::string& server) {
    std::string yaml = clients_yaml;
    const auto begin = yaml.find("servers:"), end = yaml.find("schema:");
    yaml.replace(begin, end - begin, "servers:\n  - " + server + "\n");
    const auto read = read_contract(yaml, "c.yaml");
    for (const auto& each : read.problems) MESSAGE(each.text());
    return read.contract ? read.contract->tables[0].source : Source{};
  };
  const Source csv = source_of(
      "{server: a, type: local, path: '/in/*.csv', format: csv, customProperties: ["
      "{property: batuta.delimiter, value: tab}, {property: batuta.nullTexts, value: [NA]}]}");
  CHECK(csv.kind == SourceKind::csv);
  CHECK(csv.delimiter == "\t");
  CHECK(csv.null_texts == std::vector<std::string>{"NA"});
  CHECK(source_of("{server: a, type: local, path: /in/x.jsonl, format: jsonl}").kind ==
        SourceKind::json_lines);
  CHECK(source_of("{server: a, type: local, path: /in/x.avro, format: avro}").kind ==
        SourceKind::json_lines);
  const Source postgres = source_of(
      "{server: a, type: postgres, host: h, port: 5432, database: d, schema: public, "
      "customProperties: [{property: batuta.connection, value: broker}]}");
  CHECK(postgres.kind == SourceKind::postgres);
  CHECK(postgres.connection == "broker");
  const Source rest = source_of(
      "{server: a, type: api, location: 'https://example.org/v1/clients', customProperties: ["
      "{property: batuta.paging, value: cursor}, {property: batuta.records, value: /data},"
      "{property: batuta.requestsPerMinute, value: 90}, {property: batuta.nextCursor, value: "
      "/next}]}");
  CHECK(rest.kind == SourceKind::rest);
  CHECK(rest.requests_per_minute == 90);
  CHECK(rest.paging == "cursor");
  CHECK(rest.records == "/data");
  const Source other = source_of(
      "{server: a, type: snowflake, host: h, port: 1, account: b, "
      "database: c, schema: d, warehouse: w}");
  CHECK(other.kind == SourceKind::none);
  CHECK(other.why_none.find("a server of type \"snowflake\" is not read here") == 0);
  CHECK(told(clients_with("format: sqlite", "fromat: sqlite"), "did you mean \"format\"?"));
}

TEST_CASE("contract: a topic is read in mode stream, from the embedded log or from brokers") {
  const auto with = [](const std::string& server, const std::string& mode = {}) {
    std::string yaml = clients_with("value: incremental", "value: " + mode);
    if (mode.empty()) {
      const auto line = yaml.find("      - {property: batuta.mode");
      yaml.erase(line, yaml.find("\n", line) + 1 - line);
      const auto overlap = yaml.find("      - {property: batuta.overlap");
      yaml.erase(overlap, yaml.find("\n", overlap) + 1 - overlap);
    }
    const auto begin = yaml.find("servers:"), end = yaml.find("schema:");
    return yaml.replace(begin, end - begin, "servers:\n  - " + server + "\n");
  };
  const auto source_of = [](const std::string& yaml) {
    const auto read = read_contract(yaml, "c.yaml");
    for (const auto& each : read.problems) MESSAGE(each.text());
    REQUIRE(read.contract);
    CHECK((read.contract->tables[0].mode == Mode::stream) ==
          (read.contract->tables[0].source.kind == SourceKind::stream));
    return read.contract->tables[0].source;
  };
  const Source embedded = source_of(with("{server: a, type: custom, format: stream}"));
  CHECK(embedded.kind == SourceKind::stream);
  CHECK(embedded.table == "CLIENTS");
  CHECK(embedded.brokers.empty());
  CHECK(embedded.on_gap == "fail");
  const Source kafka = source_of(with(
      "{server: a, type: kafka, host: 'b1:9092,b2:9092', customProperties: ["
      "{property: batuta.onGap, value: earliest}, {property: batuta.start, value: latest}, "
      "{property: batuta.group, value: shop}, {property: batuta.maxRecords, value: 500}, "
      "{property: batuta.maxTime, value: 30s}, {property: batuta.deadLetters, value: none}]}"));
  CHECK(kafka.brokers == "b1:9092,b2:9092");
  CHECK(kafka.on_gap == "earliest");
  CHECK(kafka.start == "latest");
  CHECK(kafka.group == "shop");
  CHECK(kafka.dead_letters == "none");
  CHECK(kafka.max_records == 500);
  CHECK(kafka.max_time == std::chrono::seconds(30));
  const Source hub =
      source_of(with("{server: a, type: kafka, host: h, customProperties: ["
                     "{property: batuta.connection, value: hub}]}"));
  CHECK(hub.connection == "hub");
  CHECK(hub.brokers.empty());
  const Source avro = source_of(with("{server: a, type: kafka, host: h, format: avro}"));
  CHECK(avro.why_none.find("in the format \"avro\" are not read here; json is") !=
        std::string::npos);

  CHECK(told(with("{server: a, type: kafka, host: h}", "incremental"),
             "a topic is read in batuta.mode stream"));
  CHECK(told(with("{server: a, type: local, path: /x.csv, format: csv}", "stream"),
             "batuta.mode stream needs a server of type kafka"));
  CHECK(told(with("{server: a, type: kafka, host: h, customProperties: ["
                  "{property: batuta.onGap, value: ignore}]}"),
             "batuta.onGap is not \"ignore\""));
  CHECK(told(with("{server: a, type: kafka, host: h, customProperties: ["
                  "{property: batuta.maxTime, value: soon}]}"),
             "batuta.maxTime must be a time of at least 1s"));
}

TEST_CASE(
    "contract: types of the lake come from the logical type, made exact by the physical one") {
  const auto type = [](const char* logical, const char* physical, const char* format = "") {
    const auto read = lake_type(logical, physical, format);
    return read ? *read : "refused: " + read.error().message;
  };
  CHECK(type("string", "varchar(18)") == "string");
  CHECK(type("integer", "") == "long");
  CHECK(type("integer", "", "i32") == "integer");
  CHECK(type("integer", "int") == "integer");
  CHECK(type("integer", "varchar(9)") == "long");
  CHECK(type("integer", "numeric(10,0)") == "decimal(10,0)");
  CHECK(type("integer", "double") == "long");
  CHECK(type("number", "") == "double");
  CHECK(type("number", "decimal(18, 6)") == "decimal(18,6)");
  CHECK(type("number", "NUMERIC(9)") == "decimal(9,0)");
  CHECK(type("date", "varchar(10)") == "date");
  CHECK(type("timestamp", "timestamp with time zone") == "timestamp");
  CHECK(type("object", "") == "string");
  CHECK(type("", "bigint") == "long");
  CHECK(type("", "character varying(20)") == "string");
  CHECK(type("", "decimal(39,2)").starts_with("refused"));
  CHECK(type("", "geometry").find("is not known here") != std::string::npos);
  CHECK(type("", "decimal").find("needs precision (1 to 38) and scale") != std::string::npos);
  CHECK(type("", "").find("has no type") != std::string::npos);
}

TEST_CASE("contract: formats of times are Java's or strptime's") {
  CHECK(*strptime_format("yyyy-MM-dd HH:mm:ss") == "%Y-%m-%d %H:%M:%S");
  CHECK(*strptime_format("d/M/yyyy H:mm") == "%-d/%-m/%Y %-H:%M");
  CHECK(*strptime_format("yyyy-MM-dd'T'HH:mm:ssXXX") == "%Y-%m-%dT%H:%M:%S%z");
  CHECK(*strptime_format("%d.%m.%y") == "%d.%m.%y");
  CHECK(strptime_format("yyyy-QQ").error().message.find("\"QQ\"") == 0);
  CHECK(!strptime_format("yyyy'x").ok());
}

TEST_CASE("contract: the standard's own example is one, and names what is not carried out") {
  const char* data = std::getenv("BATUTA_TEST_DATA");
  const std::string folder = data != nullptr ? data : "../shared/data";
  std::ifstream file(folder + "/odcs/full-example.odcs.yaml");
  if (!file) {
    MESSAGE("skipped: no " << folder << "/odcs/full-example.odcs.yaml (BATUTA_TEST_DATA)");
    return;
  }
  std::ostringstream text;
  text << file.rdbuf();
  const auto read = read_contract(text.str(), "full-example.odcs.yaml");
  for (const auto& each : read.problems) MESSAGE(each.text());
  // The postgres server has no connection of ours: that is the one thing to add.
  CHECK(read.problems.size() == 2);
  for (const auto& each : read.problems)
    CHECK(each.message.find("batuta.connection") != std::string::npos);
}

TEST_CASE("contract: docs/contracts.md names every property of ours") {
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  std::ifstream file(std::string(source != nullptr ? source : ".") + "/docs/contracts.md");
  std::ostringstream text;
  text << file.rdbuf();
  for (const std::string& row : custom_property_names()) {
    const std::string name = row.substr(0, row.find(' '));
    CHECK_MESSAGE(text.str().find("`" + name + "`") != std::string::npos, name);
  }
}
