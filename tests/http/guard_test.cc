#include "scheduler/http/guard.h"

#include <doctest/doctest.h>

#include "scheduler/http/response.h"
#include "scheduler/http/target.h"
#include "scheduler/http/utf8.h"

namespace batuta::http {
namespace {

const GuardOptions options;

int status_of(const std::string& raw) {
  HeadScanner scanner(options);
  const auto found = scanner.scan(raw);
  if (const auto* refusal = std::get_if<Refusal>(&found)) return refusal->status;
  const auto* size = std::get_if<std::size_t>(&found);
  if (!size) return -1;
  const auto verdict = check_head(std::string_view(raw).substr(0, *size), options);
  if (const auto* refusal = std::get_if<Refusal>(&verdict)) return refusal->status;
  return 0;
}

std::string get(const std::string& target, const std::string& fields = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost:8080\r\n" + fields + "\r\n";
}
std::string post(const std::string& fields) {
  return "POST /x HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

struct Bad {
  const char* what;
  std::string raw;
  int status;
};

}  // namespace

TEST_CASE("an ordinary request passes and its parts are decoded once") {
  const std::string raw = get("/a%20b/c?x=%25fin&y=1+2&z", "X-A: 1\r\nx-a:  2 \r\n");
  const auto verdict = check_head(raw, options);
  const auto* head = std::get_if<Head>(&verdict);
  REQUIRE(head);
  CHECK(head->method == Method::get);
  CHECK(head->path == "/a b/c");
  REQUIRE(head->query.size() == 3);
  CHECK(head->query[0].second == "%fin");
  CHECK(head->query[1].second == "1 2");
  CHECK(head->query[2].second.empty());
  CHECK(head->headers.at("x-a") == "1, 2");
  CHECK(head->keep_alive);
}

TEST_CASE("what is too large is told how large it may be") {
  const auto verdict = check_head(post("Content-Length: 5000000\r\n"), options);
  const auto* refusal = std::get_if<Refusal>(&verdict);
  REQUIRE(refusal);
  CHECK(refusal->detail == "the body is too large: at most 1048576 bytes are taken");
}

TEST_CASE("framing that two readers could see differently is refused") {
  const Bad table[] = {
      {"CL and TE", post("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), 501},
      {"TE and CL", post("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"), 501},
      {"TE identity", post("Transfer-Encoding: identity\r\nContent-Length: 4\r\n"), 501},
      {"TE xchunked", post("Transfer-Encoding: xchunked\r\n"), 501},
      {"TE twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"), 400},
      {"TE, strange case", post("tRANSFER-eNCODING: chunked\r\n"), 501},
      {"two lengths", post("Content-Length: 4\r\nContent-Length: 5\r\n"), 400},
      {"two equal lengths", post("Content-Length: 4\r\nContent-Length: 4\r\n"), 400},
      {"a list of lengths", post("Content-Length: 4, 4\r\n"), 400},
      {"signed length", post("Content-Length: +4\r\n"), 400},
      {"negative length", post("Content-Length: -1\r\n"), 400},
      {"hex length", post("Content-Length: 0x4\r\n"), 400},
      {"underscored length", post("Content-Length: 1_0\r\n"), 400},
      {"empty length", post("Content-Length:\r\n"), 400},
      {"2^64 length", post("Content-Length: 18446744073709551616\r\n"), 413},
      {"5 MB", post("Content-Length: 5000000\r\n"), 413},
      {"no length", post(""), 411},
      {"body on GET", get("/", "Content-Length: 3\r\n"), 400},
      {"space before colon", post("Content-Length : 4\r\n"), 400},
      {"folded field", get("/", "X-A: 1\r\n 2\r\n"), 400},
      {"leading space field", "GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400},
      {"bare LF in line", "GET / HTTP/1.1\nHost: localhost\n\n", 400},
      {"bare CR", "GET / HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n", 400},
      {"NUL", get("/", std::string("X: a\0b\r\n", 8)), 400},
      {"no colon", get("/", "nonsense\r\n"), 400},
      {"UTF-8 in a name", get("/", "X-\xC3\xA9: 1\r\n"), 400},
      {"invalid UTF-8 in a value", get("/", "X-A: \xFF\r\n"), 400},
      {"gzip body", post("Content-Length: 4\r\nContent-Encoding: gzip\r\n"), 415},
      {"strange expectation", post("Content-Length: 4\r\nExpect: magic\r\n"), 417},
      {"leading empty line", "\r\n" + get("/"), 400},
  };
  for (const auto& bad : table) {
    CAPTURE(bad.what);
    CHECK(status_of(bad.raw) == bad.status);
  }
}

TEST_CASE("only HTTP/1.x request lines with known methods and path targets pass") {
  const Bad table[] = {
      {"HTTP/0.9", "GET /\r\nHost: localhost\r\n\r\n", 400},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 400},
      {"HTTP/1.9", "GET / HTTP/1.9\r\nHost: localhost\r\n\r\n", 400},
      {"TLS hello", std::string("\x16\x03\x01\x02\x00", 5), 400},
      {"TRACE", "TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
      {"CONNECT", "CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
      {"made-up method", "FOO / HTTP/1.1\r\nHost: localhost\r\n\r\n", 405},
      {"absolute form", "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"double space", "GET  / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
      {"long request line", get("/" + std::string(65536, 'a')), 414},
      {"long path", get("/" + std::string(2100, 'a')), 400},
      {"large header", get("/", "X: " + std::string(20000, 'a') + "\r\n"), 431},
  };
  for (const auto& bad : table) {
    CAPTURE(bad.what);
    CHECK(status_of(bad.raw) == bad.status);
  }
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X: 1\r\n";
  CHECK(status_of(get("/", many)) == 431);
}

TEST_CASE("hosts beyond the list are not answered for") {
  const auto with_host = [](const std::string& host) {
    return "GET / HTTP/1.1\r\n" + host + "\r\n";
  };
  CHECK(status_of(with_host("Host: LOCALHOST:1234\r\n")) == 0);
  CHECK(status_of(with_host("Host: [::1]:8080\r\n")) == 0);
  CHECK(status_of(with_host("Host: evil.example:8080\r\n")) == 421);
  CHECK(status_of(with_host("Host: localhost.evil.example\r\n")) == 421);
  CHECK(status_of(with_host("")) == 400);
  CHECK(status_of(with_host("Host: localhost\r\nHost: localhost\r\n")) == 400);
  CHECK(status_of(with_host("Host: user@localhost\r\n")) == 400);
  CHECK(status_of(with_host("Host: localhost:80:80\r\n")) == 400);
  CHECK(status_of(with_host("Host: localhost, evil.example\r\n")) == 400);
}

TEST_CASE("paths that could become another path are refused") {
  for (const char* path :
       {"/a/../b",   "/..",         "/./a",   "/a/..",  "/a%2fb",    "/a%2Fb",    "/a%5cb", "/a\\b",
        "/%2e%2e/a", "/%252e",      "/a%25b", "/a%00",  "/%c0%ae",   "/%ff",      "/a%",    "/a%2",
        "/a%zz",     "/a%0d%0aX:1", "/a#b",   "/a\x7f", "/\xC3\xA9", "/<script>", "/a|b"}) {
    CAPTURE(path);
    CHECK_FALSE(parse_target(path));
  }
  CHECK(parse_target("/caf%C3%A9")->path == "/caf\xC3\xA9");
  CHECK(parse_target("/a..b/...")->path == "/a..b/...");
  CHECK_FALSE(parse_target("/?a=%00"));
  CHECK_FALSE(parse_target("/?a=%ff"));
  std::string pairs = "/?";
  for (int i = 0; i < 65; ++i) pairs += "a=1&";
  CHECK_FALSE(parse_target(pairs));
}

TEST_CASE("credentials in the query are refused, a log's place is not") {
  const std::string bearer = "batuta_0123456789012345678901234567890123456789012";
  CHECK(status_of(get("/api/v2/dags?token=abc")) == 400);
  CHECK(status_of(get("/api/v2/dags?access_token=abc")) == 400);
  CHECK(status_of(get("/x/logs/1?token=" + bearer)) == 400);
  CHECK(status_of(get("/x/logs/1?token=4096")) == 0);
}

TEST_CASE("a head that arrives byte by byte is found at the same place") {
  const std::string raw = get("/", "X-A: 1\r\n") + "BODY";
  HeadScanner scanner(options);
  for (std::size_t n = 1; n < raw.size() - 4; ++n) {
    CHECK(std::holds_alternative<HeadScanner::NeedMore>(
        scanner.scan(std::string_view(raw).substr(0, n))));
  }
  const auto found = scanner.scan(raw);
  REQUIRE(std::holds_alternative<std::size_t>(found));
  CHECK(std::get<std::size_t>(found) == raw.size() - 4);
}

TEST_CASE("no value can add a header line") {
  Response response;
  response.headers.emplace_back("X-Echo", "a\r\nSet-Cookie: b\n c\0d");
  const auto head = response_head(response, true);
  CHECK(head.find("\r\nSet-Cookie") == std::string::npos);
  CHECK(head.find("X-Echo: aSet-Cookie: b c") != std::string::npos);
  CHECK(head.find("Content-Security-Policy: default-src 'none'") != std::string::npos);
  CHECK(head.find("Cache-Control: no-store") != std::string::npos);
}

TEST_CASE("a stream that knows its length tells it, and one that does not has none") {
  struct Nothing : Stream {
    std::string next() override { return {}; }
  };
  Response response;
  response.stream = std::make_shared<Nothing>();
  CHECK(response_head(response, false).find("Content-Length") == std::string::npos);
  response.stream_bytes = 7;
  CHECK(response_head(response, false).find("\r\nContent-Length: 7\r\n") != std::string::npos);
}

TEST_CASE("UTF-8 that is not well-formed is recognised and repaired") {
  CHECK(valid_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  for (const char* bad : {"\x80", "\xC0\xAE", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                          "\xF0\x80\x80\x80", "\xC3", "\xFF"}) {
    CHECK_FALSE(valid_utf8(bad));
    CHECK(valid_utf8(repair_utf8(bad)));
  }
  CHECK(repair_utf8("a\xFF"
                    "b") ==
        "a\xEF\xBF\xBD"
        "b");
}

}  // namespace batuta::http
