#include "common/sql_text.h"

#include <doctest/doctest.h>

using namespace batuta;

namespace {

std::string dollar(std::size_t n, const std::string&) {
  return "$" + std::to_string(n);
}

std::vector<std::string> texts(std::string_view sql) {
  std::vector<std::string> out;
  const auto statements = sql_statements(sql, dollar);
  REQUIRE(statements.ok());
  for (const SqlStatement& each : *statements) out.push_back(each.text);
  return out;
}
using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("names become numbered parameters, each once, and casts, slices and literals stay") {
  const auto one = sql_statements("select :a, :b, :a, x::int, y[1:2], ':a', \":b\" from t", dollar);
  REQUIRE(one.ok());
  REQUIRE(one->size() == 1);
  CHECK((*one)[0].text == "select $1, $2, $1, x::int, y[1:2], ':a', \":b\" from t");
  CHECK((*one)[0].names == Texts{"a", "b"});
  CHECK((*one)[0].first_word == "select");
}

TEST_CASE("statements end at semicolons that are no part of a literal, a name or a comment") {
  CHECK(texts("a; b ;; -- c;\n ; /* d; /* e; */ */") == Texts{"a", " b "});
  CHECK(texts("'a;''b;'; \"c;\"") == Texts{"'a;''b;'", " \"c;\""});
  CHECK(texts("$$a;$$; $t$b;$$;$t$; $1;") == Texts{"$$a;$$", " $t$b;$$;$t$", " $1"});
  CHECK(texts(R"(E'a\';b'; e'c'; typee'd\'; f)") ==
        Texts{R"(E'a\';b')", " e'c'", R"( typee'd\')", " f"});
  CHECK(texts(" \n-- nothing\n").empty());
  CHECK((*sql_statements("/* x */ COMMIT", dollar))[0].first_word == "commit");
}

TEST_CASE("what does not end is told with its line") {
  for (const char* sql : {"a\n'b", "a\n\"b", "a\n/* b", "a\n$x$ b", "a\nE'b\\'"}) {
    const auto statements = sql_statements(sql, dollar);
    REQUIRE_FALSE(statements.ok());
    CHECK_MESSAGE(statements.error().message.find("line 2 does not end") != std::string::npos,
                  std::string(sql));
  }
}

TEST_CASE("a template becomes a parameter of its own, and may stand nowhere else") {
  const auto found = sql_templates("insert into t values ({{ params.a }}, ':x', {{ ds }}) -- no");
  REQUIRE(found.ok());
  CHECK(found->text == "insert into t values (:template_1, ':x', :template_2) -- no");
  REQUIRE(found->parameters.size() == 2);
  CHECK(found->parameters[0].first == "template_1");
  CHECK(found->parameters[0].second == "{{ params.a }}");
  CHECK(sql_templates("select {'a':{{ ds }}}, x[1:{{ n }}], a<{{ n }} or{{ b }}")->text ==
        "select {'a': :template_1}, x[1: :template_2], a<:template_3 or :template_4");
  for (const char* bad :
       {"select '{{ ds }}'", "select \"{{ ds }}\"", "select $$ {{ ds }} $$", "select 1 -- {{ ds }}",
        "select 1 /* {% x %} */", "{% if x %} select 1", "select {{ ds", "select '{% x %}'"}) {
    CHECK_MESSAGE(sql_templates(bad).error().code == Errc::invalid, std::string(bad));
  }
}
