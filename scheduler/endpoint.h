// <home>/run/endpoint.json: how the command line finds a running server, and the token it uses.
#pragma once

#include <string>

#include "common/result.h"
#include "scheduler/engine/engine.h"
#include "scheduler/home.h"
#include "scheduler/store/registry.h"

namespace batuta {

// The file has mode 0600 and lives as long as the server: {"url","token","pid"}. Its token is an
// administrator's for a day, is renewed long before that, and ends with the server; that of a
// server that was killed ends at the next start.
class Endpoint {
 public:
  // References outlive this.
  Endpoint(const Home& home, Registry& registry, Engine& engine);

  // Blocks until the token is committed. Not on the control thread; one caller at a time.
  Status publish(const std::string& url);
  // Publishes again when half of the token's life is over or somebody has ended it.
  void renew_if_due();
  // Removes the file and ends the token, as far as the store can still be written.
  void withdraw();

 private:
  Result<std::string> issue();
  Status end_token(const std::string& token);

  const Home& home_;
  Registry& registry_;
  Engine& engine_;
  std::string url_;
  std::string token_;
  Time issued_at_;
};

}  // namespace batuta
