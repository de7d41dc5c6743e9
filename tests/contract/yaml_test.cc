#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "contract/yaml.h"

using namespace batuta;
using namespace batuta::contract;

namespace {

bool says(const Result<nlohmann::ordered_json>& read, const std::string& words) {
  return !read && read.error().message.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("yaml: scalars are what the core schema says") {
  CHECK(parse_yaml("[1, -2, +3, 1.5, 1e3, true, no, ~, '1', 1.2.3, 007a, .inf]")->dump() ==
        R"([1,-2,3,1.5,1000.0,true,"no",null,"1","1.2.3","007a",".inf"])");
  CHECK(parse_yaml("day: 2024-05-06\nat: 2024-05-06T00:00:00Z")->dump() ==
        R"({"day":"2024-05-06","at":"2024-05-06T00:00:00Z"})");
  CHECK(parse_yaml("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}")->dump() ==
        R"({"a":{"b":1},"c":{"b":1},"d":{"b":1,"e":2}})");
  CHECK(parse_yaml("a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\ne: {b: 4, <<: *x}")->dump() ==
        R"({"a":{"b":1,"c":2},"d":{"b":3,"c":2},"e":{"b":4,"c":2}})");
  CHECK(says(parse_yaml("a: &x {b: 1}\nd: {<<: *x, b: 3, b: 4}"), "\"b\" stands twice"));
  CHECK(says(parse_yaml("a: 1\na: 2"), "line 2: \"a\" stands twice"));
  CHECK(says(parse_yaml("a: *nobody"), "an alias to nothing"));
  CHECK(says(parse_yaml("[a, b]: 1"), "a key must be a text"));
  CHECK(says(parse_yaml(""), "there is nothing in it"));
}

TEST_CASE("yaml: aliases, depth, values and texts are bounded") {
  std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int n = 1; n < 10; ++n) bomb += "," + before;
    bomb += "]\n";
  }
  CHECK(says(parse_yaml(bomb), "too many values"));
  std::string long_text = "a: &a " + std::string(500'000, 'x') + "\nb: [";
  for (int i = 0; i < 100; ++i) long_text += "*a,";
  CHECK(says(parse_yaml(long_text + "]"), "too much text"));
  CHECK(says(parse_yaml(std::string(100, '[')), "line 1"));
  CHECK(says(parse_yaml(std::string((1 << 20) + 1, ' ')), "1 MiB"));
  CHECK(parse_yaml(bomb).error().code == Errc::too_large);
}

TEST_CASE("yaml: a mapping of very many keys is read in a moment") {
  std::string text;
  for (int i = 0; i < 80'000; ++i) text += "k" + std::to_string(i) + ": \n";
  const auto read = parse_yaml(text);
  REQUIRE(read.ok());
  CHECK(read->size() == 80'000);
}

TEST_CASE("yaml: each value knows its place, by its key where it has one") {
  YamlPlaces places;
  REQUIRE(parse_yaml("a: 1\nb:\n  - x\n  - c/d: {e: 2}\n", &places).ok());
  const auto at = [&](const char* pointer) {
    const TextPlace place = places.locate(pointer);
    return std::to_string(place.line) + ":" + std::to_string(place.column);
  };
  CHECK(at("/a") == "1:1");
  CHECK(at("/b") == "2:1");
  CHECK(at("/b/0") == "3:5");
  CHECK(at("/b/1/c~1d") == "4:5");
  CHECK(at("/b/1/c~1d/e") == "4:11");
  CHECK(at("/b/1/nobody/e") == "4:5");  // the nearest that is there
  CHECK(at("/b/7") == "2:1");
}
