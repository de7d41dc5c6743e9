#include "scheduler/http/gzip.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/http/gunzip.h"

namespace batuta::http {
namespace {

Request with(const char* name, const std::string& value) {
  Request request;
  request.headers[name] = value;
  return request;
}

}  // namespace

TEST_CASE("gzip is sent to those who take it and to nobody else") {
  CHECK_FALSE(accepts_gzip(Request()));
  for (const char* yes : {"gzip", "GZIP", "x-gzip", "deflate, gzip;q=0.5", "br,gzip ", "*",
                          "gzip;q=1.0", "identity;q=0,*;q=0.1"}) {
    CAPTURE(yes);
    CHECK(accepts_gzip(with("accept-encoding", yes)));
  }
  for (const char* no : {"", "identity", "br", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *",
                         "gzipped", ",,;,"}) {
    CAPTURE(no);
    CHECK_FALSE(accepts_gzip(with("accept-encoding", no)));
  }
}

TEST_CASE("Brotli is sent to those alone who name it") {
  for (const char* yes : {"br", "gzip, deflate, br, zstd", "BR;q=0.1"})
    CHECK(accepts_brotli(with("accept-encoding", yes)));
  for (const char* no : {"", "*", "gzip", "br;q=0", "brotli"})
    CHECK_FALSE(accepts_brotli(with("accept-encoding", no)));
  CHECK_FALSE(accepts_brotli(Request()));
}

TEST_CASE("If-None-Match names an entity alone, in a list, weakly or by the star") {
  for (const char* yes : {"\"a\"", "\"x\", \"a\"", "W/\"a\"", "*"}) {
    CHECK(has_entity(with("if-none-match", yes), "\"a\""));
  }
  for (const char* no : {"", "\"b\"", "a", "\"a-gzip\""}) {
    CHECK_FALSE(has_entity(with("if-none-match", no), "\"a\""));
  }
  CHECK_FALSE(has_entity(Request(), "\"a\""));
}

TEST_CASE("what is packed comes out as it was, whatever its size") {
  std::mt19937 random(20240501);
  for (const std::size_t size : {0, 1, 2048, 65535, 65536, 65537, 3'000'000}) {
    std::string flat(size, 'x');
    std::string noise(size, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    CAPTURE(size);
    CHECK(gunzip(gzip(flat)) == flat);
    CHECK(gunzip(gzip(noise)) == noise);
    if (size > 10'000) CHECK(gzip(flat).size() < size / 100);
  }
}

TEST_CASE("only a large text is worth packing, and only once") {
  Response response;
  response.body = std::string(100'000, 'x');
  CHECK(worth_compressing(response));
  for (const char* type :
       {"text/plain; charset=utf-8", "application/x-ndjson", "text/javascript"}) {
    response.content_type = type;
    CHECK(worth_compressing(response));
  }
  response.content_type = "image/png";
  CHECK_FALSE(worth_compressing(response));
  response.content_type = "application/json";
  compress(response);
  CHECK(gunzip(response.body).size() == 100'000);
  response.body += std::string(100'000, 'x');
  CHECK_FALSE(worth_compressing(response));
  Response small;
  small.body = "{}";
  CHECK_FALSE(worth_compressing(small));
}

}  // namespace batuta::http
