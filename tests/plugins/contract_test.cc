// What a contract makes of texts: typed values, and reasons to reject a row. On the real engine.
#include <doctest/doctest.h>

#include <string>

#include "plugins/contract/described.h"
#include "plugins/contract/expressions.h"
#include "plugins/lake/layer/version_metrics.h"
#include "plugins/lake/session.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::from_contract;

namespace {

// The column as a contract would have it.
contract::Column column_of(const std::string& property) {
  const auto read = contract::read_contract(
      "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\ndomain: d\n"
      "schema:\n  - name: t\n    properties:\n      - " +
          property + "\n",
      "c.yaml");
  for (const auto& problem : read.problems) MESSAGE(problem.text());
  REQUIRE(read.contract);
  return read.contract->tables[0].columns[0];
}

Described described_of(const std::string& properties) {
  auto read = contract::read_contract(
      "apiVersion: v3.1.0\nkind: DataContract\nid: a\nversion: '1'\nstatus: s\ndomain: d\n"
      "schema:\n  - name: t\n    properties:\n" +
          properties,
      "c.yaml");
  for (const auto& problem : read.problems) MESSAGE(problem.text());
  REQUIRE(read.contract);
  Described described{std::move(*read.contract), {}, "d/t"};
  described.table = described.contract.tables[0];
  return described;
}

class Engine {
 public:
  Engine() : session_(lake::engine_in(lake_.path())) { session_.register_text_functions(); }

  std::string typed(const contract::Column& column, const std::string& text) {
    const auto value =
        session_.value("SELECT CAST(" + typed_sql(column) + " AS VARCHAR) FROM (SELECT " +
                       lake::quoted_literal(text) + " AS " + lake::quoted_name(column.name) + ")");
    return value.is_null() ? "NULL" : value.text();
  }

  void prepare(const Described& described) { prepare_expressions(session_, described.table); }

  // The names of the reasons for one row of texts, in their order.
  std::string reasons(const lake::TransformSpec& spec, const std::string& row) {
    std::string typed, told;
    for (const auto& column : spec.typed)
      typed += ", " + column.sql + " AS " + lake::quoted_name("new_" + column.name);
    for (const auto& reason : spec.reasons)
      told +=
          ", CASE WHEN " + reason.condition + " THEN " + lake::quoted_literal(reason.name) + " END";
    return session_
        .value("SELECT concat_ws(' '" + told + ") FROM (SELECT *" + typed + " FROM (SELECT " + row +
               "))")
        .text();
  }

 private:
  lakelog::TempLake lake_;
  lake::Session session_;
};

}  // namespace

TEST_CASE("contract plugin: texts become what the contract's types say, or nothing") {
  Engine engine;
  struct Row {
    const char *property, *text, *value;
  };
  static constexpr Row rows[] = {
      {"{name: a, logicalType: string}", " x ", " x "},
      {"{name: a, logicalType: integer}", " 42 ", "42"},
      {"{name: a, logicalType: integer}", "4.2", "NULL"},
      {"{name: a, physicalType: smallint}", "40000", "NULL"},
      {"{name: a, logicalType: number}", "1e3", "1000.0"},
      {"{name: a, logicalType: number}", "nan", "NULL"},
      {"{name: a, logicalType: number}", "inf", "NULL"},
      {"{name: a, physicalType: 'decimal(10,2)'}", "3.255", "3.26"},
      {"{name: a, physicalType: 'decimal(4,2)'}", "123.4", "NULL"},
      {"{name: a, physicalType: 'decimal(18,6)'}", "0.5000005", "0.500000"},
      {"{name: a, physicalType: 'decimal(18,6)'}", "0.5000015", "0.500002"},
      {"{name: a, physicalType: 'decimal(10,2)'}", "1.5e2", "150.00"},
      {"{name: a, physicalType: 'decimal(10,2)'}", ".5", "0.50"},
      {"{name: a, physicalType: 'decimal(10,2)'}", "10,5", "NULL"},
      {"{name: a, logicalType: boolean}", "Yes", "true"},
      {"{name: a, logicalType: boolean}", "2", "NULL"},
      {"{name: a, logicalType: date}", "2024-05-06", "2024-05-06"},
      {"{name: a, logicalType: date, logicalTypeOptions: {format: dd/MM/yyyy}}", "31/05/2024",
       "2024-05-31"},
      {"{name: a, logicalType: date, logicalTypeOptions: {format: dd/MM/yyyy}}", "2024-05-31",
       "NULL"},
      {"{name: a, logicalType: date}", "2024-05-06T23:00:00-03:00", "2024-05-06"},
      {"{name: a, logicalType: date}", "20024-05-06", "NULL"},
      {"{name: a, logicalType: date}", "0000-05-06", "NULL"},
      {"{name: a, logicalType: date}", "2024-05-06 (BC)", "NULL"},
      {"{name: a, logicalType: date}", "05/06/24", "NULL"},
      {"{name: a, logicalType: date}", "infinity", "NULL"},
      {"{name: a, logicalType: timestamp}", "2024-05-06T10:00:00-03:00", "2024-05-06 13:00:00+00"},
      {"{name: a, physicalType: 'decimal(10,2)'}", " 3.255 ", "3.26"},
      {"{name: a, logicalType: timestamp}", " 2024-05-06T10:00:00-03:00 ",
       "2024-05-06 13:00:00+00"},
      {"{name: a, logicalType: timestamp}", "2024-05-06 10:00:00", "2024-05-06 10:00:00+00"},
      {"{name: a, logicalType: timestamp}", "soon", "NULL"},
      {"{name: a, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: "
       "America/Sao_Paulo}}",
       "2024-05-06 10:00:00", "2024-05-06 13:00:00+00"},
      {"{name: a, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: "
       "America/Sao_Paulo}}",
       "2024-05-06", "2024-05-06 03:00:00+00"},
      {"{name: a, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: "
       "America/Sao_Paulo}}",
       "2024-05-06 10:00:00+02", "2024-05-06 08:00:00+00"},
      {"{name: a, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: "
       "America/Sao_Paulo, format: '%d/%m/%Y %H:%M %z'}}",
       "06/05/2024 10:30 +0200", "2024-05-06 08:30:00+00"},
      {"{name: a, logicalType: timestamp, logicalTypeOptions: {format: 'dd/MM/yyyy HH:mm'}}",
       "06/05/2024 10:30", "2024-05-06 10:30:00+00"},
      {"{name: a, logicalType: date, logicalTypeOptions: {format: dd/MM/yyyy}}", "epoch", "NULL"},
      {"{name: a, logicalType: object}", "{\"b\": 1}", "{\"b\": 1}"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.property);
    CAPTURE(row.text);
    CHECK(engine.typed(column_of(row.property), row.text) == row.value);
  }
}

TEST_CASE("contract plugin: an instant that only this engine has is none, whatever the zone") {
  Engine engine;
  for (const char* options :
       {"", ", logicalTypeOptions: {defaultTimezone: America/Sao_Paulo}",
        ", logicalTypeOptions: {defaultTimezone: Asia/Tokyo}",
        ", logicalTypeOptions: {format: '%Y-%m-%d %H:%M:%S'}",
        ", logicalTypeOptions: {format: '%Y-%m-%d %H:%M:%S %z'}",
        ", logicalTypeOptions: {format: '%Y-%m-%d %H:%M:%S', defaultTimezone: Asia/Tokyo}"}) {
    const auto column = column_of("{name: a, logicalType: timestamp" + std::string(options) + "}");
    for (const char* text :
         {"infinity", "-infinity", "epoch", "0044-03-15 (BC)", "0044-03-15 10:00:00 (BC)",
          "20024-05-06 10:00:00", "294247-01-10 04:00:54", "290309-12-22 (BC)", "05/06/24",
          "0000-05-06", "0000-05-06T10:00:00Z", "9999-12-31T23:00:00-05:00",
          "0001-01-01T00:00:00+05:00"}) {
      CAPTURE(options);
      CAPTURE(text);
      CHECK(engine.typed(column, text) == "NULL");
    }
  }
  const auto utc = column_of("{name: a, logicalType: timestamp}");
  CHECK(engine.typed(utc, "0001-01-01") == "0001-01-01 00:00:00+00");
  CHECK(engine.typed(utc, "9999-12-31 23:59:59.999999") == "9999-12-31 23:59:59.999999+00");
  CHECK(engine.typed(utc, "9999-12-31T23:59:59.999999Z") == "9999-12-31 23:59:59.999999+00");
  CHECK(engine.typed(utc, "2024/5/6 10:00") == "2024-05-06 10:00:00+00");
  const auto tokyo = column_of(
      "{name: a, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Asia/Tokyo}}");
  CHECK(engine.typed(tokyo, "0001-01-01 00:00:00") == "NULL");
  CHECK(engine.typed(tokyo, "9999-12-31 23:59:59") == "9999-12-31 14:59:59+00");
}

TEST_CASE("contract plugin: a computed day or instant beyond four digits of a year is bad") {
  Engine engine;
  const Described described = described_of(
      "      - {name: seen, logicalType: timestamp, primaryKey: true}\n"
      "      - {name: days, logicalType: integer}\n"
      "      - {name: day, logicalType: date, partitioned: true, customProperties: [{property: "
      "batuta.value, value: CAST(seen AS DATE) + CAST(days AS INTEGER)}]}\n"
      "      - {name: until, logicalType: timestamp, customProperties: [{property: batuta.value, "
      "value: seen + to_days(CAST(days AS INTEGER))}, {property: batuta.reasons, value: {bad: "
      "too_far}}]}\n");
  engine.prepare(described);
  const lake::TransformSpec spec = silver_spec(described);
  const auto told = [&](const std::string& seen, const std::string& days) {
    return engine.reasons(spec, "'" + seen + "' AS seen, " + days +
                                    " AS days, TIMESTAMPTZ '2024-05-06 12:00:00Z' AS _ingested_at");
  };
  CHECK(told("2024-05-06T10:00:00Z", "'1'").empty());
  CHECK(told("2024-05-06T10:00:00Z", "'3000000'") == "bad_day too_far");
  CHECK(told("2024-05-06T10:00:00Z", "'-800000'") == "bad_day too_far");
  CHECK(told("-infinity", "'1'") == "bad_seen");
}

TEST_CASE("contract plugin: a row is told every reason why it is none") {
  Engine engine;
  const Described described = described_of(
      "      - {name: id, logicalType: integer, primaryKey: true}\n"
      "      - {name: n, logicalType: number, logicalTypeOptions: {minimum: 0, exclusiveMaximum: "
      "10}}\n"
      "      - {name: s, logicalType: string, required: true,\n"
      "         logicalTypeOptions: {minLength: 2, maxLength: 3, pattern: '^[a-z]+$'}}\n"
      "      - {name: d, logicalType: date, logicalTypeOptions: {minimum: '2024-01-01'}}\n");
  const lake::TransformSpec spec = silver_spec(described);
  CHECK(engine.reasons(spec, "'1' AS id, '5' AS n, 'abc' AS s, '2024-01-01' AS d").empty());
  CHECK(engine.reasons(spec, "'1' AS id, NULL AS n, 'ab' AS s, NULL AS d").empty());
  CHECK(engine.reasons(spec, "'' AS id, '-1' AS n, NULL AS s, '2023-12-31' AS d") ==
        "missing_id n_below_minimum missing_s d_below_minimum");
  // Blanks of any kind are nothing, and what begins like none of the usual letters is something.
  CHECK(engine.reasons(spec, "' 1 ' AS id, ' 5 ' AS n, '  ' AS s, ' ' AS d") ==
        "missing_s s_mismatch");
  CHECK(engine.reasons(spec, "'1' AS id, ' ' AS n, chr(160) || chr(160) AS s, NULL AS d") ==
        "missing_s s_mismatch");
  CHECK(engine.reasons(spec, "'1' AS id, NULL AS n, 'éa' AS s, NULL AS d") == "s_mismatch");
  CHECK(engine.reasons(spec, "'  ' AS id, NULL AS n, '~~' AS s, NULL AS d") ==
        "missing_id s_mismatch");
  CHECK(engine.reasons(spec, "'x' AS id, '10' AS n, 'ABCD' AS s, 'never' AS d") ==
        "bad_id n_above_maximum s_too_long s_mismatch bad_d");
}

TEST_CASE("contract plugin: rules of rows and computed columns speak of typed columns by name") {
  Engine engine;
  const Described described = described_of(
      "      - name: seen\n"
      "        logicalType: timestamp\n"
      "        primaryKey: true\n"
      "        customProperties: [{property: batuta.reasons, value: {missing: no_key, bad: "
      "no_time}}]\n"
      "        quality:\n"
      "          - {type: custom, engine: batuta, name: in_future, implementation: seen > "
      "_ingested_at}\n"
      "      - {name: high, physicalType: 'decimal(9,2)', required: true, customProperties: &n "
      "[{property: "
      "batuta.reasons, value: {missing: bad_number, bad: bad_number}}]}\n"
      "      - {name: low, physicalType: 'decimal(9,2)', customProperties: *n}\n"
      "      - {name: day, logicalType: date, partitioned: true, customProperties: [{property: "
      "batuta.value, value: CAST(seen AS DATE)}]}\n"
      "    quality:\n"
      "      - {type: custom, engine: batuta, name: crossed, implementation: high < low OR day < "
      "DATE "
      "'2000-01-01'}\n");
  CHECK(described.columns() == std::vector<std::string>{"seen", "high", "low"});
  engine.prepare(described);
  const lake::TransformSpec spec = silver_spec(described);
  CHECK(spec.target.partition == "day");
  CHECK(spec.raw_columns == described.columns());
  const auto told = [&](const std::string& at, const std::string& high, const std::string& low) {
    return engine.reasons(spec, at + " AS seen, " + high + " AS high, " + low +
                                    " AS low, TIMESTAMPTZ '2024-05-06 12:00:00Z' AS _ingested_at");
  };
  CHECK(told("'2024-05-06T10:00:00Z'", "'10'", "'9'").empty());
  CHECK(told("'2024-05-06T10:00:00Z'", "'10'", "NULL").empty());
  // As texts '10' is before '9'.
  CHECK(told("'2024-05-06T10:00:00Z'", "'9'", "'10'") == "crossed");
  CHECK(told("'1999-05-06T10:00:00Z'", "'10'", "'9'") == "crossed");
  CHECK(told("'2024-05-06T12:00:01Z'", "'x'", "'y'") == "in_future bad_number");
  CHECK(told("NULL", "NULL", "'1'") == "no_key bad_number");
  CHECK(told("'soon'", "'10'", "'9'") == "no_time");
}

TEST_CASE("contract plugin: an expression that is none is refused before anything runs") {
  Engine engine;
  const auto refusal = [&](const std::string& implementation) -> std::string {
    try {
      engine.prepare(described_of(
          "      - {name: x, logicalType: integer}\n    quality:\n      - {type: custom, "
          "engine: batuta, name: odd, implementation: \"" +
          implementation + "\"}\n"));
    } catch (const plugin::FinalError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(refusal("x % 2 = 1").empty());
  for (const char* wrong :
       {"y > 1", "x >", "x) FROM batuta_row; DROP TABLE t; --", "x IN (SELECT a FROM other)",
        "x > (SELECT count(*) FROM read_csv('/etc/passwd'))", "getenv('HOME') = 'a'"}) {
    CAPTURE(wrong);
    CHECK(refusal(wrong).find("quality rule odd: ") == 0);
  }
}

TEST_CASE(
    "contract plugin: the tables are what the contract says, with or without key and partition") {
  const Described keyed = described_of(
      "      - {name: id, logicalType: integer, primaryKey: true, primaryKeyPosition: 2}\n"
      "      - {name: day, logicalType: date, primaryKey: true, primaryKeyPosition: 1, "
      "partitioned: true}\n");
  const lake::TransformSpec spec = silver_spec(keyed);
  CHECK(spec.source.name == "bronze/d/t");
  CHECK(spec.target.name == "silver/d/t");
  CHECK(spec.quarantine.name == "quarantine/d/t");
  CHECK(spec.target.keys == std::vector<std::string>{"day", "id"});
  CHECK(spec.target.partition == "day");
  CHECK(spec.metrics_json.find("\"contract\":\"d/t\"") != std::string::npos);
  CHECK(spec.column_lineage_json ==
        R"({"_ingested_at":{"from":[["bronze/d/t","_ingested_at"]]},)"
        R"("day":{"from":[["bronze/d/t","day"]]},"id":{"from":[["bronze/d/t","id"]]}})");
  CHECK(lake::history_lineage(spec).find(R"("day":{"from":[["silver/d/t","day"]]})") !=
        std::string::npos);
  CHECK(lake::history_lineage(spec).find(R"("change_hash":{"unknown")") != std::string::npos);
  const std::string told =
      lake::version_metrics(R"({"rows_in":1})", spec, spec.column_lineage_json);
  CHECK(told.find(R"("contract":"d/t")") != std::string::npos);
  CHECK(told.find(R"("column_lineage":"{)") != std::string::npos);
  CHECK(lake::version_metrics("{}", spec, std::string(40'000, 'x')).find("too long to be kept") !=
        std::string::npos);
  const Described computed = described_of(
      "      - {name: x, logicalType: integer}\n"
      "      - {name: y, logicalType: integer, customProperties: [{property: batuta.value, value: "
      "X + 1}]}\n"
      "      - {name: z, logicalType: integer, customProperties: [{property: batuta.value, value: "
      "x.part}]}\n");
  CHECK(computed.column_lineage_json() ==
        R"({"_ingested_at":{"from":[["bronze/d/t","_ingested_at"]]},)"
        R"("_row":{"from":[["bronze/d/t","_payload_sha256"]]},"x":{"from":[["bronze/d/t","x"]]},)"
        R"("y":{"from":[["bronze/d/t","x"]]},)"
        R"("z":{"unknown":"its batuta.value cannot be read for certain"}})");
  const lake::TransformSpec free =
      silver_spec(described_of("      - {name: x, logicalType: string}\n"));
  CHECK(free.target.keys == std::vector<std::string>{"_row"});
  CHECK(free.target.partition.empty());
  CHECK_THROWS_WITH(
      silver_spec(described_of("      - {name: x, logicalType: string, partitioned: true}\n")),
      "the contract d/t: a table is partitioned by one column, a date");
  CHECK_THROWS_AS(silver_spec(described_of("      - {name: x, logicalType: string}\n"
                                           "      - {name: new_x, logicalType: string}\n")),
                  plugin::FinalError);
}
