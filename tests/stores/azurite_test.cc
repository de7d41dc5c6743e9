// Azure's dialect against Microsoft's own emulator, which checks signatures as Azure does.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "common/http_client.h"
#include "common/uuid.h"
#include "stores/object_storage.h"
#include "tests/lakelog/storage_conformance.h"
#include "tests/stores/store_server.h"

using namespace batuta;
using namespace batuta::stores;
using namespace batuta::lakelog;
namespace fs = std::filesystem;

namespace {

// Published with the emulator; the same everywhere.
constexpr const char* account = "devstoreaccount1";
constexpr const char* account_key =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

std::string free_port() {
  const UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return std::to_string(ntohs(address.sin_port));
}

std::string azurite_program() {
  const char* modules = std::getenv("BATUTA_STORES_PACKAGES");
  const std::string program =
      std::string(modules == nullptr ? "" : modules) + "/azurite/dist/src/blob/main.js";
  return fs::exists(program) ? program : "";
}

class Azurite {
 public:
  Azurite()
      : port_(free_port()),
        child_({"node", azurite_program(), "--blobHost", "127.0.0.1", "--blobPort", port_,
                "--inMemoryPersistence", "--silent", "--disableTelemetry"}) {
    using namespace std::chrono_literals;
    HttpRequest hello;
    hello.url = endpoint() + "?comp=list";
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!http_call(hello).ok()) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      std::this_thread::sleep_for(50ms);
    }
  }
  std::string endpoint() const { return "http://127.0.0.1:" + port_ + "/" + account; }

  void make_container(const std::string& name) const {
    ToSign request{"PUT", std::string("/") + account + "/" + name, {{"restype", "container"}}, {}};
    request.headers = {{"host", "127.0.0.1:" + port_},
                       {"x-ms-version", "2021-12-02"},
                       {"content-type", "application/octet-stream"}};
    const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    sign_shared_key(account, *from_base64(account_key), 0, now, request);
    HttpRequest http;
    http.method = "PUT";
    http.url = endpoint() + "/" + name + "?restype=container";
    for (const auto& [header, value] : request.headers) http.headers.emplace_back(header, value);
    CHECK(http_call(http)->status == 201);
  }

 private:
  std::string port_;
  Child child_;
};

}  // namespace

TEST_CASE("a container of Azurite is a storage") {
  if (azurite_program().empty()) {
    MESSAGE("skipped: azurite is not installed (npm ci in tests/stores)");
    return;
  }
  static Azurite azurite;
  static int number = 0;
  const std::string container = "lake" + std::to_string(++number);
  azurite.make_container(container);
  const std::string staging =
      fs::temp_directory_path() / ("batuta-" + container + to_string(make_uuid_v7(Time{})));
  Options options;
  options.endpoint = azurite.endpoint();
  options.account_key = account_key;
  options.staging = staging;
  const auto storage =
      open_store("azblob://" + std::string(account) + "/" + container + "/a lake+%", options);
  if (!storage.ok()) FAIL(storage.error().message);
  check_storage({**storage, [&staging](const std::string& key, const std::string& bytes) {
                   fs::create_directories(fs::path(staging + "/" + key).parent_path());
                   std::ofstream(staging + "/" + key) << bytes;
                 }});
  SUBCASE("its lists go on over pages, and names come back as they were") {
    for (const char* key : {"n/a b+c%20d", "n/ação", "n/q?x=1#y"}) {
      REQUIRE((*storage)->put(key, key).ok());
      CHECK(*(*storage)->read(key) == key);
    }
    CHECK((*storage)->list("n/")->objects.size() == 3);
    CHECK((*storage)->list("n/")->objects[0].key == "n/a b+c%20d");
    for (int i = 0; i < 4; ++i)
      CHECK(*(*storage)->put_if_absent("race", std::to_string(i)) ==
            (i == 0 ? Put::done : Put::exists));
  }
  SUBCASE("a wrong key is refused") {
    Options wrong = options;
    wrong.account_key = "QUFB";
    const auto refused = open_store("azblob://" + std::string(account) + "/" + container, wrong);
    REQUIRE(!refused.ok());
    CHECK(refused.error().message.find("403") != std::string::npos);
  }
  fs::remove_all(staging);
}
