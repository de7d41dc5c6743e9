#include "common/url.h"

#include <doctest/doctest.h>

using namespace batuta;

TEST_CASE("an address is cut where its parts end, with a scheme or without") {
  struct Row {
    const char* url;
    const char* scheme;
    const char* user_info;
    const char* host;
    const char* rest;
  };
  const Row rows[] = {
      {"https://u:p@h:80/a@b?c", "https://", "u:p", "h:80", "/a@b?c"},
      {"hooks.example/services/T/x", "", "", "hooks.example", "/services/T/x"},
      {"u:p@h", "", "u:p", "h", ""},
      {"https://h?key=s3cret@x", "https://", "", "h", "?key=s3cret@x"},
      {"https://u:p@ss@h", "https://", "u:p@ss", "h", ""},
      {"", "", "", "", ""},
      {"://", "://", "", "", ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.url);
    const UrlParts parts = split_url(row.url);
    CHECK(parts.scheme == row.scheme);
    CHECK(parts.user_info == row.user_info);
    CHECK(parts.host == row.host);
    CHECK(parts.rest == row.rest);
  }
}

TEST_CASE("the user info of a URL never shows") {
  CHECK(without_user_info("git clone https://me:s3cret@host/x and ftp://u@h") ==
        "git clone https://***@host/x and ftp://***@h");
  CHECK(without_user_info("https://host/a@b http://x:80/ a@b://") ==
        "https://host/a@b http://x:80/ a@b://");
  CHECK(without_user_info("postgres://u:p@ss@db:5432/x") == "postgres://***@db:5432/x");
}

TEST_CASE("a connection leads to its host, with its scheme and port") {
  CHECK(base_url("api.test", "", 0) == "http://api.test");
  CHECK(base_url("api.test/", "https", 8443) == "https://api.test:8443");
  CHECK(base_url("https://api.test//", "http", 0) == "https://api.test");
}

TEST_CASE("a token of Databricks goes by TLS, or to a server of this machine, and nowhere else") {
  const auto bearer = [](const char* host, const char* scheme = "") {
    return server_door("databricks", host, scheme, 0, "", "dapi-1").bearer;
  };
  for (const char* host : {"adb-1.example", "https://adb-1.example", "http://127.0.0.1:80",
                           "http://localhost", "http://[::1]:80"}) {
    CAPTURE(host);
    CHECK(bearer(host) == "dapi-1");
  }
  CHECK(bearer("adb-1.example", "http").empty());
  for (const char* host : {"http://adb-1.example", "http://127.0.0.1.evil", "http://localhost@evil",
                           "http://[::1]evil", "ftp://adb-1.example"}) {
    CAPTURE(host);
    CHECK(bearer(host).empty());
  }
}

TEST_CASE("what only begins like a server's address is another server") {
  for (const char* url :
       {"http://a.b", "http://a.b/", "http://a.b/x", "http://a.b?x", "http://a.b#x"}) {
    CAPTURE(url);
    CHECK(lies_below(url, "http://a.b"));
  }
  for (const char* url : {"http://a.bc/", "http://a.b.evil/", "http://a.b@evil/", "http://a.b:81/",
                          "https://a.b/", ""}) {
    CAPTURE(url);
    CHECK_FALSE(lies_below(url, "http://a.b"));
  }
}
