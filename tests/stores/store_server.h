// Servers for the stores' tests, each a process that ends with the test.
#pragma once

#include <sys/types.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/fd.h"
#include "stores/object_storage.h"

namespace batuta::stores {

// A program whose standard input stays open while this lives. It is killed at the end.
class Child {
 public:
  explicit Child(const std::vector<std::string>& command);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  std::string first_line();  // of its standard output; empty: it ended without one

 private:
  pid_t pid_ = -1;
  UniqueFd input_;
  UniqueFd output_;
};

// tests/stores/store_server.py: S3, Google's XML interface and Azure's blobs, in memory.
class StoreServer {
 public:
  StoreServer();
  const std::string& port() const { return port_; }
  std::string endpoint() const { return "http://127.0.0.1:" + port_; }
  // See the script. What was asked before is forgotten, and faults are those given.
  void control(const nlohmann::json& wish);
  // What was asked since: method, path, host, headers.
  nlohmann::json asked();

 private:
  Child child_;
  std::string port_;
};

// The real network and clock, and nobody waits.
Surroundings without_pauses();

// One process for all cases: empty, and doing as it should.
StoreServer& fresh_server();

}  // namespace batuta::stores
