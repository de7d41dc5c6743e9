#include "scheduler/http/forwarded.h"

#include <doctest/doctest.h>

namespace batuta::http {

TEST_CASE("an address has one text, and what is none has no text") {
  CHECK(plain_address("10.0.0.9") == "10.0.0.9");
  CHECK(plain_address("::ffff:10.0.0.9") == "10.0.0.9");
  CHECK(plain_address("2001:DB8:0:0::9") == "2001:db8::9");
  for (const char* none :
       {"", "localhost", "10.0.0", "10.0.0.9:80", "[::1]", "10.0.0.0/8", "::1%lo"}) {
    CAPTURE(none);
    CHECK_FALSE(plain_address(none));
  }
}

TEST_CASE("what a header says of the client counts as far as trusted proxies told it") {
  struct Case {
    const char* what;
    std::string peer;
    std::string header;
    std::string client;
  };
  const std::vector<std::string> trusted = {"127.0.0.1", "10.0.0.1"};
  const Case table[] = {
      {"from nobody we trust", "10.0.0.7", "1.1.1.1", "10.0.0.7"},
      {"no header", "127.0.0.1", "", "127.0.0.1"},
      {"one hop", "127.0.0.1", "1.1.1.1", "1.1.1.1"},
      {"the client made up the first", "127.0.0.1", "9.9.9.9, 1.1.1.1", "1.1.1.1"},
      {"two proxies", "127.0.0.1", "9.9.9.9, 1.1.1.1,10.0.0.1", "1.1.1.1"},
      {"a proxy asks for itself", "127.0.0.1", "10.0.0.1", "10.0.0.1"},
      {"a made-up proxy", "127.0.0.1", "127.0.0.1, 1.1.1.1", "1.1.1.1"},
      {"no address at all", "127.0.0.1", "1.1.1.1, unknown", "127.0.0.1"},
      {"an empty hop", "127.0.0.1", "1.1.1.1, ", "127.0.0.1"},
      {"with a port", "127.0.0.1", "1.1.1.1:4711", "1.1.1.1"},
      {"IPv6", "127.0.0.1", "2001:db8:0::9", "2001:db8::9"},
      {"IPv6 with a port", "127.0.0.1", " [2001:db8::9]:4711 ", "2001:db8::9"},
      {"half a bracket", "127.0.0.1", "[", "127.0.0.1"},
  };
  for (const auto& one : table) {
    CAPTURE(one.what);
    CHECK(client_address(one.peer, &one.header, trusted) == one.client);
  }
  const std::string header = "1.1.1.1";
  CHECK(client_address("127.0.0.1", nullptr, trusted) == "127.0.0.1");
  CHECK(client_address("127.0.0.1", &header, {}) == "127.0.0.1");
}

}  // namespace batuta::http
