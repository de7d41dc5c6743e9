#include "scheduler/serve/offers.h"

#include <doctest/doctest.h>

using namespace batuta;

namespace {

PluginInfo plugin(const std::string& name) {
  PluginInfo info;
  info.name = name;
  return info;
}

struct Told {
  std::vector<std::vector<std::string>> lists;
  Offers offers{[this](const WorkerOffers& told) {
    std::vector<std::string> names;
    for (const PluginInfo& info : told.plugins) names.push_back(info.name);
    lists.push_back(names);
  }};
};

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("what workers offer is one list, told when it changes and only then") {
  Told told;
  told.offers.set(1, WorkerOffers{{plugin("shell"), plugin("http")}, {}});
  told.offers.set(2, WorkerOffers{{plugin("shell")}, {}});
  CHECK(told.lists == std::vector<Names>{{"http", "shell"}});
  told.offers.set(2, WorkerOffers{{plugin("shell"), plugin("sql")}, {}});
  CHECK(told.lists.back() == Names{"http", "shell", "sql"});
}

TEST_CASE("what the last worker offered stays known until another one joins") {
  Told told;
  told.offers.set(1, WorkerOffers{{plugin("shell")}, {}});
  told.offers.set(1, std::nullopt);
  CHECK(told.lists.size() == 1);
  told.offers.set(2, WorkerOffers{{plugin("http")}, {}});
  CHECK(told.lists.back() == Names{"http"});
}

TEST_CASE("a plugin is at fault while a worker cannot offer it and no other does") {
  Told told;
  const std::vector<PluginFault> fault{{"sql", "/plugins/sql.so: no symbol"}};
  told.offers.set(1, WorkerOffers{{plugin("shell")}, fault});
  CHECK(told.offers.faults() == fault);
  told.offers.set(2, WorkerOffers{{plugin("sql")}, {}});
  CHECK(told.offers.faults().empty());
}
