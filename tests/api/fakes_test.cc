// What the API's tests are told by their fakes is what a real history and registry would tell.
#include "tests/api/fake_services.h"
#include "tests/store/history_conformance.h"
#include "tests/store/registry_conformance.h"

namespace batuta::test::fakes_test {
namespace {

class FakeHistoryHarness {
 public:
  History& history() { return api_.history; }

 private:
  http::TestApi api_;
};

class FakeRegistryHarness {
 public:
  FakeRegistryHarness() {
    registry_.user_rows.clear();
    registry_.hashes.clear();
    registry_.token_rows.clear();
  }
  Registry& registry() { return registry_; }
  void reopen() {}
  std::string hash(std::string_view password) { return http::FakeRegistry::hash(password); }
  std::vector<std::string> logged() {
    std::vector<std::string> events;
    for (const EventLogRow& row : registry_.audit) events.push_back(row.event + " " + row.owner);
    return events;
  }

 private:
  http::FakeRegistry registry_;
};

BATUTA_HISTORY_CONFORMANCE(FakeHistoryHarness);
BATUTA_REGISTRY_CONFORMANCE(FakeRegistryHarness);

}  // namespace
}  // namespace batuta::test::fakes_test
