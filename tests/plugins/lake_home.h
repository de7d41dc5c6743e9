// A home with a filled lake, and the plugin lake_sql asked about it.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/plugins/financial_fixture.h"

namespace batuta {

inline const Run run{"01980000-0000-7000-8000-00000000000b"};

// A home with a filled lake and a run folder beside it.
struct LakeHome {
  Financial world{[](const std::string&) {
    return page({quote("2026-11-20T10:05:00Z", "PETR4", "9.5", "10", "9", "9.2", "1"),
                 quote("2026-11-20T10:06:00Z", "AAPL", "9.5", "10", "9", "9.2", "3")});
  }};
  std::string lake;

  LakeHome() {
    world.run_all(run);
    lake = world.lake.path() + "/home/lake";
    std::filesystem::create_directories(world.lake.path() + "/home/run");
    std::filesystem::create_directories(lake);
    for (const char* layer : {"bronze", "silver", "gold"})
      std::filesystem::rename(world.lake.path() + "/" + layer, lake + "/" + layer);
  }

  std::unique_ptr<FakeHost> ask(json parameters) {
    auto host = std::make_unique<FakeHost>();
    const std::string scratch = world.lake.path() + "/home/scratch";
    std::filesystem::create_directories(scratch);
    host->context = {{"execution_id", "x"}, {"lake", lake}, {"scratch", scratch}};
    host->parameters = std::move(parameters);
    returned = host->run("lake_sql");
    return host;
  }
  json rows(const std::string& sql) {
    const auto host = ask({{"sql", sql}});
    INFO(host->failure);
    REQUIRE(returned == 0);
    return json::parse(host->result)["rows"];
  }
  std::string refusal(json parameters) {
    const auto host = ask(std::move(parameters));
    CHECK(returned != 0);
    CHECK(host->failure_kind == BATUTA_FAIL_FINAL);
    return host->failure;
  }
  int returned = -1;
};

inline std::string whole_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace batuta
