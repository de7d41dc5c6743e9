// A person taken out of texts as sources sent them.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plugins/lake/erase_raw.h"

using namespace batuta::lake;
using nlohmann::json;

TEST_CASE("raw texts lose the person's records, and all else stays byte for byte") {
  const std::vector<ErasedKey> keys = {{"cpf", {"cpf", "CPF"}, {"12", "João"}}};
  const std::string lines =
      "{\"cpf\": 12, \"n\": 0.10}\n{\"CPF\":\"12\"}\r\n{\"cpf\":\"121\"}\n{\"n\":12}\n"
      "{\"value\":\"{\\\"cpf\\\":\\\"12\\\"}\"}\n{\"cpf\":\"Jo\\u00e3o\"}";
  const auto left = without_lines(lines, keys);
  CHECK(left.text == "{\"cpf\":\"121\"}\n{\"n\":12}\n");
  CHECK(left.records == 4);
  const std::string page =
      "{\"total\": 3, \"items\": [ {\"cpf\":12,\"n\":0.10}, {\"cpf\":13, \"who\": {\"cpf\": 1}},\n"
      " {\"n\": [1, {}], \"who\": {\"CPF\": \"12\"}} ]}";
  const auto rest = without_objects(page, keys);
  CHECK(rest.records == 2);
  CHECK(rest.text == "{\"total\": 3, \"items\": [  {\"cpf\":13, \"who\": {\"cpf\": 1}} ]}");
  CHECK(json::parse(rest.text)["items"].size() == 1);
  CHECK(without_objects("[{\"cpf\":12}]", keys).text == "[]");
  CHECK(without_objects("{\"cpf\":12}", keys).text == "{}");
  CHECK_FALSE(without_objects("{\"cpf\":12", keys).problem.empty());
  CHECK_FALSE(without_objects(std::string(500, '['), keys).problem.empty());
  const auto csv = without_records(
      "\xEF\xBB\xBFid;CPF;note\r\n1;12;\"a\r\n;b\"\r\n2;121;12\r\n3;\" 12\";x\r\n4;;", keys);
  CHECK(csv.records == 2);
  CHECK(csv.text == "\xEF\xBB\xBFid;CPF;note\r\n2;121;12\r\n4;;");
  CHECK_FALSE(without_records("1,12\n", keys).problem.empty());
}

TEST_CASE(
    "raw CSV is read by the quotes of its contract, and left where nobody can tell its records") {
  const std::vector<ErasedKey> keys = {{"cpf", {"cpf"}, {"12"}}};
  // An inch of one's own line is no quote that lasts until another's.
  const std::string inches = "cpf,note\n12,5\" pipe\n13,'a,b'\n14,5\" nail\n";
  const auto told = without_records(inches, keys, {true, ",", "'", ""});
  CHECK(told.problem == "");
  CHECK(told.records == 1);
  CHECK(told.text == "cpf,note\n13,'a,b'\n14,5\" nail\n");
  const auto bare = without_records("cpf|note\n12|\"\n13|x\n", keys, {true, "|", "", ""});
  CHECK(bare.text == "cpf|note\n13|x\n");
  for (const std::string& text :
       {inches, std::string("cpf,note\n12,\"a\n13,x\n"), std::string("cpf,note\n12\n13,x\n"),
        std::string("cpf,note\n12,\"a\"b\n13,x\n")}) {
    CAPTURE(text);
    const auto unknown = without_records(text, keys);
    CHECK(unknown.problem.find("of the record in line ") == 0);
    CHECK(unknown.records == 0);
    CHECK(unknown.text == text);
  }
  // In other bytes the value may stand where it is not seen.
  const std::string wide("c\0p\0f\0\n\0", 8);
  CHECK(without_records(wide, keys).hidden);
  CHECK(without_records("cpf\n12\n", keys, {true, ",", "\"", "latin-1"}).records == 1);
  const std::vector<ErasedKey> named = {{"cpf", {"cpf"}, {"Jo\u00e3o"}}};
  CHECK(without_records("cpf\nJo\xe3o\n", named, {true, ",", "\"", "latin-1"}).hidden);
}

TEST_CASE("a JSON document in which others may be is not emptied for the person") {
  const std::vector<ErasedKey> keys = {{"cpf", {"cpf"}, {"12"}}};
  for (const std::string& text : {std::string(R"({"customers":{"1":{"cpf":12},"2":{"cpf":13}}})"),
                                  std::string(R"({"cpf":12,"rows":[{"n":1}]})"),
                                  std::string(R"({"by":{"cpf":"12"},"rows":[]})")}) {
    CAPTURE(text);
    const auto left = without_objects(text, keys);
    CHECK(left.text == text);
    CHECK(left.records == 0);
    CHECK(left.problem.find("outside of any list") != std::string::npos);
    CHECK(left.hidden);
  }
  const auto both = without_objects(R"({"by":{"cpf":12},"rows":[{"cpf":12},{"cpf":13}]})", keys);
  CHECK(both.text == R"({"by":{"cpf":12},"rows":[{"cpf":13}]})");
  CHECK(both.records == 1);
  CHECK_FALSE(both.problem.empty());
  CHECK(without_objects(R"({"person":{"cpf":12}})", keys).text == "{}");
}
