// A home with a filled lake, and the plugin lake_sql asked about it.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tests/plugins/fake_host.h"
#include "tests/plugins/financial_fixture.h"

namespace batuta {

inline const Run run{"01980000-0000-7000-8000-00000000000b"};

// A home with a filled lake and a run folder beside it.
struct LakeHome {
  Financial world;
  std::string lake;
  int returned = -1;  // by the plugin that was asked last

  LakeHome();
  // The host as the plugin left it.
  std::unique_ptr<FakeHost> ask(json parameters);
  // Fails the test where the statement fails.
  json rows(const std::string& sql);
  // Why it fails, and for good; fails the test where it does not.
  std::string refusal(json parameters);
};

std::string whole_file(const std::string& path);

}  // namespace batuta
