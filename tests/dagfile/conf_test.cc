#include <nlohmann/json.hpp>

#include "common/safe_json.h"
#include "scheduler/dagfile/param_program.h"
#include "scheduler/dagfile/run_conf.h"
#include "tests/dagfile/dagfile_fixture.h"

namespace batuta {
namespace {

std::shared_ptr<const Dag> dag_with(const std::string& params) {
  auto result = parse_dag_file(
      R"({"dag_id":"x","params":)" + params + R"(,"tasks":[{"task_id":"a","type":"empty"}]})",
      "x.json", "", {});
  REQUIRE(result.dag);
  return result.dag;
}

Error refused(const Dag& dag, const std::string& conf) {
  const auto result = validate_conf(dag, conf);
  REQUIRE_FALSE(result.ok());
  return result.error();
}

}  // namespace

TEST_CASE("defaults are filled in, given values and unknown keys stay") {
  const auto dag = dag_with(R"({"n":{"type":"integer","default":5},"bare":["a"],"day":"today"})");
  const auto conf = validate_conf(*dag, R"({"n":7,"other":true})");
  REQUIRE(conf.ok());
  CHECK(*parse_untrusted(*conf) ==
        *parse_untrusted(R"({"n":7,"other":true,"bare":["a"],"day":"today"})"));
}

TEST_CASE("a default that a program is asked for is left out until it has been") {
  const auto dag = dag_with(R"({"day":{"type":"string","format":"date",
    "default":{"$command":["/usr/bin/date","+%F"]}},"n":{"type":"integer","minimum":1,
    "default":{"$command":["/opt/next"]}},"bare":{"$command":["/opt/next"]},"own":1})");
  CHECK(dag->asks_params);
  CHECK_FALSE(dag_with(R"({"own":1,"like":"$command"})")->asks_params);
  const auto conf = validate_conf(*dag, R"({"n":7})");
  REQUIRE(conf.ok());
  CHECK(*parse_untrusted(*conf) == *parse_untrusted(R"({"n":7,"own":1})"));
  CHECK(refused(*dag, R"({"day":{"$command":["/usr/bin/date"]}})").where == "/day");
  const auto params = *parse_untrusted(dag->params_json);
  CHECK(param_program(params["day"]["default"]) ==
        std::vector<std::string>{"/usr/bin/date", "+%F"});
  CHECK(*printed_value(params["day"], "2024-05-01\nmore\n") == "2024-05-01");
  CHECK(*printed_value(params["n"], "5\r\n") == 5);
  CHECK(*printed_value(params["bare"], "5") == "5");
  CHECK(printed_value(params["n"], "0").error().message.find("it prints \"0\", and the value") ==
        0);
  CHECK(printed_value(params["n"], "many").error().message ==
        "it prints \"many\", and the value must be integer, not a text");
  // Cut at a whole character.
  CHECK(printed_value(params["n"], std::string(79, 'x') + "éé")
            .error()
            .message.find("it prints \"" + std::string(79, 'x') + "…\", and") == 0);
  CHECK(printed_value(params["bare"], "\nx").error().message.find("empty") != std::string::npos);
}

TEST_CASE("a value that its schema refuses names its place") {
  const auto dag = dag_with(R"({"n":{"type":"integer","minimum":1,"maximum":9,"default":5},
    "list":{"type":"array","items":{"type":"string","maxLength":3},"default":[]},
    "way":{"enum":["a","b"],"default":"a"},
    "deep":{"type":"object","properties":{"x":{"type":"boolean"}},"required":["x"],"default":{"x":true}}})");
  CHECK(refused(*dag, R"({"n":0})").where == "/n");
  CHECK(refused(*dag, R"({"n":"5"})").where == "/n");
  CHECK(refused(*dag, R"({"n":true})").where == "/n");
  CHECK(refused(*dag, R"({"list":["ok","long"]})").where == "/list/1");
  CHECK(refused(*dag, R"({"way":"c"})").where == "/way");
  CHECK(refused(*dag, R"({"deep":{}})").where == "/deep");
  CHECK(refused(*dag, R"({"deep":{"x":1}})").where == "/deep/x");
  CHECK(refused(*dag, R"({"n":0})").code == Errc::invalid);
  CHECK(refused(*dag, R"({"n":"5"})").message == "must be integer, not a text");
  CHECK(refused(*dag, R"({"list":["ok",7]})").message == "must be string, not a number");
  CHECK(refused(*dag, R"({"deep":{"x":"no"}})").message == "must be boolean, not a text");
}

TEST_CASE("what has a format and is no text is told by its type") {
  const auto dag = dag_with(R"({"day":{"type":"string","format":"date","default":"2024-01-01"},
    "deep":{"type":"object","properties":{"at":{"type":"string","format":"date-time"}},"default":{}}})");
  CHECK(refused(*dag, R"({"day":{}})").message == "must be string, not an object");
  CHECK(refused(*dag, R"({"day":[1]})").where == "/day");
  CHECK(refused(*dag, R"({"deep":{"at":[]}})").where == "/deep/at");
  CHECK(refused(*dag, R"({"day":"yesterday"})").where == "/day");
}

TEST_CASE("a param without a default must be given") {
  const auto dag = dag_with(R"({"must":{"type":"string"}})");
  CHECK(refused(*dag, "{}").where == "/must");
  CHECK(validate_conf(*dag, R"({"must":"x"})").ok());
}

TEST_CASE("every wrong value of a conf is told at once") {
  const auto dag = dag_with(R"({"n":{"type":"integer","default":5},"must":{"type":"string"},
    "way":{"enum":["a","b"],"default":"a"}})");
  const Error error = refused(*dag, R"({"n":"5","way":"a"})");
  CHECK(error.message ==
        "must: is required: the DAG gives no default for it; n: must be integer, not a text");
  CHECK(error.where == "/must");
}

TEST_CASE("a password is a text, and none of its values stands in the DAG file") {
  const auto problem = [](const std::string& params) {
    const auto result = parse_dag_file(
        R"({"dag_id":"x","params":)" + params + R"(,"tasks":[{"task_id":"a","type":"empty"}]})",
        "x.json", "", {});
    return result.problems.empty() ? "" : result.problems.front().text();
  };
  const auto says = [&](const std::string& params, const std::string& pointer,
                        const std::string& words) {
    const std::string text = problem(params);
    CHECK_MESSAGE(text.find(" " + pointer + ": ") != std::string::npos, text);
    CHECK_MESSAGE(text.find(words) != std::string::npos, text);
    CHECK_MESSAGE(text.find("hunter2") == std::string::npos, text);
  };
  CHECK(problem(R"({"t":{"type":"string","format":"password","minLength":3}})").empty());
  CHECK(problem(R"({"t":{"type":["string","null"],"format":"password","default":null}})").empty());
  says(R"({"t":{"type":"string","format":"password","default":"hunter2"}})", "/params/t/default",
       "can hold no password");
  says(R"({"t":{"type":"string","format":"password","enum":["hunter2"]}})", "/params/t/enum",
       "can hold no password");
  says(R"({"t":{"type":"integer","format":"password"}})", "/params/t/type", "a password is a text");
  says(R"({"t":{"format":"password"}})", "/params/t", "a password is a text");
  says(R"({"o":{"type":"object","properties":{"t":{"type":"string","format":"password"}}}})",
       "/params/o/properties/t/format", "a param of its own");
}

TEST_CASE("a password is given as it is, not as the stars that people see of one") {
  const auto dag = dag_with(R"({"day":{"type":"string","default":""},
    "t":{"type":"string","format":"password"}})");
  CHECK(password_params(*dag) == std::vector<std::string>{"t"});
  RunRequested request;
  CHECK(set_conf(*dag, R"({"t":"enough","day":"***"})", request).ok());
  const Status stars = set_conf(*dag, R"({"t":"***"})", request);
  REQUIRE_FALSE(stars.ok());
  CHECK(stars.error().where == "/conf/t");
  CHECK(stars.error().message.find("give the password itself") != std::string::npos);
  // What is wrong with one is told without it; and nothing but a text is one.
  const auto longer = dag_with(R"({"t":{"type":"string","format":"password","minLength":8}})");
  CHECK(refused(*longer, R"({"t":"hunter2"})").message.find("hunter2") == std::string::npos);
  CHECK(refused(*dag, R"({"t":{"batuta:sealed":"AAAA"}})").where == "/t");
}

TEST_CASE("a conf holds nothing that looks sealed, however deep") {
  const auto dag = dag_with(R"({"n":{"type":"integer","default":5}})");
  RunRequested request;
  for (const char* conf :
       {R"({"x":{"batuta:sealed":"AA"}})", R"({"x":[{"y":{"batuta:sealed":1,"z":2}}]})",
        R"({"batuta:sealed":"AA"})"}) {
    CAPTURE(conf);
    const Status sealed = set_conf(*dag, conf, request);
    REQUIRE_FALSE(sealed.ok());
    CHECK(sealed.error().message.find("batuta:sealed") != std::string::npos);
    CHECK(sealed.error().where.starts_with("/conf/"));
    CHECK(request.conf_json == "{}");
  }
  CHECK(set_conf(*dag, R"({"x":"batuta:sealed"})", request).ok());
}

TEST_CASE("start and end must be times, in order") {
  const auto dag = dag_with("{}");
  CHECK(validate_conf(*dag, R"({"start":"2015-02-17T00:00:00Z","end":"2015-03-01"})").ok());
  CHECK(refused(*dag, R"({"start":"yesterday"})").where == "/start");
  CHECK(refused(*dag, R"({"end":5})").where == "/end");
  CHECK(refused(*dag, R"({"start":"2015-03-01","end":"2015-03-01"})").where == "/end");
}

TEST_CASE("conf must be an object of honest JSON") {
  const auto dag = dag_with("{}");
  CHECK(refused(*dag, "[]").code == Errc::invalid);
  CHECK(refused(*dag, "{").code == Errc::malformed);
  CHECK(refused(*dag, R"({"a":1,"a":2})").code == Errc::malformed);
  CHECK(refused(*dag, R"({"a":1e400})").code == Errc::malformed);
}

TEST_CASE("which branch of the lake is promoted nobody says but the server") {
  const auto dag = dag_with("{}");
  RunRequested request;
  const Status given = set_conf(*dag, R"({"batuta:promotion":{"branch":"fix"}})", request);
  REQUIRE_FALSE(given.ok());
  CHECK(given.error().where == "/conf/batuta:promotion");
  REQUIRE(set_conf(*dag, R"({"x":1})", request).ok());
  CHECK(promotion_order_of(request.conf_json).empty());
  REQUIRE(add_promotion_order(request, R"({"branch":"fix/1","tables":{"a/b/c":2}})").ok());
  CHECK(nlohmann::json::parse(promotion_order_of(request.conf_json))["tables"]["a/b/c"] == 2);
  CHECK(promotion_order_of(R"({"batuta:promotion":"fix"})").empty());
}

TEST_CASE("an order for the quarantine is the one task's that it names, or nobody's") {
  RunRequested request;
  request.conf_json = R"({"x":1})";
  CHECK(quarantine_order_of(request.conf_json, "silver")->empty());
  REQUIRE(add_quarantine_order(request, R"({"verb":"discard","task_id":"silver"})").ok());
  const auto order = quarantine_order_of(request.conf_json, "silver");
  REQUIRE(order);
  CHECK(nlohmann::json::parse(*order)["verb"] == "discard");
  const auto other = quarantine_order_of(request.conf_json, "clients_silver");
  REQUIRE_FALSE(other);
  CHECK(other.error().message.find("by its task 'silver' alone") != std::string::npos);
  CHECK_FALSE(quarantine_order_of(R"({"batuta:quarantine":{"verb":"discard"}})", "silver"));
  CHECK_FALSE(quarantine_order_of(R"({"batuta:quarantine":"discard"})", "silver"));
  CHECK_FALSE(quarantine_order_of(R"({"batuta:quarantine":{"verb":)", "silver"));
}

TEST_CASE("the values of an order for the quarantine stand apart from it, to be sealed") {
  RunRequested request;
  request.conf_json = "{}";
  REQUIRE(add_quarantine_order(
              request, R"({"verb":"repair","task_id":"silver","set":{"cpf":"s3cret-value"}})")
              .ok());
  const auto conf = nlohmann::json::parse(request.conf_json);
  CHECK(conf[quarantine_member].dump().find("s3cret") == std::string::npos);
  const std::string values = conf[quarantine_values_member];
  const auto order = quarantine_order_of(request.conf_json, "silver", values);
  REQUIRE(order);
  CHECK(nlohmann::json::parse(*order)["set"]["cpf"] == "s3cret-value");
  CHECK_FALSE(quarantine_order_of(request.conf_json, "silver", "[]"));
}

TEST_CASE("an order that is larger than the body that brought it is carried out, or refused") {
  RunRequested request;
  request.conf_json = "{}";
  nlohmann::json order = {{"task_id", "silver"}, {"rows", nlohmann::json::array()}};
  for (int n = 0; n < 40'000; ++n) order["rows"].push_back(std::string(32, 'a'));
  REQUIRE(add_quarantine_order(request, order.dump()).ok());
  REQUIRE(request.conf_json.size() > (1 << 20));
  CHECK(quarantine_order_of(request.conf_json, "silver").ok());
  for (int n = 0; n < 300'000; ++n) order["rows"].push_back(std::string(32, 'a'));
  const std::string before = request.conf_json;
  const Status refused = add_quarantine_order(request, order.dump());
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().code == Errc::too_large);
  CHECK(request.conf_json == before);
}

}  // namespace batuta
