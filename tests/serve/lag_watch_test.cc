#include "scheduler/serve/lag_watch.h"

#include <doctest/doctest.h>

#include <string>

#include "scheduler/api/metrics.h"
#include "tests/store/store_fixture.h"

using namespace batuta;

namespace {

void put(stream::Stream& to, const std::string& topic, int records) {
  std::vector<stream::NewRecord> some(static_cast<std::size_t>(records));
  for (stream::NewRecord& one : some) {
    one.value = "x";
    one.partition = 1;
  }
  REQUIRE(to.produce(topic, some));
}

std::string metrics_of(const StreamLags& lags) {
  http::Surroundings around;
  around.lags = lags;
  return http::metrics_text(
      http::metric_families(EngineMetrics(), http::LiveView(), DagBagSnapshot(), Sight(), around));
}

bool has_line(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != text.npos;
}

}  // namespace

TEST_CASE("lag: every group that has committed is looked at, and whom somebody asks for besides") {
  test::TempFolder folder;
  const auto log = stream::open_file_stream(folder.path());
  REQUIRE(log);
  stream::TopicSettings settings;
  settings.partitions = 3;
  REQUIRE((*log)->create("orders", settings));
  put(**log, "orders", 5);
  REQUIRE((*log)->commit("bank", "orders", {{0, 0}, {1, 2}, {2, 0}}));

  LagWatch watch([&](const std::string& connection) -> Result<std::unique_ptr<stream::Stream>> {
    if (connection == "away") return {Errc::unavailable, "broker away does not answer"};
    return stream::open_file_stream(folder.path());
  });
  watch.ask({{"", "orders", "never"}, {"away", "orders", "bank"}});
  watch.look();
  const StreamLags told = watch.told();
  REQUIRE(told.rows.size() == 3);
  CHECK(told.rows[0].of == LagAsked{"", "orders", "bank"});
  CHECK(told.rows[0].records == 3);
  CHECK(told.rows[0].most == 3);
  CHECK(told.rows[1].records == 5);  // who has read nothing lags by all that there is
  CHECK(told.rows[2].trouble == "broker away does not answer");

  const std::string text = metrics_of(told);
  CHECK(has_line(text, R"(batuta_stream_lag{connection="",topic="orders",group="bank"} 3)"));
  CHECK(has_line(
      text, R"(batuta_stream_lag_partition_max{connection="",topic="orders",group="never"} 5)"));
  CHECK(
      has_line(text, R"(batuta_stream_lost_records{connection="",topic="orders",group="bank"} 0)"));
  CHECK(has_line(text, R"(batuta_stream_sent_total{connection="",topic="orders",group="bank"} 5)"));
  CHECK(has_line(text, R"(batuta_stream_read_total{connection="",topic="orders",group="bank"} 2)"));
  CHECK(
      has_line(text, R"(batuta_stream_read_total{connection="",topic="orders",group="never"} 0)"));
  CHECK(text.find("connection=\"away\"") == text.npos);  // 0 would say that it is up to date
  CHECK(has_line(text, "batuta_stream_lag_unknown 1"));

  put(**log, "orders", 4);
  watch.look();
  CHECK(watch.told().rows[0].records == 7);
}

TEST_CASE(
    "lag: more pairs than are looked at are counted, and those that are asked for come first") {
  test::TempFolder folder;
  const auto log = stream::open_file_stream(folder.path());
  REQUIRE(log);
  REQUIRE((*log)->create("t", {}));
  for (std::size_t i = 0; i < LagWatch::most_pairs; ++i)
    REQUIRE((*log)->commit("g" + std::to_string(i), "t", {{0, 0}}));
  LagWatch watch([&](const std::string&) { return stream::open_file_stream(folder.path()); });
  watch.ask({{"", "t", "zz"}});
  watch.look();
  const StreamLags told = watch.told();
  CHECK(told.rows.size() == LagWatch::most_pairs);
  CHECK(told.rows.back().of.group == "zz");
  CHECK(told.left_out == 1);
  CHECK(has_line(metrics_of(told), "batuta_stream_lag_unknown 1"));
}

TEST_CASE("broker errors: a counter by error, topic, partition and broker, where they are known") {
  http::Surroundings around;
  around.broker_errors = {{{"_TIMED_OUT", "or\"ders", 3, {}}, 7},
                          {{"_TRANSPORT", {}, -1, "a:1"}, 2}};
  const std::string text = http::metrics_text(
      http::metric_families(EngineMetrics(), http::LiveView(), DagBagSnapshot(), Sight(), around));
  const std::string name = "batuta_stream_broker_errors_total";
  CHECK(has_line(text, "# TYPE " + name + " counter"));
  CHECK(
      has_line(text, name + R"({error="_TIMED_OUT",topic="or\"ders",partition="3",broker=""} 7)"));
  CHECK(has_line(text, name + R"({error="_TRANSPORT",topic="",partition="",broker="a:1"} 2)"));
}

TEST_CASE("object stores: a counter by store, operation and outcome") {
  http::Surroundings around;
  around.store_requests = {{{"s3://lake", "put", "ok"}, 7}};
  const std::string text = http::metrics_text(
      http::metric_families(EngineMetrics(), http::LiveView(), DagBagSnapshot(), Sight(), around));
  const std::string name = "batuta_storage_requests_total";
  CHECK(has_line(text, "# TYPE " + name + " counter"));
  CHECK(has_line(text, name + R"({store="s3://lake",operation="put",outcome="ok"} 7)"));
}

TEST_CASE("lag: without a topic there is nothing to tell, and it ends while it waits") {
  const auto nothing = [](const std::string&) { return std::unique_ptr<stream::Stream>(); };
  LagWatch started(nothing);
  started.look_anew(std::chrono::hours(1));  // nobody looks: it waits for nothing
  started.start();
  started.ask({{"", "orders", "bank"}});
  started.look_anew(std::chrono::hours(1));
  CHECK(started.told().rows.size() == 1);
  LagWatch watch(nothing);
  watch.ask({{"", "orders", "bank"}});
  watch.look();
  REQUIRE(watch.told().rows.size() == 1);
  CHECK(watch.told().rows[0].trouble == "there is no topic yet");
}
