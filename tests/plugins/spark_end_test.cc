// What the end of a spark-submit, of an application of YARN and of a master's driver means.
#include "plugins/builtin/spark_end.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "plugins/builtin/spark_cluster.h"
#include "tests/plugins/fake_host.h"
#include "tests/plugins/quote_server.h"

namespace batuta::plugin {
namespace {

SparkVerdict spark_ended(int exit_code, const std::string& said, int signal = 0) {
  SparkWords out, error;
  // In pieces, as a pipe has them.
  for (std::size_t at = 0; at < said.size(); at += 7) error.feed(said.substr(at, 7));
  out.finish();
  error.finish();
  return spark_verdict(exit_code, signal, out, error);
}

// A master's page with three drivers: two on a worker where nobody listens, the third on one that
// answers.
struct MasterPage {
  std::string base;
  QuoteServer server{[this](const std::string& target) -> Reply {
    if (target != "/json/") {
      return {200, "Launch Command: \"java\" \"-Dspark.batuta.tag=own\" \"Score\"\n", {}};
    }
    nlohmann::json page{{"workers", nlohmann::json::array()}, {"completeddrivers", nullptr}};
    page["workers"].push_back({{"id", "gone"}, {"webuiaddress", "http://127.0.0.1:1"}});
    page["workers"].push_back({{"id", "here"}, {"webuiaddress", base}});
    for (const auto& [id, worker] :
         {std::pair("d1", "gone"), std::pair("d2", "gone"), std::pair("d3", "here")}) {
      page["activedrivers"].push_back(
          {{"id", id}, {"worker", worker}, {"starttime", "5000"}, {"mainclass", "Score"}});
    }
    return {200, page.dump(), {}};
  }};
};

}  // namespace

TEST_CASE(
    "spark: a worker that does not answer is asked about one of its drivers, not about each") {
  MasterPage page;
  const auto door = nlohmann::json::parse(page.server.connection());
  page.base = "http://127.0.0.1:" + std::to_string(door.at("port").get<int>());
  FakeHost host;
  auto connection = door;
  connection["extra"] = nlohmann::json{{"page", page.base}}.dump();
  host.secrets["master"] = connection.dump();
  const batuta_host table = host.table();
  const Context context(table);
  const SparkCluster cluster(context, SparkCluster::Kind::master, "master",
                             std::chrono::milliseconds(1));
  const auto own = cluster.drivers_since("Score", "own", 4);
  REQUIRE(own);
  CHECK(own->own == "d3");
  CHECK(own->unknown.empty());
  CHECK(host.lines.size() == 3);  // of d1, which was asked for four times
  const auto none = cluster.drivers_since("Score", "another", 4);
  REQUIRE(none);
  CHECK(none->own.empty());
  CHECK(none->unknown == std::vector<std::string>{"d1", "d2"});
  host.stop = true;  // then nobody is asked any more
  CHECK_THROWS_AS(cluster.drivers_since("Score", "own", 4), RetryableError);
  CHECK(page.server.targets().back() == "/json/");
}

TEST_CASE("spark: the exit code and what was said tell the class of a failure, the gravest first") {
  CHECK(spark_ended(0, "java.lang.OutOfMemoryError: Java heap space\n").code == 0);
  const auto plain = spark_ended(1, "Traceback\nValueError: no rows of today\n");
  CHECK(plain.code == spark_code::failed);
  CHECK(plain.why == "spark-submit ended with exit code 1: ValueError: no rows of today");
  CHECK_FALSE(plain.is_final());
  CHECK(spark_ended(1,
                    "26/11/28 10:00:00 ERROR TaskSetManager: ExecutorLostFailure (executor 1 "
                    "exited)\n26/11/28 10:00:01 ERROR Executor: java.lang.OutOfMemoryError: Java "
                    "heap space\npy4j.protocol.Py4JJavaError: An error occurred")
            .code == spark_code::memory);
  CHECK(
      spark_ended(1, "26/11/28 ERROR Scheduler: ExecutorLostFailure (executor 1 exited)\n").code ==
      spark_code::lost);
  CHECK(spark_ended(1, "Caused by: java.net.ConnectException: Connection refused").code ==
        spark_code::busy);
  CHECK(spark_ended(137, "").code == spark_code::memory);
  CHECK(spark_ended(0, "", 9).code == spark_code::memory);
  CHECK(spark_ended(0, "", 15).code == spark_code::failed);
}

TEST_CASE("spark: what a log says in passing, and a program's own words, are no class") {
  CHECK(spark_ended(1,
                    "26/11/28 10:00:00 WARN StandaloneAppClient: Connection refused, retrying\n"
                    "ValueError: x\n")
            .code == spark_code::failed);
  const auto refused = spark_ended(1, "Error: Unrecognized option: --mastr\n");
  CHECK(refused.code == spark_code::refused);
  CHECK(refused.is_final());
  CHECK(spark_ended(101, "Error: Failed to load class org.example.Score.\n").is_final());
  CHECK(spark_ended(2, "python3: can't open file '/jobs/a.py': [Errno 2]\n").is_final());
  CHECK(spark_ended(3, "it can't open file a.csv, says the program\n").code == spark_code::failed);
}

TEST_CASE("spark: the ids of what goes on over there are found in what spark-submit says") {
  SparkWords words;
  words.feed("26/11/28 10:00:00 INFO YarnClientImpl: Submitted application ");
  words.feed("application_1700000000000_0042\nINFO Client: Application report for application_1");
  words.feed("_1 (state: ACCEPTED)\nState of driver-20261128100000-0007 is RUNNING");
  words.finish();
  CHECK(words.application() == "application_1700000000000_0042");
  CHECK(words.driver() == "driver-20261128100000-0007");
  SparkWords none;
  none.feed("a driver-less car, Submitted application application_\n" + std::string(200'000, 'x'));
  none.finish();
  CHECK(none.application().empty());
  CHECK(none.driver().empty());
}

TEST_CASE("spark: an application of YARN and a driver of a master end in the same classes") {
  CHECK(yarn_verdict("FINISHED", "SUCCEEDED", "").code == 0);
  CHECK(yarn_verdict("FINISHED", "FAILED", "User class threw exception").code ==
        spark_code::failed);
  CHECK(yarn_verdict("FAILED", "FAILED", "Container exited with exitCode: 137").code ==
        spark_code::memory);
  CHECK(yarn_verdict("KILLED", "KILLED", "Killed by user").is_final());
  CHECK(yarn_verdict("FAILED", "UNDEFINED", "").why == "the application ended as FAILED");
  CHECK(driver_verdict("FINISHED", "").code == 0);
  CHECK(driver_verdict("FAILED", "").code == spark_code::failed);
  CHECK(driver_verdict("ERROR", "worker lost").code == spark_code::lost);
  CHECK(driver_verdict("KILLED", "").is_final());
  CHECK(driver_verdict("", "").why == "the master knows no such driver");
}

TEST_CASE("spark: a model is written down as a program and what it computes, in files of the try") {
  std::string folder = std::filesystem::temp_directory_path() / "batuta-spark-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  // What is submitted: the last two words are the program and what it computes.
  const std::string submit = folder + "/submit";
  std::ofstream(submit) << "#!/bin/sh\nwhile [ $# -gt 2 ]; do shift; done\n"
                           "grep -q 'spark.sql(model' \"$1\" || exit 2\ncp \"$2\" "
                           "\"$BATUTA_RESULT\"\n";
  std::filesystem::permissions(submit, std::filesystem::perms::owner_all);
  ::setenv("BATUTA_SPARK_SUBMIT", nlohmann::json::array({submit}).dump().c_str(), 1);
  FakeHost host;
  host.context = {{"scratch", folder}, {"dag_id", "d"}, {"task_id", "daily"}};
  host.parameters = {{"spark_sql", "SELECT n FROM silver_shop_sold WHERE n > :template_1"},
                     {"parameters", {{"template_1", 5}}},
                     {"views", {{"silver_shop_sold", "silver/shop/sold"}}},
                     {"table", "gold/shop/daily"}};
  const int returned = host.run("spark");
  ::unsetenv("BATUTA_SPARK_SUBMIT");
  INFO(host.failure);
  REQUIRE(returned == 0);
  const auto model = nlohmann::json::parse(host.result);
  CHECK(model["sql"] == "SELECT n FROM silver_shop_sold WHERE n > :template_1");
  CHECK(model["parameters"]["template_1"] == 5);  // a number, and no text
  CHECK(model["views"]["silver_shop_sold"] == "silver/shop/sold");
  CHECK(model["result"] == folder + "/result.parquet");
  std::filesystem::remove_all(folder);
}

}  // namespace batuta::plugin
