#include "scheduler/cli/reach.h"

#include <doctest/doctest.h>

using batuta::cli::reach_of;

TEST_CASE("reach: a host may be a name, an address or a whole URL, with or without a port") {
  const auto is = [](const char* type, const char* host, int port, const char* name, int at) {
    const auto reach = reach_of(type, host, port);
    CHECK_MESSAGE(reach.problem.empty(), host);
    CHECK_MESSAGE(reach.host == name, host);
    CHECK_MESSAGE(reach.port == at, host);
  };
  is("http", "h", 0, "h", 80);
  is("http", "https://h/path", 0, "h", 443);
  is("http", "https://u:p@h:8443/x?y", 0, "h", 8443);
  is("postgres", "db", 0, "db", 5432);
  is("postgres", "db", 6432, "db", 6432);
  is("own", "::1", 5, "::1", 5);
  is("own", "[::1]:7", 5, "::1", 7);
  is("slackwebhook", "hooks.example/***", 0, "hooks.example", 443);
}

TEST_CASE("reach: what cannot be tried is said") {
  CHECK(reach_of("http", "", 80).problem == "it has no host");
  CHECK(reach_of("own", "h", 0).problem.find("no port") != std::string::npos);
}
