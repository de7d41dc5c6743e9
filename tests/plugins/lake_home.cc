#include "tests/plugins/lake_home.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace batuta {

LakeHome::LakeHome()
    : world([](const std::string&) {
        return page({quote("2026-11-20T10:05:00Z", "PETR4", "9.5", "10", "9", "9.2", "1"),
                     quote("2026-11-20T10:06:00Z", "AAPL", "9.5", "10", "9", "9.2", "3")});
      }) {
  world.run_all(run);
  lake = world.lake.path() + "/home/lake";
  std::filesystem::create_directories(world.lake.path() + "/home/run");
  std::filesystem::create_directories(lake);
  for (const char* layer : {"bronze", "silver", "gold"})
    std::filesystem::rename(world.lake.path() + "/" + layer, lake + "/" + layer);
}

std::unique_ptr<FakeHost> LakeHome::ask(json parameters) {
  auto host = std::make_unique<FakeHost>();
  const std::string scratch = world.lake.path() + "/home/scratch";
  std::filesystem::create_directories(scratch);
  host->context = {{"execution_id", "x"}, {"lake", lake}, {"scratch", scratch}};
  host->parameters = std::move(parameters);
  returned = host->run("lake_sql");
  return host;
}

json LakeHome::rows(const std::string& sql) {
  const auto host = ask({{"sql", sql}});
  INFO(host->failure);
  REQUIRE(returned == 0);
  return json::parse(host->result)["rows"];
}

std::string LakeHome::refusal(json parameters) {
  const auto host = ask(std::move(parameters));
  CHECK(returned != 0);
  CHECK(host->failure_kind == BATUTA_FAIL_FINAL);
  return host->failure;
}

std::string whole_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace batuta
