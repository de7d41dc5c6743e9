// Streams and waits over real sockets: whose budget they take, and when they give it back.
#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/api/fake_services.h"

namespace batuta::http::streams_test {
namespace {

const std::string events = "/api/batuta/events";
const std::string wait = "/api/v2/dags/demo/dagRuns/live/wait?interval=1";

std::string get(const std::string& path, const std::string& role) {
  const std::string field = role.empty() ? "" : "Authorization: Bearer " + role + "-token\r\n";
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + field + "\r\n";
}

struct Served {
  ~Served() { api.thread.stop(); }
  std::unique_ptr<RawClient> send(const std::string& path, const std::string& role) const {
    auto client = std::make_unique<RawClient>(server.port());
    client->send(get(path, role));
    return client;
  }
  RawAnswer answer(const std::string& path, const std::string& role) const {
    return send(path, role)->read_answer();
  }
  // The stream's first words have come.
  std::unique_ptr<RawClient> stream(const std::string& role) const {
    auto client = send(events, role);
    CHECK(client->read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
    return client;
  }

  TestApi api;
  Server server{api.thread.io, "127.0.0.1", 0, {}, api.handler};
};

bool soon(const std::function<bool()>& what) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!what()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("a user's streams and waits use up its own budget, not that of its address") {
  Served served;
  std::vector<std::unique_ptr<RawClient>> open;
  for (std::size_t i = 0; i < HubLimits{}.per_holder; ++i) open.push_back(served.stream("viewer"));
  for (const auto& path : {events, wait}) {
    const auto refused = served.answer(path, "viewer");
    CHECK(refused.status == 503);
    CHECK(refused.header("retry-after") == "1");
    CHECK(refused.body.find("user viewer has 64 streams and waits open") != std::string::npos);
  }
  CHECK(served.answer("/api/v2/dags", "viewer").status == 200);
  CHECK(served.answer("/api/v2/monitor/health", "").status == 200);
  const auto other = served.stream("operator");
}

TEST_CASE("a stream or a wait whose client has gone gives its place back at once") {
  Served served;
  auto waiting = served.send(wait, "viewer");
  REQUIRE(soon([&] { return served.api.hub.demand() == FeedDemand::runs; }));
  std::vector<std::unique_ptr<RawClient>> open;
  for (std::size_t i = 1; i < HubLimits{}.per_holder; ++i) open.push_back(served.stream("viewer"));
  const auto full = [&] { return served.answer(events, "viewer").status == 503; };
  CHECK(full());
  waiting.reset();
  std::unique_ptr<RawClient> next;
  const auto stream_opens = [&] {
    next = served.send(events, "viewer");
    return next->read_until("\r\n\r\n").starts_with("HTTP/1.1 200");
  };
  CHECK(soon(stream_opens));
  CHECK(full());
  open.pop_back();
  CHECK(soon(stream_opens));
}

}  // namespace batuta::http::streams_test
