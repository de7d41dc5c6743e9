// Whose connections make room for whom, who is turned away, and who is noticed to be gone. The user
// of a request is who its X-User says; what is held, the test answers.
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <sstream>
#include <thread>
#include <vector>

#include "common/log.h"
#include "scheduler/http/server.h"
#include "tests/http/test_client.h"

namespace batuta::http {
namespace {

std::string user_in(const Request& request) {
  const std::string* user = request.header("x-user");
  return user ? *user : "";
}

// Counts itself; never has anything to say.
class Silence final : public Stream {
 public:
  explicit Silence(std::atomic<int>& open) : open_(open) { ++open_; }
  ~Silence() override { --open_; }
  std::string next() override { return std::exchange(greeting_, {}); }

 private:
  std::atomic<int>& open_;
  std::string greeting_ = "hello\n";
};

struct Holding {
  explicit Holding(Limits limits)
      : server(
            thread.io, "127.0.0.1", 0, limits,
            [this](const std::shared_ptr<Request>& request, Respond respond) {
              handle(*request, std::move(respond));
            },
            user_in) {}
  ~Holding() {
    answer_held();  // an answer needs its server
    thread.stop();
  }

  void handle(Request& request, Respond respond) {
    request.identity.user = user_in(request);
    Response response;
    response.body = request.path + " " + request.body;
    if (request.path == "/peer") response.body = request.peer;
    if (request.path == "/large") response.body.assign(32 << 20, 'x');
    if (request.path == "/stream") response.stream = std::make_shared<Silence>(streams);
    if (request.path == "/wait") request.on_gone = [this] { ++gone; };
    if (request.path != "/hold" && request.path != "/wait") return respond(std::move(response));
    const std::lock_guard guard(mutex);
    held.push_back(std::move(respond));
    ++holding;
  }
  void answer_held() {
    const std::lock_guard guard(mutex);
    for (const auto& respond : held) respond({});
    held.clear();
  }

  std::atomic<int> streams{0}, gone{0}, holding{0};
  std::mutex mutex;
  std::vector<Respond> held;
  IoThread thread;
  Server server;
};

// In time that no deadline of the server's is near.
bool soon(const std::function<bool()>& what) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!what()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

std::string get(const std::string& path, const std::string& user = "") {
  const std::string field = user.empty() ? "" : "X-User: " + user + "\r\n";
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + field + "\r\n";
}

// A request whose body the server waits for; it has said so.
std::unique_ptr<RawClient> half_sent(const Holding& to, const std::string& user = "",
                                     const std::string& more = "") {
  auto client = std::make_unique<RawClient>(to.server.port());
  const std::string field = (user.empty() ? "" : "X-User: " + user + "\r\n") + more;
  client->send("POST /p HTTP/1.1\r\nHost: localhost\r\n" + field +
               "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client->read_until("\r\n\r\n").starts_with("HTTP/1.1 100"));
  return client;
}

std::unique_ptr<RawClient> held(Holding& by, const std::string& path,
                                const std::string& user = "") {
  auto client = std::make_unique<RawClient>(by.server.port());
  const int before = by.holding;
  client->send(get(path, user));
  CHECK(soon([&] { return by.holding > before; }));
  return client;
}

int status_of(const Holding& from, const std::string& request) {
  RawClient client(from.server.port());
  client.send(request);
  return client.read_answer().status;
}

Limits limits_of(std::size_t all, std::size_t address) {
  Limits limits;
  limits.connections = all;
  limits.connections_per_address = address;
  return limits;
}

}  // namespace

TEST_CASE("at the limit the connection that waits longest makes room") {
  Holding server(limits_of(1024, 2));
  RawClient oldest(server.server.port());
  oldest.send(get("/ok"));
  CHECK(oldest.read_answer().status == 200);
  RawClient second(server.server.port());
  second.send(get("/ok"));
  CHECK(second.read_answer().status == 200);
  RawClient third(server.server.port());
  third.send(get("/ok"));
  CHECK(third.read_answer().status == 200);
  CHECK(oldest.read_to_end().empty());
  second.send(get("/ok"));
  CHECK(second.read_answer().status == 200);
}

TEST_CASE("without descriptors a connection that rests makes room, too") {
  Holding server({});
  RawClient resting(server.server.port());
  resting.send(get("/ok"));
  CHECK(resting.read_answer().status == 200);
  // The undefined-behaviour sanitizer needs a descriptor when it meets a type for the first time.
  log::warn("no descriptor will be left");
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(STDERR_FILENO);
  ::close(next);
  // One more: the client's own end.
  const rlimit low{static_cast<rlim_t>(next) + 1, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(status_of(server, get("/ok")) == 200);
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK(resting.read_to_end().empty());
}

TEST_CASE("half-sent requests make room for a whole one, those that moved last at the end") {
  for (const auto& limits : {limits_of(1024, 3), limits_of(3, 1024)}) {
    Holding server(limits);
    const auto first = half_sent(server);
    const auto second = half_sent(server);
    const auto third = half_sent(server);
    CHECK(status_of(server, get("/ok")) == 200);
    CHECK(first->read_to_end().empty());
    third->send("abc");
    CHECK(third->read_answer().body == "/p abc");
    second->send("abc");
    CHECK(second->read_answer().body == "/p abc");
  }
}

TEST_CASE("a connection that rests makes room before one that is sent on") {
  Holding server(limits_of(1024, 2));
  const auto sending = half_sent(server);
  RawClient resting(server.server.port());
  resting.send(get("/ok"));
  CHECK(resting.read_answer().status == 200);
  CHECK(status_of(server, get("/ok")) == 200);
  CHECK(resting.read_to_end().empty());
  sending->send("abc");
  CHECK(sending->read_answer().body == "/p abc");
}

TEST_CASE("a stranger's half-sent body makes room before a user's") {
  Holding server(limits_of(2, 1024));
  const auto user = half_sent(server, "ana");
  const auto stranger = half_sent(server);
  CHECK(status_of(server, get("/ok", "bob")) == 200);
  CHECK(stranger->read_to_end().empty());
  user->send("abc");
  CHECK(user->read_answer().body == "/p abc");
}

TEST_CASE("an answer that nobody reads makes room") {
  Holding server(limits_of(1024, 1));
  RawClient lazy(server.server.port());
  lazy.send(get("/large"));
  CHECK(lazy.read_until("\r\n\r\n").starts_with("HTTP/1.1 200"));
  CHECK(status_of(server, get("/ok")) == 200);
}

TEST_CASE("many users of one address do not lock each other out, nor those without a name") {
  Holding server(limits_of(1024, 2));
  std::vector<std::unique_ptr<RawClient>> office;
  for (int i = 0; i < 20; ++i) office.push_back(held(server, "/hold", "user" + std::to_string(i)));
  CHECK(status_of(server, get("/health")) == 200);
  CHECK(status_of(server, get("/ok", "another")) == 200);
  server.answer_held();
  for (const auto& client : office) CHECK(client->read_answer().status == 200);
}

TEST_CASE("a client's address is the one that a trusted proxy names, and nobody else") {
  for (const bool trusted : {true, false}) {
    Limits limits;
    if (trusted) limits.trusted_proxies = {"127.0.0.1"};
    Holding server(limits);
    RawClient proxy(server.server.port());
    for (const std::string client : {"10.0.0.8", "10.0.0.9"}) {
      proxy.send(
          "GET /peer HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 1.1.1.1\r\n"
          "X-Forwarded-For: " +
          client + "\r\n\r\n");
      CHECK(proxy.read_answer().body == (trusted ? client : "127.0.0.1"));
    }
    proxy.send(get("/peer"));
    CHECK(proxy.read_answer().body == "127.0.0.1");
  }
}

TEST_CASE("behind a trusted proxy a client that is busy enough is told so, and no other") {
  Limits limits = limits_of(1024, 1);
  limits.trusted_proxies = {"127.0.0.1"};
  Holding server(limits);
  const auto request = [](const char* what, int client) {
    return std::string(what) + " HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0." +
           std::to_string(client) + "\r\n";
  };
  RawClient busy(server.server.port());
  busy.send(request("GET /hold", 1) + "\r\n");
  CHECK(soon([&] { return server.holding == 1; }));
  const std::string body = "Content-Length: 3\r\n\r\nabc";
  CHECK(status_of(server, request("POST /p", 1) + body) == 503);
  CHECK(status_of(server, request("POST /p", 1) + "X-User: ana\r\n" + body) == 200);
  CHECK(status_of(server, request("POST /p", 2) + body) == 200);
}

TEST_CASE("behind a trusted proxy the half-sent bodies of one client make room for its own") {
  Limits limits = limits_of(1024, 2);
  limits.trusted_proxies = {"127.0.0.1"};
  Holding server(limits);
  const auto of = [&](int client) {
    return half_sent(server, "", "X-Forwarded-For: 10.0.0." + std::to_string(client) + "\r\n");
  };
  std::vector<std::unique_ptr<RawClient>> others;
  for (int i = 0; i < 20; ++i) others.push_back(of(i));
  const auto first = of(99);
  const auto second = of(99);
  const auto third = of(99);
  CHECK(first->read_to_end().empty());
  others.push_back(of(100));
  for (const auto& client : others) {
    client->send("abc");
    CHECK(client->read_answer().body == "/p abc");
  }
  third->send("abc");
  CHECK(third->read_answer().body == "/p abc");
}

TEST_CASE("who is turned away is told why and when to come again, and the log says so once") {
  const auto file = std::filesystem::temp_directory_path() /
                    ("batuta-http-" + std::to_string(::getpid()) + ".log");
  log::start("test", log::Level::warn, file.string());
  for (const auto& limits : {limits_of(1024, 1), limits_of(1, 1024)}) {
    Holding server(limits);
    const auto busy = held(server, "/hold");
    for (int i = 0; i < 80; ++i) {
      RawClient late(server.server.port());
      // More than the server looks at: it must not undo the answer.
      late.send(get("/ok") + std::string(100'000, 'x'));
      const auto answer = late.read_answer();
      CHECK(answer.status == 503);
      CHECK(answer.header("retry-after") == "1");
      CHECK(answer.body.starts_with(R"({"detail":"too many requests)"));
    }
    server.answer_held();
    CHECK(busy->read_answer().status == 200);
  }
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  const std::string log = text.str();
  CHECK(log.find("turned away a connection of 127.0.0.1: too many requests of this address are "
                 "under way") != std::string::npos);
  CHECK(log.find("turned away a connection of 127.0.0.1: too many requests are under way") !=
        std::string::npos);
  CHECK(std::count(log.begin(), log.end(), '\n') == 2);
  log::start("test", log::Level::warn);
  std::filesystem::remove(file);
}

TEST_CASE("a client that goes while its request waits is noticed at once") {
  Holding server(limits_of(1024, 1));
  held(server, "/wait").reset();
  CHECK(soon([&] { return server.gone == 1; }));
  server.answer_held();
  CHECK(soon([&] { return status_of(server, get("/ok")) == 200; }));
}

TEST_CASE("what a client sends behind a request that waits is kept and answered after it") {
  Holding server(limits_of(1024, 1));
  const auto client = held(server, "/wait");
  for (int i = 0; i < 3; ++i) client->send(get("/later"));
  server.answer_held();
  CHECK(client->read_answer().status == 200);
  for (int i = 0; i < 3; ++i) CHECK(client->read_answer().body == "/later ");
  CHECK(server.gone == 0);
}

TEST_CASE("a client that sends without end behind a request that waits is let go") {
  Holding server(limits_of(1024, 1));
  const auto client = held(server, "/wait");
  client->send(std::string(1 << 20, 'x'));
  CHECK(soon([&] { return server.gone == 1; }));
}

TEST_CASE("a stream whose client goes is let go at once") {
  Holding server(limits_of(1024, 1));
  auto client = std::make_unique<RawClient>(server.server.port());
  client->send(get("/stream", "ana"));
  CHECK(client->read_until("hello\n").ends_with("hello\n"));
  CHECK(server.streams == 1);
  client.reset();
  CHECK(soon([&] { return server.streams == 0; }));
}

}  // namespace batuta::http
