// Who reads, how long, and how many at a time.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "scheduler/store/store.h"
#include "tests/api/fake_services.h"
#include "tests/support/gate.h"

namespace batuta::http {
namespace {

using batuta::test::Gate;

constexpr char all_runs[] = "/api/v2/dags/~/dagRuns";

const std::string* header_of(const Response& response, const std::string& name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return &value;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("one viewer's slow lists do not delay another's single one, nor pile up without end") {
  TestApi api;
  Gate slow;
  api.history.before_runs = [&] { slow.pass(); };
  std::vector<std::future<Response>> waiting;
  const auto send = [&](int many) {
    for (; many > 0; --many) waiting.push_back(api.send(Method::get, all_runs, "", "viewer"));
  };
  send(2);
  slow.wait_for(2);
  send(256);
  CHECK(api.status(Method::get, "/api/v2/dags/demo/dagRuns/done", "", "operator") == 200);

  const auto refused = api.call(Method::get, all_runs, "", "viewer");
  CHECK(refused.status == 429);
  CHECK(body_of(refused)["detail"].get<std::string>().find("your requests wait") !=
        std::string::npos);
  CHECK(header_of(refused, "Retry-After"));
  CHECK(api.status(Method::get, "/api/v2/dags/demo/dagRuns/done", "", "operator") == 200);
  slow.open();
  for (auto& one : waiting) CHECK(one.get().status == 200);
}

TEST_CASE("a read that takes too long names the limit and what to ask instead, and is no fault") {
  TestApi api;
  api.history.before_runs = [] {
    throw StoreError("the query took too long; ask for less", true, StoreFault::too_slow);
  };
  const auto answer = api.call(Method::get, all_runs);
  CHECK(answer.status == 503);
  const auto detail = body_of(answer)["detail"].get<std::string>();
  CHECK(detail.find("than the 2 s that one read may take") != std::string::npos);
  CHECK(detail.find("order by id or run_after") != std::string::npos);
  CHECK_FALSE(header_of(answer, "Retry-After"));  // the same again would take as long
}

}  // namespace batuta::http
