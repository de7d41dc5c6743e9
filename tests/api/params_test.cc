#include "scheduler/api/params.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"

namespace batuta::http {
namespace {
Request with_query(const std::string& name, const std::string& value) {
  Request request;
  request.query.emplace_back(name, value);
  return request;
}
}  // namespace

TEST_CASE("numbers in the query are whole, in range, and never wrap") {
  for (const char* bad : {"-1", "2147483648", "9223372036854775808", "18446744073709551616", "1.5",
                          "1e3", "0x10", "", " 1", "1 ", "true", "+1"}) {
    CAPTURE(bad);
    const auto request = with_query("limit", bad);
    QueryReader query(request, page_params);
    query.page();
    CHECK_FALSE(query.status());
    CHECK(query.status().error().where == "query.limit");
  }
  const auto most = with_query("limit", "2147483647");
  CHECK(QueryReader(most, page_params).page().limit == max_page);
  const auto none = with_query("limit", "0");
  CHECK(QueryReader(none, page_params).page().limit == 0);
}

TEST_CASE("a body field that is not offered is refused by name") {
  const nlohmann::json body = {{"note", "x"}, {"fence", 7}};
  constexpr BodyField known[] = {{"note"}};
  BodyReader fields(body, known);
  REQUIRE_FALSE(fields.status());
  CHECK(fields.status().error().where == "/fence");
}

TEST_CASE("body fields have one type each") {
  const nlohmann::json body = {{"slots", true},  {"big", 9.3e18},       {"text", 1},
                               {"flag", "true"}, {"when", "yesterday"}, {"none", nullptr}};
  constexpr BodyField known[] = {{"slots"}, {"big"}, {"text"}, {"flag"}, {"when"}, {"none"}};
  const auto refused = [&](auto read) {
    BodyReader fields(body, known);
    read(fields);
    return !fields.status().ok();
  };
  CHECK(refused([](BodyReader& f) { f.integer("slots", 0, 10); }));
  CHECK(refused([](BodyReader& f) { f.integer("big", 0, 10); }));
  CHECK(refused([](BodyReader& f) { f.text("text"); }));
  CHECK(refused([](BodyReader& f) { f.boolean("flag"); }));
  CHECK(refused([](BodyReader& f) { f.time("when"); }));
  CHECK(refused([](BodyReader& f) { f.required_text("none"); }));
  CHECK_FALSE(refused([](BodyReader& f) { f.text("none"); }));
}

TEST_CASE("patterns match as LIKE does, in bounded time") {
  CHECK(like("%fin%", "my_FINancial"));
  CHECK(like("a_c", "abc"));
  CHECK_FALSE(like("a_c", "ac"));
  CHECK(like("%", ""));
  CHECK(like("a%b%c", "aXXbYYc"));
  CHECK_FALSE(like("a%b", "aXXc"));
  std::string pattern;
  for (int i = 0; i < 100; ++i) pattern += "%a";
  CHECK_FALSE(like(pattern + "b", std::string(250, 'a')));
}

}  // namespace batuta::http
