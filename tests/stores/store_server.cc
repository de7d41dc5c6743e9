#include "tests/stores/store_server.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/http_client.h"
#include "common/safe_json.h"

extern char** environ;

namespace batuta::stores {

Child::Child(const std::vector<std::string>& command) {
  int in[2], out[2];
  REQUIRE(::pipe2(in, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(out, O_CLOEXEC) == 0);
  const UniqueFd theirs_in(in[0]), theirs_out(out[1]);
  input_.reset(in[1]);
  output_.reset(out[0]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const int rc = ::posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  REQUIRE(rc == 0);
}

Child::~Child() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string Child::first_line() {
  std::string line;
  for (char c; ::read(output_.get(), &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

StoreServer::StoreServer()
    : child_({"python3",
              std::string(std::getenv("BATUTA_SOURCE_DIR")) + "/tests/stores/store_server.py"}),
      port_(child_.first_line()) {
  REQUIRE(!port_.empty());
}

void StoreServer::control(const nlohmann::json& wish) {
  HttpRequest request;
  request.method = "PUT";
  request.url = endpoint() + "/_control";
  request.body = wish.dump();
  REQUIRE(http_call(request)->status == 200);
}

Surroundings without_pauses() {
  Surroundings surroundings = real_surroundings();
  surroundings.pause = [](Duration) {};
  return surroundings;
}

StoreServer& fresh_server() {
  static StoreServer server;
  server.control({{"forget", true}, {"page", 1000}, {"ignore_conditions", false}});
  return server;
}

nlohmann::json StoreServer::asked() {
  HttpRequest request;
  request.url = endpoint() + "/_control";
  return *parse_untrusted(http_call(request)->body);
}

}  // namespace batuta::stores
