// Whether the host of a connection answers: a TCP connection and nothing more, so that no secret
// leaves.
#pragma once

#include <string>

namespace batuta::cli {

struct Reach {
  std::string host;
  int port = 0;
  std::string problem;  // why there is nothing to try
};

// From what a connection says: `host` may be a whole URL; a port that is not named is that of the
// URL's scheme, else of the connection's type. Pure.
Reach reach_of(const std::string& conn_type, const std::string& host, int port);

// Empty when somebody answers within five seconds, else why not. Blocking.
std::string try_to_reach(const Reach& reach);

}  // namespace batuta::cli
