#include "scheduler/dagfile/json_position.h"

#include <doctest/doctest.h>

#include "common/suggest.h"

namespace batuta {
namespace {

std::string place(std::string_view text, std::string_view pointer) {
  const auto at = locate_json(text, pointer);
  return std::to_string(at.line) + ":" + std::to_string(at.column);
}

}  // namespace

TEST_CASE("a pointer is found in the text it came from") {
  const std::string_view text =
      "{\n"
      "  \"a\": [1, {\"x\": \"],}\\\"\", \"b/c~\": true}],\n"
      "  \"k\\u0065y\":\n"
      "     null\n"
      "}";
  CHECK(place(text, "") == "1:1");
  CHECK(place(text, "/a") == "2:8");
  CHECK(place(text, "/a/0") == "2:9");
  CHECK(place(text, "/a/1/x") == "2:18");
  CHECK(place(text, "/a/1/b~1c~0") == "2:35");
  CHECK(place(text, "/key") == "4:6");
}

TEST_CASE("a pointer to nothing yields the nearest thing around it") {
  const std::string_view text = "{\n \"a\": [\n  {} ]}";
  CHECK(place(text, "/a/0/missing") == "3:3");
  CHECK(place(text, "/a/7") == "2:7");
  CHECK(place(text, "/b") == "1:1");
}

TEST_CASE("the names of an object come in the order they are written") {
  using Names = std::vector<std::string>;
  const std::string_view text =
      R"({"a": {"z": {"y": [1, "}"]}, "b": "x,\"c\":", "\u0061\n": null, "k": 1.5}, "n": {}})";
  CHECK(json_keys(text, "/a") == Names{"z", "b", "a\n", "k"});
  CHECK(json_keys(text, "") == Names{"a", "n"});
  CHECK(json_keys(text, "/n").empty());
  CHECK(json_keys(text, "/a/b").empty());
  CHECK(json_keys(text, "/missing").empty());
  for (const char* broken : {"", "{", "{\"a\"", "{\"a\":{\"b\"", "{\"a\":{\"b\":", "{\"a\":{,"}) {
    CHECK(json_keys(broken, "/a").size() <= 1);
  }
}

TEST_CASE("the items of a list are counted without building it, in broken text too") {
  CHECK(count_json_items(R"({"a":[1,[2,3],{"b":[4]},"],"]})", "/a") == 4);
  CHECK(count_json_items(R"({"a":[]})", "/a") == 0);
  CHECK(count_json_items(R"({"a":5})", "/a") == 0);
  CHECK(count_json_items(R"({"b":[1]})", "/a") == 0);
  CHECK(count_json_items(R"({"a":[1,2,)", "/a") == 2);
  for (const char* text :
       {"", "{", "{,,,", "}{", "{\"a\"", "{\"a\":[\"", "[[[[", "{\"a\":]]", "\\"}) {
    CHECK(count_json_items(text, "/a") <= 1);
    CHECK(locate_json(text, "/a/0").line == 1);
  }
}

TEST_CASE("the near name is suggested, a far one is not") {
  const std::vector<std::string> names = {"retries", "retry_delay", "pool"};
  CHECK(nearest("retires", names) == "retries");
  CHECK(nearest("rety_delay", names) == "retry_delay");
  CHECK(nearest("banana", names).empty());
  CHECK(nearest("", names).empty());
  CHECK(nearest(std::string(10'000, 'x'), names).empty());
  CHECK(did_you_mean("pol", names) == "; did you mean \"pool\"?");
  // Of a great many the first alone are looked at: it takes milliseconds whatever is asked.
  std::vector<std::string> many(1'000, std::string(100, 'a'));
  many.push_back(std::string(99, 'a') + "b");
  CHECK(nearest(std::string(98, 'a') + "cb", many) == many.front());
  many.insert(many.begin(), many.back());
  CHECK(nearest(std::string(98, 'a') + "cb", many) == many.front());
}

}  // namespace batuta
