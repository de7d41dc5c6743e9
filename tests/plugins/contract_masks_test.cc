// What masks make of values, on the real engine, against known answers.
#include "plugins/contract/masks.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "plugins/contract/described.h"
#include "plugins/lake/session.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/plugins/fake_host.h"
#include "tests/plugins/test_engine.h"

using namespace batuta;
using namespace batuta::from_contract;

namespace {

contract::Column masked_column(contract::Mask mask, const std::string& type,
                               std::int64_t size = 0) {
  contract::Column column;
  column.name = "x";
  column.type = type;
  column.mask = mask;
  column.mask_size = size;
  return column;
}

class MaskEngine {
 public:
  explicit MaskEngine(const std::string& key) : session_(lake::engine_in(lake_.path())) {
    session_.register_text_functions();
    FakeHost host;
    host.secrets["pii"] = nlohmann::json{{"password", key}}.dump();
    host.context = {{"lake", lake_.path()}};
    const batuta_host table = host.table();
    plugin::Context context(table);
    Described described;
    described.path = "demo/people";
    described.table.mask_key = "pii";
    prepare_masks(context, session_, described);
  }

  std::string made(const std::string& mask_sql, const std::string& name, const std::string& value) {
    const auto cell = session_.value("SELECT CAST(" + mask_sql + " AS VARCHAR) FROM (SELECT " +
                                     value + " AS " + lake::quoted_name(name) + ")");
    return cell.is_null() ? "NULL" : cell.text();
  }
  std::string stored(const contract::Column& column, const std::string& value) {
    return made(stored_sql(column), "new_" + column.name, value);
  }
  // Why the rule `query` over one row whose cpf is `value` is refused.
  std::string refusal(const std::string& query, const std::string& value, contract::Mask mask) {
    session_.run("CREATE OR REPLACE TEMP VIEW new_rows AS SELECT '" + value + "' AS cpf");
    FakeHost host;
    const batuta_host table = host.table();
    plugin::Context context(table);
    Described described;
    described.path = "brokerage/clients";
    described.table.columns.push_back(masked_column(mask, "string"));
    contract::QualityCheck check;
    check.name = "whole";
    check.metric = contract::Metric::sql;
    check.query = query;
    described.table.quality.push_back(check);
    try {
      check_quality(context, session_, described);
    } catch (const plugin::FinalError& error) {
      return error.what();
    }
    return {};
  }
  std::string rejected(const contract::Column& column, const std::string& value) {
    return made(rejected_sql(column, lake::quoted_name(column.name)), column.name, value);
  }

 private:
  lakelog::TempLake lake_;
  lake::Session session_;
};

}  // namespace

TEST_CASE("masks: a pseudonym is the HMAC-SHA-256 of the value's text, whatever its type") {
  MaskEngine engine("0123456789abcdef");
  const auto text = masked_column(contract::Mask::pseudonym, "string");
  const auto whole = masked_column(contract::Mask::pseudonym, "long");
  const std::string known = "6522562ed44e8797f7057de19a48d84d2b98a2bc6eada737a3a85acfd1393a78";
  CHECK(engine.stored(text, "'12345678909'") == known);
  CHECK(engine.stored(whole, "12345678909") == known);
  CHECK(engine.rejected(text, "'12345678909'") == known);
  CHECK(engine.rejected(whole, "' 12345678909 '") == known);
  CHECK(engine.stored(text, "'João'") ==
        "f0dd0af25970a8c5cbe60da47218d33a816e536c206a1c61026f46afc659b5b6");
  CHECK(engine.stored(text, "CAST(NULL AS VARCHAR)") == "NULL");
  // Keys longer than a block of the hash are hashed first; RFC 4231 has one of 20 bytes.
  CHECK(MaskEngine(std::string(70, 'k')).stored(text, "'12345678909'") ==
        "162b482e6879c39957aded2c54d63b958e4c4bcb723de1389ceffe53cf04c871");
  CHECK(MaskEngine(std::string(20, '\x0b')).stored(text, "'Hi There'") ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
}

TEST_CASE("masks: years, prefixes and bands say less than the value, and nothing of what is bad") {
  MaskEngine engine("0123456789abcdef");
  const auto year = masked_column(contract::Mask::year, "date");
  const auto prefix = masked_column(contract::Mask::prefix, "string", 3);
  const auto band = masked_column(contract::Mask::band, "decimal(12,2)", 1000);
  const auto redact = masked_column(contract::Mask::redact, "string");
  CHECK(engine.stored(year, "DATE '1990-12-31'") == "1990");
  CHECK(engine.stored(prefix, "'01310-100'") == "013");
  CHECK(engine.stored(prefix, "'é'") == "é");
  CHECK(engine.stored(band, "CAST(5432.10 AS DECIMAL(12,2))") == "5000");
  CHECK(engine.stored(band, "CAST(-0.01 AS DECIMAL(12,2))") == "-1000");
  CHECK(engine.stored(redact, "'x'") == "***");
  CHECK(engine.stored(redact, "CAST(NULL AS VARCHAR)") == "NULL");
  for (const auto& column : {year, prefix, band, redact})
    CHECK(engine.rejected(column, "'secret'") == "***");
  CHECK(stored_type(year) == "integer");
  CHECK(stored_type(band) == "long");
  CHECK(stored_type(masked_column(contract::Mask::pseudonym, "long")) == "string");
}

TEST_CASE("masks: a short key is refused") {
  CHECK_THROWS_WITH_AS(
      MaskEngine("fifteen letters"),
      "the connection pii holds the key of pseudonyms as its password: it needs 16 "
      "characters at least, from a random source",
      plugin::FinalError);
}

TEST_CASE("masks: the error of an own rule quotes no value of a table with a masked column") {
  MaskEngine engine("0123456789abcdef");
  const std::string query = "SELECT count(*) FROM {object} WHERE CAST(cpf AS BIGINT) < 1";
  const std::string masked = engine.refusal(query, "123.456-00", contract::Mask::pseudonym);
  CHECK(masked ==
        "quality rule whole: Conversion Error (the engine's text may quote values of masked "
        "columns, and is not shown)");
  // Without masks the author sees all that the engine says.
  const std::string open = engine.refusal(query, "123.456-00", contract::Mask::none);
  CHECK_MESSAGE(open.find("'123.456-00'") != std::string::npos, open);
}
