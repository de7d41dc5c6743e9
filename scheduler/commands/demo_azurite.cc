#include "scheduler/commands/demo_azurite.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "common/fd.h"
#include "common/http_client.h"
#include "common/time.h"
#include "scheduler/commands/demo_process.h"
#include "scheduler/commands/supervisor.h"
#include "stores/sign.h"

namespace batuta {
namespace {

namespace fs = std::filesystem;

constexpr const char* azurite_folder = "/demo/azurite";
constexpr const char* azurite_data = "/data";
constexpr const char* azurite_account = "batuta";
constexpr const char* azurite_container = "lake";
constexpr Duration azurite_patience = std::chrono::seconds(60);
constexpr auto azurite_pause = std::chrono::milliseconds(100);
// It writes down what it has when it is asked to stop.
constexpr int azurite_stop[] = {SIGTERM, SIGINT, SIGKILL};

Error azurite_error(const std::string& why) {
  return {Errc::unavailable, "Azurite for --real: " + why, {}};
}

}  // namespace

std::string azurite_program() {
  if (const char* named = std::getenv("BATUTA_AZURITE"); named != nullptr && *named != '\0')
    return access(named, X_OK) == 0 ? fs::absolute(named).string() : std::string();
  const char* path = std::getenv("PATH");
  std::string rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const auto colon = std::min(rest.find(':'), rest.size());
    const std::string found = rest.substr(0, colon) + "/azurite-blob";
    if (found.starts_with('/') && access(found.c_str(), X_OK) == 0) return found;
    rest.erase(0, std::min(colon + 1, rest.size()));
  }
  return {};
}

bool lake_is_in_azurite(const std::string& home) {
  std::error_code error;
  return fs::is_directory(home + azurite_folder + azurite_data, error);
}

Result<std::unique_ptr<DemoAzurite>> DemoAzurite::start(const std::string& home) {
  const std::string program = azurite_program();
  if (program.empty())
    return {Errc::not_found, std::string("Azurite is not installed: ") + azurite_remedy};
  if (auto status = end_left_azurite(home); !status) return status.error();
  std::unique_ptr<DemoAzurite> server(new DemoAzurite);
  server->folder_ = home + azurite_folder;
  std::error_code error;
  fs::create_directories(server->folder_ + azurite_data, error);
  if (error)
    return azurite_error(server->folder_ + azurite_data + " cannot be made: " + error.message());
  const std::string key_file = server->folder_ + "/key";
  server->key_ = text_of_file(key_file);
  if (server->key_.empty()) {
    server->key_ = stores::base64(secret_text());
    if (auto status = write_secret(key_file, server->key_); !status) return status.error();
  }
  if (auto status = server->launch(program); !status) return status.error();
  if (auto status = server->wait_for_container(); !status) return status.error();
  return server;
}

DemoAzurite::~DemoAzurite() {
  if (pid_ <= 0) return;
  end_demo_process(pid_, true, azurite_stop);
  std::error_code ignored;
  fs::remove(folder_ + "/pid", ignored);
}

// In a session of its own: a terminal's Ctrl-C is for this process, whose tasks may still need it.
Status DemoAzurite::launch(const std::string& program) {
  port_ = free_port();
  const std::string log = folder_ + "/log";
  const UniqueFd output(open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (output.get() < 0) return azurite_error(log + " cannot be written: " + std::strerror(errno));
  // Not among its arguments, which are every user's to read.
  ::setenv("AZURITE_ACCOUNTS", (std::string(azurite_account) + ":" + key_).c_str(), 1);
  const auto child = start_process(
      {"/usr/bin/env", "-C", "/", "setsid", "setpriv", "--pdeathsig", "TERM", "--", program,
       "--blobHost", "127.0.0.1", "--blobPort", std::to_string(port_), "--location",
       folder_ + azurite_data, "--silent", "--disableTelemetry", "--skipApiVersionCheck"},
      output.get(), output.get());
  ::unsetenv("AZURITE_ACCOUNTS");
  if (!child) return child.error();
  pid_ = *child;
  return write_secret(folder_ + "/pid", std::to_string(pid_));
}

Status DemoAzurite::wait_for_container() {
  const auto key = stores::from_base64(key_);
  if (!key) return azurite_error(folder_ + "/key holds no key: remove " + folder_);
  const Boot deadline = read_clock().boot + azurite_patience;
  std::string why = "it does not answer after a minute";
  for (;;) {
    stores::ToSign request{"PUT",
                           std::string("/") + azurite_account + "/" + azurite_container,
                           {{"restype", "container"}},
                           {}};
    request.headers = {{"host", "127.0.0.1:" + std::to_string(port_)},
                       {"x-ms-version", "2021-12-02"},
                       {"content-type", "application/octet-stream"}};
    stores::sign_shared_key(azurite_account, *key, 0, read_clock().wall, request);
    HttpRequest http;
    http.method = "PUT";
    http.url = "http://127.0.0.1:" + std::to_string(port_) + request.path + "?restype=container";
    for (const auto& [name, value] : request.headers) http.headers.emplace_back(name, value);
    const auto answer = http_call(http);
    if (answer && (answer->status == 201 || answer->status == 409)) return success();
    if (answer) why = "it answers " + std::to_string(answer->status);
    if (waitpid(pid_, nullptr, WNOHANG) != 0) {
      pid_ = -1;
      return azurite_error("it ended at once: " + end_of_log(folder_ + "/log"));
    }
    if (read_clock().boot > deadline)
      return azurite_error(why + ": " + end_of_log(folder_ + "/log"));
    std::this_thread::sleep_for(azurite_pause);
  }
}

const char* DemoAzurite::lake_url() {
  return "azblob://batuta/lake/demo";
}

void DemoAzurite::set_environment() const {
  const std::string endpoint = "http://127.0.0.1:" + std::to_string(port_) + "/" + azurite_account;
  for (const char* other : {"AZURE_STORAGE_SAS_TOKEN", "AZURE_TENANT_ID", "AZURE_CLIENT_ID",
                            "AZURE_CLIENT_SECRET", "BATUTA_STORE_ENCRYPTION"})
    ::unsetenv(other);
  ::setenv("AZURE_STORAGE_KEY", key_.c_str(), 1);
  ::setenv("BATUTA_STORE_ENDPOINT", endpoint.c_str(), 1);
  ::setenv("BATUTA_LAKE_URL", lake_url(), 1);
}

std::string DemoAzurite::exports() const {
  return "export BATUTA_LAKE_URL=" + std::string(lake_url()) +
         " BATUTA_STORE_ENDPOINT=http://127.0.0.1:" + std::to_string(port_) + "/" +
         azurite_account + " AZURE_STORAGE_KEY=\"$(cat '" + folder_ + "/key')\"";
}

Status end_left_azurite(const std::string& home) {
  const std::string folder = home + azurite_folder;
  return end_left_process(folder + "/pid", folder + azurite_data, "Azurite", azurite_stop);
}

}  // namespace batuta
