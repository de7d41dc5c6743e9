// The server over real sockets: framing, deadlines, limits. The handler echoes.
#include "scheduler/http/server.h"

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <system_error>

#include "tests/http/test_client.h"

namespace batuta::http {
namespace {

struct Echo {
  explicit Echo(Limits limits = {})
      : server(thread.io, "127.0.0.1", 0, limits,
               [this](std::shared_ptr<Request> request, Respond respond) {
                 ++calls;
                 Response response;
                 response.content_type = "text/plain";
                 response.body = std::string(to_string(request->method)) + " " + request->path +
                                 " " + request->body;
                 if (request->path == "/drop") return;
                 respond(std::move(response));
               }) {}
  ~Echo() { thread.stop(); }
  std::uint16_t port() const { return server.port(); }

  std::atomic<int> calls{0};
  IoThread thread;
  Server server;
};

const std::string good = "GET /ok HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::string post(const std::string& fields, const std::string& body) {
  return "POST /p HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n" + body;
}

}  // namespace

TEST_CASE("an address that cannot be had is an error that says so") {
  Echo echo;
  const auto handler = [](const std::shared_ptr<Request>&, const Respond&) {};
  IoThread other;
  CHECK_THROWS_WITH_AS(Server(other.io, "127.0.0.1", echo.port(), {}, handler),
                       "Address already in use", std::system_error);
  CHECK_THROWS_AS(Server(other.io, "nowhere", 0, {}, handler), std::system_error);
  other.stop();
}

TEST_CASE("requests on one connection are answered in order, also when sent at once") {
  Echo echo;
  RawClient client(echo.port());
  client.send(good + post("Content-Length: 3\r\n", "abc") + good);
  CHECK(client.read_answer().body == "GET /ok ");
  CHECK(client.read_answer().body == "POST /p abc");
  CHECK(client.read_answer().body == "GET /ok ");
  client.send("HEAD /ok HTTP/1.1\r\nHost: localhost\r\n\r\n" + good);
  const auto head = client.read_answer(true);
  CHECK(head.header("content-length") == "9");
  CHECK(client.read_answer().body == "GET /ok ");
}

TEST_CASE("a malformed request gets one answer and the end of the connection") {
  Echo echo;
  const std::string smuggled = "0\r\n\r\nGET /evil HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::pair<std::string, int> table[] = {
      {post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", smuggled), 501},
      {post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", smuggled), 501},
      {post("Transfer-Encoding: identity\r\nContent-Length: 4\r\n", smuggled), 501},
      {post("Transfer-Encoding: xchunked\r\n", smuggled), 501},
      {post("Transfer-Encoding: chunked\r\n",
            "1;" + std::string(200'000, 'x') + "\r\na\r\n0\r\nAuthorization: x\r\n\r\n"),
       501},
      {post("Content-Length: 4\r\nContent-Length: 40\r\n", smuggled), 400},
      {post("Content-Length: 4, 4\r\n", smuggled), 400},
      {post("Content-Length: +4\r\n", smuggled), 400},
      {post("Content-Length: 0x4\r\n", smuggled), 400},
      {post("", smuggled), 411},
      {"GET / HTTP/1.1\nHost: localhost\n\n" + good, 400},
      {"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r b\r\n\r\n" + good, 400},
      {"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n" + good, 400},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {std::string("\x16\x03\x01\x02\x00\x01\x00", 7) + std::string(500, 'x'), 400},
      {"GET / HTTP/1.1\r\nHost: evil.example:8080\r\n\r\n" + good, 421},
      {"TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n" + good, 405},
      {"CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n" + good, 405},
      {post("Content-Length: 3\r\nContent-Encoding: gzip\r\n", "abc") + good, 415},
  };
  for (const auto& [bytes, status] : table) {
    const std::string begin = bytes.substr(0, 120);
    CAPTURE(begin);
    CHECK(statuses(exchange(echo.port(), bytes)) == std::vector<int>{status});
  }
  CHECK(echo.calls == 0);
}

TEST_CASE("too much is refused without being read whole") {
  Echo echo;
  CHECK(statuses(exchange(echo.port(),
                          "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(1 << 20, 'a') +
                              "\r\n\r\n")) == std::vector<int>{431});
  std::string many = "GET / HTTP/1.1\r\nHost: localhost\r\n";
  for (int i = 0; i < 10'000; ++i) many += "a:\r\n";
  CHECK(statuses(exchange(echo.port(), many + "\r\n")) == std::vector<int>{431});
  CHECK(statuses(exchange(echo.port(), "GET /" + std::string(65536, 'a') + " HTTP/1.1\r\n\r\n")) ==
        std::vector<int>{414});
  const std::string large(5'000'000, 'a');
  CHECK(statuses(exchange(echo.port(), post("Content-Length: 5000000\r\n", large))) ==
        std::vector<int>{413});
  CHECK(statuses(exchange(echo.port(), post("", large))) == std::vector<int>{411});
  CHECK(echo.calls == 0);
  const std::string most(1 << 20, 'a');
  const auto bytes = exchange(echo.port(), post("Content-Length: 1048576\r\n", most));
  CHECK(statuses(bytes) == std::vector<int>{200});
  CHECK(bytes.size() > most.size());
}

TEST_CASE("ten thousand pipelined requests end after a thousand answers") {
  Echo echo;
  std::string bytes;
  for (int i = 0; i < 10'000; ++i) bytes += good;
  RawClient client(echo.port());
  std::thread sender([&] { client.send(bytes); });
  const auto all = client.read_to_end();
  sender.join();
  CHECK(statuses(all).size() <= 1000);
  CHECK(echo.calls == 1000);
}

TEST_CASE("the client is told to go on only when its body will be read") {
  Echo echo;
  RawClient client(echo.port());
  client.send(post("Content-Length: 3\r\nExpect: 100-continue\r\n", ""));
  CHECK(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("abc");
  CHECK(client.read_answer().body == "POST /p abc");
  CHECK(statuses(exchange(echo.port(), post("Content-Length: 5000000\r\nExpect: 100-continue\r\n",
                                            ""))) == std::vector<int>{413});
}

TEST_CASE("slow senders are cut at the deadline while others are served") {
  Limits limits;
  limits.head = std::chrono::milliseconds(150);
  limits.body_grace = std::chrono::milliseconds(150);
  Echo echo(limits);
  RawClient silent(echo.port());
  RawClient slow_head(echo.port());
  slow_head.send("GET / HTTP/1.1\r\nHost: loc");
  RawClient slow_body(echo.port());
  slow_body.send(post("Content-Length: 1000\r\n", "abc"));
  CHECK(statuses(exchange(echo.port(), good)) == std::vector<int>{200});
  CHECK(silent.read_to_end().empty());
  CHECK(slow_head.read_to_end().empty());
  CHECK(slow_body.read_to_end().empty());
  CHECK(echo.calls == 1);
}

TEST_CASE("a kept connection that rests too long is closed") {
  Limits limits;
  limits.idle = std::chrono::milliseconds(100);
  Echo echo(limits);
  RawClient client(echo.port());
  client.send(good);
  CHECK(client.read_answer().status == 200);
  CHECK(client.read_to_end().empty());
}

TEST_CASE("a handler that forgets to answer becomes a 500") {
  Echo echo;
  RawClient client(echo.port());
  client.send("GET /drop HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(client.read_answer().status == 500);
}

TEST_CASE("HTTP/1.0 and Connection: close end after one answer") {
  Echo echo;
  CHECK(statuses(exchange(echo.port(), "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n" + good)) ==
        std::vector<int>{200});
  CHECK(statuses(
            exchange(echo.port(), "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" +
                                      good)) == std::vector<int>{200});
}

TEST_CASE("stopping closes what is open") {
  Echo echo;
  RawClient client(echo.port());
  client.send(good);
  CHECK(client.read_answer().status == 200);
  echo.server.stop();
  CHECK(client.read_to_end().empty());
}

}  // namespace batuta::http
