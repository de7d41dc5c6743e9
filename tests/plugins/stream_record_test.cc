// A record of a stream by the quick way, beside the way that all others go.
#include "plugins/contract/stream_record.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/exact_json.h"
#include "common/time.h"
#include "plugins/contract/record_text.h"

using namespace batuta;
using namespace batuta::from_contract;

namespace {

const std::vector<std::string>& wanted() {
  static const std::vector<std::string> names = {"id", "note", "price"};
  return names;
}

// Whether it was read; what it says is what the slow way says.
bool reads(FlatReader& reader, const std::string& text) {
  std::vector<std::optional<std::string_view>> fields;
  if (!reader.read(text, fields)) return false;
  const auto slow = parse_untrusted_exact(text);
  REQUIRE_MESSAGE(slow.ok(), text);
  REQUIRE_MESSAGE(slow->is_object(), text);
  REQUIRE(fields.size() == wanted().size());
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto told = record_text(*slow, wanted()[i]);
    const auto found = fields[i] ? std::optional<std::string>(*fields[i]) : std::nullopt;
    CHECK_MESSAGE(found == told, text);
  }
  return true;
}

}  // namespace

TEST_CASE("stream record: a flat one is read as its value would be") {
  FlatReader reader(wanted());
  for (const char* text :
       {R"({"id": 7, "note": "seven", "price": 1.5})", R"({"price":1.5,"note":"seven","id":-7})",
        R"({})", " { \"id\"\t:\r\n null } ", R"({"note": true, "id": false})",
        R"({"id": 0, "more": 999999999999999999, "note": ""})", "{\"note\": \"S\xc3\xa3o Paulo\"}",
        "{\"note\": \"\xf0\x9f\x98\x80\"}", R"({"id": 12345678901234567890123})",
        R"({"price": 1234567890123.123456})", R"({"id": 9223372036854775807})",
        R"({"id": "7", "ID": 8})"})
    CHECK_MESSAGE(reads(reader, text), text);
}

TEST_CASE("stream record: what is not simple for certain is left to those who say what is wrong") {
  FlatReader reader(wanted());
  for (const char* text : {"",
                           "{",
                           "[]",
                           "7",
                           R"({"id": 7)",
                           R"({"id": 7} 8)",
                           R"({"id": 7,})",
                           R"({"id" 7})",
                           R"({"id": 7 "note": 1})",
                           R"({id: 7})",
                           R"({"id": 07})",
                           R"({"id": +7})",
                           R"({"id": .5})",
                           R"({"id": 7.})",
                           R"({"id": 1e400})",
                           R"({"id": NaN})",
                           R"({"id": nul})",
                           R"({"id": })",
                           R"({"id": 7, "id": 8})",
                           R"({"x": 7, "x": 8})",
                           R"({"note": "a\nb"})",
                           "{\"note\": \"a\nb\"}",
                           R"({"note": "a)",
                           R"({"note": {"a": 1}})",
                           R"({"more": [1]})",
                           "\xef\xbb\xbf{\"id\": 7}",
                           "{\"note\": \"\xff\"}",
                           "{\"note\": \"\xc0\x80\"}",
                           "{\"note\": \"\xe0\x80\x80\"}",
                           "{\"note\": \"\xed\xa0\x80\"}",
                           "{\"note\": \"\xf4\x90\x80\x80\"}",
                           "{\"note\": \"\xc3\"}",
                           "{\"n\xff\": 1}"})
    CHECK_MESSAGE(!reads(reader, text), text);
  // These are good, in a spelling that the value is not written in.
  for (const char* text :
       {R"({"id": -0})", R"({"price": 1.50})", R"({"price": 1e2})", R"({"price": 15E-1})"}) {
    CHECK(parse_untrusted_exact(text).ok());
    CHECK_MESSAGE(!reads(reader, text), text);
  }
  std::string many = "{\"id\": 1";
  for (int i = 0; i < 64; ++i) many += ", \"n" + std::to_string(i) + "\": 1";
  CHECK_FALSE(reads(reader, many + "}"));
  FlatReader by_pointer({"/id"});
  std::vector<std::optional<std::string_view>> fields;
  CHECK_FALSE(by_pointer.read(R"({"id": 7})", fields));
}

TEST_CASE("stream record: names that move about from record to record are found") {
  FlatReader reader(wanted());
  for (int i = 0; i < 3; ++i) {
    CHECK(reads(reader, R"({"id": 1, "note": "a", "price": 2})"));
    CHECK(reads(reader, R"({"price": 2, "x": 1, "id": 1})"));
    CHECK(reads(reader, R"({"note": "a"})"));
  }
}

TEST_CASE("stream record: raw has it byte for byte, what is no text in base64") {
  stream::Record record;
  record.partition = 3;
  record.offset = 12;
  record.time = *parse_iso("2026-03-02T10:11:12Z");
  record.value = R"({"id": 7, "note": "a\tb"})";
  std::string out = "x";
  append_landed(out, record);
  CHECK(out == "x" + json_text({{"key", nullptr},
                                {"offset", 12},
                                {"partition", 3},
                                {"time", to_iso(record.time)},
                                {"value", *record.value}}));
  record.key = "\xff";
  record.value.reset();
  record.headers = {{"a", "\"b\""}, {"c", std::string(1, '\0')}};
  out.clear();
  append_landed(out, record);
  CHECK(out == R"({"headers":[["a","\"b\""],["c","AA=="]],"key_base64":"/w==","offset":12,)"
               R"("partition":3,"time":")" +
                   to_iso(record.time) + R"(","value":null})");
}
