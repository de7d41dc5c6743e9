// <home>/run/endpoint.json: how the command line finds a running server, and the token it uses.
#pragma once

#include <mutex>
#include <string>

#include "common/result.h"
#include "scheduler/engine/engine.h"
#include "scheduler/serve/home.h"
#include "scheduler/store/registry.h"

namespace batuta {

// "All addresses" is none that anybody can call: that of this machine, then; one of IPv6 in
// brackets.
std::string reachable_host(const std::string& address);

// Whom the command line and the one-time link stand for: the user admin as long as that is one,
// else another administrator. There always is one: the registry keeps the last.
std::string an_admin(const Registry& registry);

// The host in the address of a server that listens on `address`: "all addresses" is none that
// anybody can call.
std::string reachable_host(const std::string& address);

// The file has mode 0600 and lives as long as the server: {"url","token","pid"}. Its token is an
// administrator's for a day, is renewed long before that, and ends with the server; that of a
// server that was killed ends at the next start. Any thread but the control thread: all of it waits
// for commits.
class Endpoint {
 public:
  // References outlive this.
  Endpoint(const Home& home, Registry& registry, Engine& engine);

  // At the start: ends what an earlier server left, and writes the file.
  Status publish(const std::string& url);
  // Another token when half of this one's life is over, or when it is no administrator's any more.
  void renew_if_due();
  // Removes the file and ends the token, as far as the store can still be written.
  void withdraw();

 private:
  Status write_file();
  Result<std::string> issue(Time now);

  const Home& home_;
  Registry& registry_;
  Engine& engine_;
  std::mutex mutex_;  // guards what follows
  std::string url_;
  std::string token_;
  Time issued_at_;
};

}  // namespace batuta
