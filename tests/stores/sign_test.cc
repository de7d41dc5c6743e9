#include "stores/sign.h"

#include <doctest/doctest.h>

using namespace batuta;
using namespace batuta::stores;

namespace {

// The worked examples of "Signature Calculations for the Authorization Header" in Amazon's S3 API
// reference.
std::string amazon_example(ToSign request, const std::string& body = "") {
  const V4Key key{false, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "",
                  "us-east-1"};
  request.headers["host"] = "examplebucket.s3.amazonaws.com";
  sign_v4(key, sha256_hex(body), *parse_iso("2013-05-24T00:00:00Z"), request);
  const std::string proof = request.headers["authorization"];
  CHECK(
      proof.starts_with("AWS4-HMAC-SHA256 "
                        "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"));
  return proof.substr(proof.find("Signature=") + 10);
}

}  // namespace

TEST_CASE("S3's published signatures come out") {
  CHECK(amazon_example({"GET", "/test.txt", {}, {{"range", "bytes=0-9"}}}) ==
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  CHECK(amazon_example({"PUT",
                        "/" + escaped_path("test$file.text"),
                        {},
                        {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                         {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}},
                       "Welcome to Amazon S3.") ==
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  CHECK(amazon_example({"GET", "/", {{"lifecycle", ""}}, {}}) ==
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  CHECK(amazon_example({"GET", "/", {{"max-keys", "2"}, {"prefix", "J"}}, {}}) ==
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_CASE(
    "Google's requests are signed in its own names, and temporary credentials bring a token") {
  ToSign request{"GET", "/bucket/a", {}, {{"host", "storage.googleapis.com"}}};
  sign_v4({true, "GOOG1", "s", "", "auto"}, sha256_hex(""), *parse_iso("2026-11-20T01:02:03Z"),
          request);
  CHECK(request.headers["authorization"].starts_with(
      "GOOG4-HMAC-SHA256 Credential=GOOG1/20261120/auto/storage/goog4_request,SignedHeaders=host;"
      "x-goog-content-sha256;x-goog-date,"));
  CHECK(request.headers["x-goog-date"] == "20261120T010203Z");

  ToSign temporary{"GET", "/a", {}, {{"host", "h"}}};
  sign_v4({false, "A", "s", "session", "eu-west-1"}, sha256_hex(""), Time{}, temporary);
  CHECK(temporary.headers["x-amz-security-token"] == "session");
  CHECK(temporary.headers["authorization"].find("x-amz-date;x-amz-security-token,") !=
        std::string::npos);
}

TEST_CASE("the text of Azure's SharedKey is the published one") {
  // "Authorize with Shared Key", Azure's storage REST reference.
  const ToSign request{"GET",
                       "/mycontainer",
                       {{"restype", "container"}, {"comp", "metadata"}, {"timeout", "20"}},
                       {{"host", "myaccount.blob.core.windows.net"},
                        {"x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"},
                        {"x-ms-version", "2015-02-21"}}};
  CHECK(shared_key_text("myaccount", 0, request) ==
        "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\n"
        "x-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\n"
        "timeout:20");
}

TEST_CASE("names are escaped as paths and queries want them") {
  CHECK(escaped_path("a b/ç+%/day=2026-11-20/~x") == "a%20b/%C3%A7%2B%25/day%3D2026-11-20/~x");
  CHECK(query_text({{"prefix", "a/b c"}, {"list-type", "2"}}) == "list-type=2&prefix=a%2Fb%20c");
}

TEST_CASE("HTTP's dates are written and read in English, and nothing else is taken for one") {
  CHECK(http_date(*parse_iso("2015-06-26T23:39:12Z")) == "Fri, 26 Jun 2015 23:39:12 GMT");
  CHECK(parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT") == 1'445'412'480'000);
  for (const char* bad : {"", "Wed, 21 Okt 2015 07:28:00 GMT", "Wed, 41 Oct 2015 07:28:00 GMT",
                          "Wed, 21 Oct 2015 07:28:00 UTC"})
    CHECK_FALSE(parse_http_date(bad));
}
