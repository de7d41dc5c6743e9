#include "scheduler/http/gzip.h"

#include <doctest/doctest.h>

#include <random>

#include "tests/http/gunzip.h"
#include "tests/http/unbrotli.h"

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

TEST_CASE("an answer made anew is Brotli where that alone is taken or liked better, else gzip") {
  for (const char* best : {"br", "gzip;q=0.5, br", "br;q=0.9, gzip;q=0.8, *;q=0.1", "br;q=0.002",
                           "gzip;q=0, br;q=0.1", "br;Q=1.0, gzip;q=0.999", "br, *;q=0.5"}) {
    CAPTURE(best);
    CHECK(packing_of(with("accept-encoding", best)) == Packing::brotli);
  }
  for (const char* cheap : {"gzip, deflate, br, zstd", "gzip", "*", "br;q=0.5, gzip",
                            "br;q=0.5, gzip;q=0.5", "br;q=0, gzip;q=0.001", "br;q=x, gzip"}) {
    CAPTURE(cheap);
    CHECK(packing_of(with("accept-encoding", cheap)) == Packing::gzip);
  }
  for (const char* no : {"", "identity", "br;q=0", "br;q=0.000, gzip;q=0", "zstd"}) {
    CAPTURE(no);
    CHECK(packing_of(with("accept-encoding", no)) == Packing::none);
  }
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
    CHECK(unbrotli(brotli(flat)) == flat);
    CHECK(unbrotli(brotli(noise)) == noise);
    if (size > 10'000) {
      CHECK(gzip(flat).size() < size / 100);
      CHECK(brotli(flat).size() < size / 100);
    }
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
  compress(response, Packing::gzip);
  CHECK(gunzip(response.body).size() == 100'000);
  response.body += std::string(100'000, 'x');
  CHECK_FALSE(worth_compressing(response));
  Response small;
  small.body = "{}";
  CHECK_FALSE(worth_compressing(small));
}

}  // namespace batuta::http
