// Filters against what Jinja2 and C make of the same, and what is told of wrong ones.
#include <doctest/doctest.h>

#include <ctime>
#include <sstream>

#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/template.h"
#include "scheduler/dagfile/template_times.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

using nlohmann::json;

Result<json> value_of(const std::string& expression, const TemplateScope& scope) {
  const auto out = render_spec(json_text({{"v", "{{ " + expression + " }}"}}), scope, false);
  if (!out) return out.error();
  return (*parse_untrusted(*out))["v"];
}

std::string complaint(const std::string& expression) {
  const auto status = check_templates(json_text({{"v", "{{ " + expression + " }}"}}), false);
  return status ? std::string() : status.error().message;
}

TemplateScope at(const std::string& params, const std::string& zone = "UTC") {
  TemplateScope scope;
  scope.params_json = params;
  scope.timezone = zone;
  return scope;
}

std::string dated(const std::string& expression, const std::string& time) {
  const auto scope = at(json_text({{"t", time}}), "America/Sao_Paulo");
  const auto value = value_of("params.t | " + expression, scope);
  return value ? value->get<std::string>() : "error: " + value.error().message;
}

}  // namespace

TEST_CASE("filters make of values what Jinja2 makes of them") {
  std::istringstream recorded(read_text(source_folder() / "tests/dagfile/jinja_filters.txt"));
  std::string line;
  REQUIRE(std::getline(recorded, line));
  const TemplateScope scope = at(line);
  int rows = 0;
  while (std::getline(recorded, line)) {
    const auto tab = line.find('\t');
    const std::string expression = line.substr(0, tab), expected = line.substr(tab + 1);
    CAPTURE(expression);
    CHECK(complaint(expression).empty());
    const auto value = value_of(expression, scope);
    ++rows;
    if (expected == "undefined" || expected == "error") {
      REQUIRE_FALSE(value.ok());
      CHECK((value.error().message.find("undefined") != std::string::npos) ==
            (expected == "undefined"));
      CHECK(value.error().code == Errc::invalid);
      continue;
    }
    REQUIRE_MESSAGE(value.ok(), value.error().message);
    CHECK(json_text(*value) == json_text(*parse_untrusted(expected)));
  }
  CHECK(rows > 130);
}

TEST_CASE("default stands in for what is undefined, not for what went wrong") {
  const auto scope = at(R"({"text":"no json"})");
  CHECK(*value_of("params.gone.deep | default('d')", scope) == "d");
  const auto wrong = value_of("params.text | fromjson | default('d')", scope);
  REQUIRE_FALSE(wrong.ok());
  CHECK(wrong.error().message.find("fromjson needs a text that is JSON") != std::string::npos);
}

TEST_CASE("an unknown filter, test or argument is told when the file is read") {
  const auto tells = [](const char* expression, const char* message) {
    CAPTURE(expression);
    const std::string told = complaint(expression);
    CHECK_MESSAGE(told.find(message) != std::string::npos, told);
  };
  tells("ds | uper", "unknown filter \"uper\"; did you mean \"upper\"?");
  tells("ds | replace('a')", "filter replace needs \"new\": write replace(old, new, count=…)");
  tells("ds | replace('a', 'b', 1, 2)", "filter replace takes fewer arguments");
  tells("ds | replace('a', 'b', cnt=1)", "filter replace has no argument \"cnt\"");
  tells("ds | replace('a', 'b', count='x')", "filter replace takes a whole number as \"count\"");
  tells("ds | replace('a', 'b', old='c')", "an argument of filter replace is given twice");
  tells("ds | sort(reverse=1)", "filter sort takes true or false as \"reverse\"");
  tells("ds | map", "filter map needs attribute='…', or the name of a filter");
  tells("ds | map('upper', attribute='x')", "not both");
  tells("ds | map('uper')", "unknown filter \"uper\"");
  tells("ds | map('replace', 'a')", "filter replace needs \"new\"");
  tells("ds | selectattr", "filter selectattr needs \"attribute\"");
  tells("ds | selectattr('x', 'equal', 3)", "unknown test \"equal\"; did you mean \"equalto\"?");
  tells("ds | selectattr('x', 'eq')", "test 'eq' takes one value to compare with");
  tells("ds | in_timezone('America/Sao_Paolo')",
        "unknown time zone \"America/Sao_Paolo\"; did you mean \"America/Sao_Paulo\"?");
  tells("ds | strftime('%Q')", "strftime does not know the form '%Q'");
  tells("ds | strftime('%d', 'Mars/Olympus')", "unknown time zone");
  tells("ds | default(nobody)", "unknown name \"nobody\"");
  tells("[ds, nobody]", "unknown name \"nobody\"");
  tells("(nobody).x", "unknown name \"nobody\"");
  tells("{'a' ds}", "expected a name in quotes and a :");
  tells("execution_date", "here it is \"logical_date\"");
  tells("data_interval_end.in_timezone('UTC')", "write data_interval_end | in_timezone(");
}

TEST_CASE("times keep the clock they are told by, and move to another zone or the DAG's own") {
  const std::string late = "2024-01-31T01:30:00Z";
  CHECK(dated("in_timezone('America/Sao_Paulo')", late) == "2024-01-30T22:30:00-03:00");
  CHECK(dated("in_timezone('America/Sao_Paulo') | ds", late) == "2024-01-30");
  CHECK(dated("in_timezone('America/Sao_Paulo') | ts_nodash_with_tz", late) ==
        "20240130T223000-0300");
  CHECK(dated("local | ds", late) == "2024-01-30");
  CHECK(dated("ds", late) == "2024-01-31");
  CHECK(dated("ds", "2024-01-30T22:30:00-03:00") == "2024-01-30");
  CHECK(dated("ts", "2024-01-30 22:30:00-0300") == "2024-01-30T22:30:00-03:00");
  CHECK(dated("strftime('%H:%M %z %Z')", "2024-01-30T22:30:00-03:00") == "22:30 -0300 UTC-03:00");
  CHECK(dated("strftime('%Y-%m-%d %H %Z', 'Europe/Berlin')", "2024-07-01T12:00:00Z") ==
        "2024-07-01 14 CEST");
  CHECK(dated("strftime('%Z %z', 'Europe/Berlin')", "2024-01-01T12:00:00Z") == "CET +0100");
  CHECK(dated("in_timezone(dag.timezone)", late) == "2024-01-30T22:30:00-03:00");
  CHECK(dated("local", "no time").find("needs a time") != std::string::npos);
}

TEST_CASE("strftime has all of C's letters, and C's meaning of them") {
  const Time moment = *parse_iso("2024-03-05T09:07:03.045Z");
  const std::time_t seconds = 1709629623;
  std::tm fields{};
  ::gmtime_r(&seconds, &fields);
  for (const char letter : std::string("aAbBcCdDeFgGhHIjklmMnpPrRStTuUVwWxXyYZ%")) {
    const std::string form{'%', letter};
    CAPTURE(form);
    char expected[100] = "";
    std::strftime(expected, sizeof expected, form.c_str(), &fields);
    const auto made = format_time(ZonedTime{moment, {}, fields.tm_zone}, form);
    REQUIRE(made.ok());
    CHECK(*made == expected);
  }
  CHECK(dated("strftime('%f %s %-d/%-m %_H %^a')", "2024-03-05T09:07:03.045Z") ==
        "045000 1709629623 5/3  9 TUE");
  CHECK(dated("strftime('100%% %')", "2024-03-05").find("does not know the form '%'") !=
        std::string::npos);
}

TEST_CASE("filters cannot make more text than a task may have") {
  const auto scope = at(json_text({{"x", std::string(100'000, 'a')}}));
  const auto value = value_of("params.x | replace('a', params.x) | length", scope);
  REQUIRE_FALSE(value.ok());
  CHECK(value.error().message.find("more than 64 MiB") != std::string::npos);
}

TEST_CASE(
    "a test that does not fit says what kind of value, which may be a secret, and not which") {
  const auto scope = at(R"({"list": ["s3cret"]})");
  const auto value = value_of("params.list | select('divisibleby', 2) | list", scope);
  REQUIRE_FALSE(value.ok());
  CHECK(value.error().message.find("test 'divisibleby' does not fit a text") != std::string::npos);
  CHECK(value.error().message.find("s3cret") == std::string::npos);
}

}  // namespace batuta
