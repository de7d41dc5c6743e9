// Answers held against what was asked.
#include "scheduler/dagfile/answer.h"

#include <doctest/doctest.h>

namespace batuta {
namespace {

QuestionRow question(bool multiple = false) {
  QuestionRow row;
  row.options = {"keep", "drop", "later"};
  row.multiple = multiple;
  row.params_json = R"({"n":{"type":"integer","minimum":1},"why":{"default":"because"}})";
  return row;
}

std::string told(const Result<std::string>& checked) {
  return checked ? *checked : checked.error().where + ": " + checked.error().message;
}

}  // namespace

TEST_CASE("an answer names options that there are, each once, and one unless several may be") {
  const auto check = [](std::vector<std::string> chosen, bool multiple = false) {
    return told(check_answer(question(multiple), chosen, R"({"n":1})"));
  };
  CHECK(check({"keep"}) == R"({"n":1,"why":"because"})");
  CHECK(check({}) == "/chosen_options: must name at least one option");
  CHECK(check({"keap"}) ==
        "/chosen_options: Invalid options: \"keap\" is none of \"keep\", \"drop\", \"later\"; did "
        "you mean \"keep\"?");
  CHECK(check({"keep", "drop"}) ==
        "/chosen_options: Invalid options: this question takes one of them");
  CHECK(check({"keep", "drop"}, true) == R"({"n":1,"why":"because"})");
  CHECK(check({"keep", "keep"}, true) ==
        "/chosen_options: Invalid options: \"keep\" stands there twice");
}

TEST_CASE("a form takes what its schemas take, and its defaults fill what is left out") {
  const auto check = [](std::string_view input, const QuestionRow& asked = question()) {
    return told(check_answer(asked, {"keep"}, input));
  };
  CHECK(check(R"({"why":"x","n":2})") == R"({"n":2,"why":"x"})");
  CHECK(check("{}") == "/params_input/n: is required: the form gives no default for it");
  CHECK(check(R"({"n":"two"})") == "/params_input/n: must be integer, not a text");
  CHECK(check(R"({"n":0})").starts_with("/params_input/n: "));
  CHECK(check(R"({"n":1,"wy":""})") ==
        "/params_input/wy: is no field of the form; did you mean \"why\"?; it is one of n, why");
  CHECK(check("[]") == "/params_input: must be an object");
  CHECK(check("{") != "{}");
  QuestionRow plain = question();
  plain.params_json = "{}";
  CHECK(check("{}", plain) == "{}");
  CHECK(check(R"({"n":1})", plain) == "/params_input/n: this question has no form: leave it out");
  const std::string much = R"({"n":1,"why":")" + std::string(40'000, 'x') + "\"}";
  CHECK(check(much) == "/params_input: is larger than 32 KiB");
}

TEST_CASE("a form has defaults when each of its fields has one") {
  CHECK(default_input(R"({"a":{"default":1},"b":{"default":"x"}})") == R"({"a":1,"b":"x"})");
  CHECK(default_input(R"({"a":{"default":1},"b":{"type":"string"}})") == "{}");
  CHECK(default_input("{}") == "{}");
}

}  // namespace batuta
