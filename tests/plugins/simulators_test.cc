// simulated_sources through its C table.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "plugins/sdk/batuta_plugin.h"
#include "stream/stream.h"
#include "tests/plugins/fake_host.h"

namespace batuta {
namespace {

using nlohmann::json;

constexpr const char* plugin_name = "simulated_sources";

// A home with its topics, and a folder of sources beside it.
class SimulatedHome {
 public:
  SimulatedHome() {
    std::string name =
        (std::filesystem::temp_directory_path() / "batuta-simulated-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path = name;
    std::filesystem::create_directories(path + "/home");
  }
  ~SimulatedHome() { std::filesystem::remove_all(path); }
  SimulatedHome(const SimulatedHome&) = delete;
  SimulatedHome& operator=(const SimulatedHome&) = delete;

  // A host whose task makes that pipeline's sources.
  void set(FakeHost& host, const char* pipeline, json settings) const {
    host.context = {{"lake", path + "/home/lake"}, {"try_number", 1}};
    host.parameters = {{"pipeline", pipeline}, {"to", path + "/sources"}};
    host.parameters["settings"] = std::move(settings);
  }
  json make(const char* pipeline, const json& settings) const {
    FakeHost host;
    set(host, pipeline, settings);
    const int code = host.run(plugin_name);
    INFO(host.failure);
    REQUIRE(code == 0);
    return json::parse(host.result);
  }
  std::string file(const std::string& name) const {
    std::ifstream in(path + "/sources/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  // What the topic holds, a partition after the other.
  std::map<int, std::vector<std::string>> topic(const std::string& name) const {
    std::map<int, std::vector<std::string>> out;
    const auto stream = stream::open_file_stream(path + "/home/stream");
    REQUIRE(stream.ok());
    const auto spans = (*stream)->offsets(name);
    REQUIRE(spans.ok());
    stream::Offsets from;
    for (const auto& [partition, span] : *spans) from[partition] = span.first;
    for (;;) {
      const auto batch = (*stream)->fetch(name, from, {});
      REQUIRE(batch.ok());
      for (const stream::Record& one : batch->records)
        out[one.partition].push_back(one.key.value_or("") + "=" + one.value.value_or(""));
      from = batch->next;
      if (batch->at_end) return out;
    }
  }

  std::string path;
};

json small_settings(int days) {
  return {{"seed", 7}, {"size", 40}, {"days", days}, {"first_day", "2026-03-02"}, {"defects", 3}};
}

}  // namespace

TEST_CASE("simulated sources: slices one after the other leave the bytes of the whole at once") {
  const SimulatedHome whole, sliced;
  const json all = whole.make("users", small_settings(5));
  CHECK(all["messages"].get<int>() > 0);
  CHECK(all["topic"] == "users");
  int sent = 0;
  for (const int days : {2, 3, 3, 5})
    sent += sliced.make("users", small_settings(days))["messages"].get<int>();
  CHECK(sent == all["messages"].get<int>());
  CHECK(sliced.topic("users") == whole.topic("users"));
  CHECK(sliced.file("truth.json") == whole.file("truth.json"));
}

TEST_CASE(
    "simulated sources: by interval a run has the days that its data interval ended, and an older "
    "one that comes later takes none away") {
  const SimulatedHome home;
  const auto until = [&](const std::string& end) {
    FakeHost host;
    home.set(host, "risk", small_settings(5));
    host.context["data_interval_start"] = "2026-03-01T00:00:00Z";
    host.context["data_interval_end"] = end;
    host.parameters["by_interval"] = true;
    const int code = host.run(plugin_name);
    if (code != 0) CHECK(host.failure_kind == BATUTA_FAIL_SKIPPED);
    return code == 0 ? json::parse(host.result)["days"].get<int>() : 0;
  };
  CHECK(until("2026-03-02T23:00:00Z") == 0);  // no day has ended
  CHECK_FALSE(std::filesystem::exists(home.path + "/sources"));
  CHECK(until("2026-03-03T00:00:00Z") == 1);
  CHECK(until("2026-03-05T12:00:00Z") == 3);
  const std::string of_three = home.file("fraud_labels.csv");
  CHECK(until("2026-03-04T00:00:00Z") == 3);
  CHECK(home.file("fraud_labels.csv") == of_three);
  CHECK(until("2027-01-01T00:00:00Z") == 5);
  const SimulatedHome at_once;
  const json made = at_once.make("risk", small_settings(5));
  CHECK(made["settings"]["RISK_ACCOUNTS"] == at_once.path + "/sources/accounts.csv");
  for (const char* name : {"truth.json", "fraud_labels.csv", "accounts.csv", "simulated.json"})
    CHECK(home.file(name) == at_once.file(name));
}

TEST_CASE("simulated sources: settings are an object, or the text of a file of the bundle") {
  const SimulatedHome by_object, by_text;
  by_object.make("users", small_settings(2));
  by_text.make("users", small_settings(2).dump());
  CHECK(by_text.topic("users") == by_object.topic("users"));
  CHECK(by_text.file("truth.json") == by_object.file("truth.json"));
}

TEST_CASE("simulated sources: where the topic cannot be reached messages wait for another try") {
  const SimulatedHome home;
  std::filesystem::remove(home.path + "/home");
  FakeHost host;
  home.set(host, "users", small_settings(2));
  CHECK(host.run(plugin_name) != 0);
  CHECK(host.failure_kind == BATUTA_FAIL_RETRYABLE);
  CHECK(host.failure.find("messages wait in " + home.path + "/sources/spool: ") !=
        std::string::npos);
  std::filesystem::create_directories(home.path + "/home");
  CHECK(home.make("users", small_settings(2))["messages"] == 0);  // they were put before
  const SimulatedHome at_once;
  at_once.make("users", small_settings(2));
  CHECK(home.topic("users") == at_once.topic("users"));
}

TEST_CASE("simulated sources: a task that is cancelled sends nothing more") {
  const SimulatedHome home;
  FakeHost host;
  home.set(host, "users", small_settings(2));
  host.parameters["settings"]["speed"] = "real time";
  host.stop = true;
  CHECK(host.run(plugin_name) != 0);
  CHECK(host.failure.find("cancelled") != std::string::npos);
}

TEST_CASE(
    "simulated sources: what is wrong is told with what may stand there, and not tried again") {
  const SimulatedHome home;
  const auto refused = [&](const char* name, const json& value) {
    FakeHost host;
    home.set(host, "users", small_settings(2));
    host.parameters[name] = value;
    CHECK(host.run(plugin_name) != 0);
    CHECK(host.failure_kind == BATUTA_FAIL_FINAL);
    return host.failure;
  };
  CHECK(refused("pipeline", "financial").find("there are brokerage, ecommerce, risk, users") !=
        std::string::npos);
  CHECK(refused("to", "sources").find("an absolute folder") != std::string::npos);
  CHECK(refused("settings", {{"sped", "x60"}}).find("\"sped\" is none of seed, size") !=
        std::string::npos);
  CHECK(refused("spool_bytes", 1000).find("1 MiB") != std::string::npos);
}

}  // namespace batuta
