// The built-in plugins through their C tables.
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/http_client.h"
#include "plugins/builtin/child.h"
#include "plugins/builtin/shell_command.h"
#include "tests/plugins/fake_host.h"

namespace batuta {
namespace {

using nlohmann::json;

// Answers each connection with the next text of a list, and keeps what was asked.
class CannedServer {
 public:
  explicit CannedServer(std::vector<std::string> answers) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port = ntohs(address.sin_port);
    thread_ = std::thread{[this, texts = std::move(answers)] { serve(texts); }};
  }
  ~CannedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port); }

  int port = 0;
  std::vector<std::string> asked;

 private:
  void serve(const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      std::string request;
      char chunk[4096];
      std::size_t want = std::string::npos;
      while (request.size() < want) {
        const ssize_t got = ::recv(peer, chunk, sizeof chunk, 0);
        if (got <= 0) break;
        request.append(chunk, static_cast<std::size_t>(got));
        const auto head = request.find("\r\n\r\n");
        if (head == std::string::npos) continue;
        const auto length = request.find("Content-Length: ");
        want = head + 4 + (length < head ? std::stoul(request.substr(length + 16)) : 0);
      }
      asked.push_back(request);
      ::send(peer, text.data(), text.size(), MSG_NOSIGNAL);
      ::close(peer);
    }
  }

  int listener_ = -1;
  std::thread thread_;
};

std::string answer(const std::string& status, const std::string& text,
                   const std::string& headers = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(text.size()) +
         "\r\nConnection: close\r\n" + headers + "\r\n" + text;
}

TEST_CASE("empty and a bare mock succeed at once") {
  FakeHost host;
  CHECK(host.run("empty") == 0);
  CHECK(host.run("mock") == 0);
  CHECK(host.result.empty());
}

TEST_CASE("a mock fails as often as told and returns what it is given") {
  FakeHost host;
  host.parameters = {{"fail_times", 2}, {"return", {1, 2}}, {"run_for", 0.001}, {"print", "hello"}};
  host.context["try_number"] = 2;
  CHECK(host.run("mock") != 0);
  CHECK(host.failure_kind == BATUTA_FAIL_RETRYABLE);
  host.context["try_number"] = 3;
  CHECK(host.run("mock") == 0);
  CHECK(host.result == "[1,2]");
  REQUIRE_FALSE(host.lines.empty());
}

TEST_CASE("a branch hands its choice on") {
  FakeHost host;
  host.parameters = {{"choose", {"a", "b"}}};
  CHECK(host.run("branch") == 0);
  CHECK(host.result == R"(["a","b"])");
  host.parameters = {{"choose", 7}};
  CHECK(host.run("branch") != 0);
  CHECK(host.failure_kind == BATUTA_FAIL_FINAL);
}

TEST_CASE("http returns the body, sends login and headers, and understands refusals") {
  FakeHost host;
  host.context = json::object();
  SUBCASE("success") {
    CannedServer server{{answer("200 OK", "{\"a\":1}")}};
    host.secrets["api"] = json{{"host", "127.0.0.1"},
                               {"port", server.port},
                               {"login", "me"},
                               {"password", "pw"},
                               {"extra", "{\"headers\":{\"X-Key\":\"k\"}}"}}
                              .dump();
    host.parameters = {{"connection", "api"},
                       {"url", "things"},
                       {"method", "POST"},
                       {"body", {{"x", 1}}},
                       {"headers", {{"X-More", "m"}}}};
    CHECK_MESSAGE(host.run("http") == 0, host.failure);
    CHECK(host.result == R"("{\"a\":1}")");
    const std::string& asked = server.asked.at(0);
    CHECK(asked.starts_with("POST /things HTTP/1.1"));
    CHECK(asked.find("Authorization: Basic bWU6cHc=\r\n") != std::string::npos);
    CHECK(asked.find("X-Key: k\r\n") != std::string::npos);
    CHECK(asked.find("X-More: m\r\n") != std::string::npos);
    CHECK(asked.find("Content-Type: application/json\r\n") != std::string::npos);
    CHECK(asked.ends_with("{\"x\":1}"));
  }
  SUBCASE("a busy server is asked again when it names a short wait") {
    CannedServer server{{answer("503 Busy", "", "Retry-After: 0\r\n"), answer("201 Made", "ok")}};
    host.parameters = {{"url", server.url()}};
    CHECK(host.run("http") == 0);
    CHECK(host.result == "\"ok\"");
  }
  SUBCASE("a refusal is final, a fault is worth a retry") {
    CannedServer server{{answer("404 No", ""), answer("500 Oh", "")}};
    host.parameters = {{"url", server.url()}};
    CHECK(host.run("http") != 0);
    CHECK(host.failure_kind == BATUTA_FAIL_FINAL);
    CHECK(host.run("http") != 0);
    CHECK(host.failure_kind == BATUTA_FAIL_RETRYABLE);
  }
  SUBCASE("which answers are worth a retry is the task's to say") {
    const auto kind = [&](const char* status, json statuses) {
      CannedServer server{{answer(status, "")}};
      host.parameters = {{"url", server.url()}};
      if (!statuses.is_null()) host.parameters["retry_on_status"] = std::move(statuses);
      CHECK(host.run("http") != 0);
      return host.failure_kind;
    };
    CHECK(kind("404 No", {404, "5xx"}) == BATUTA_FAIL_RETRYABLE);
    CHECK(kind("502 No", {404, "5xx"}) == BATUTA_FAIL_RETRYABLE);
    CHECK(kind("429 No", {404, "5xx"}) == BATUTA_FAIL_FINAL);
    CHECK(kind("500 No", json::array()) == BATUTA_FAIL_FINAL);
    for (const char* by_default : {"408 No", "425 No", "429 No", "500 No", "599 No"}) {
      CHECK(kind(by_default, nullptr) == BATUTA_FAIL_RETRYABLE);
    }
  }
  SUBCASE("a time-out is worth a retry, unless the task says otherwise") {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);  // takes, and never answers
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener, 8) == 0);
    socklen_t size = sizeof address;
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    host.parameters = {{"url", "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port))},
                       {"timeout", 0.05}};
    CHECK(host.run("http") != 0);
    CHECK(host.failure_kind == BATUTA_FAIL_RETRYABLE);
    host.parameters["retry_on_timeout"] = false;
    CHECK(host.run("http") != 0);
    CHECK(host.failure_kind == BATUTA_FAIL_FINAL);
    ::close(listener);
  }
  SUBCASE("a redirect is not followed") {
    CannedServer server{{answer("302 Elsewhere", "", "Location: http://127.0.0.1:1/\r\n")}};
    host.parameters = {{"url", server.url()}};
    CHECK(host.run("http") != 0);
    CHECK(host.failure.find("302") != std::string::npos);
  }
  SUBCASE("a connection's secrets go to no other host") {
    host.secrets["api"] = R"({"host":"127.0.0.1","port":81,"login":"me","password":"pw"})";
    for (const char* url :
         {"http://127.0.0.1:8181/", "http://127.0.0.1:81@evil/", "http://evil/"}) {
      host.parameters = {{"connection", "api"}, {"url", url}};
      CHECK(host.run("http") != 0);
      CHECK(host.failure_kind == BATUTA_FAIL_FINAL);
    }
  }
  SUBCASE("only http and https, nobody home is worth a retry") {
    host.parameters = {{"url", "file:///etc/passwd"}};
    CHECK(host.run("http") != 0);
    CHECK(host.failure_kind == BATUTA_FAIL_FINAL);
    host.parameters = {{"url", "http://127.0.0.1:1/"}};
    CHECK(host.run("http") != 0);
    CHECK(host.failure_kind == BATUTA_FAIL_RETRYABLE);
  }
}

TEST_CASE("an answer is decoded by what it declares, and one that is no text fails the task") {
  FakeHost host;
  host.context = json::object();
  const auto run = [&](const std::string& body, const std::string& headers) {
    host.result.clear();
    CannedServer server{{answer("200 OK", body, headers)}};
    host.parameters["url"] = server.url();
    return host.run("http");
  };
  CHECK(run("S\xE3o", "Content-Type: text/plain; charset=ISO-8859-1\r\n") == 0);
  CHECK(host.result == "\"S\xC3\xA3o\"");
  CHECK(run("\xEF\xBB\xBF"
            "bom",
            "Content-Type: text/csv\r\n") == 0);
  CHECK(host.result == "\"bom\"");
  // gzip of "zipped"
  const std::string zipped{
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\xca\x2c\x28\x48\x4d\x01\x00\x57\x68\xc2"
      "\xe2\x06\x00\x00\x00",
      26};
  CHECK_MESSAGE(run(zipped, "Content-Encoding: gzip\r\n") == 0, host.failure);
  CHECK(host.result == "\"zipped\"");

  CHECK(run("S\xE3o", "Content-Type: text/plain\r\n") != 0);
  CHECK(host.failure_kind == BATUTA_FAIL_FINAL);
  CHECK(host.failure.find("byte 2 is no text in utf-8") != std::string::npos);
  CHECK(host.failure.find("do_xcom_push") != std::string::npos);
  CHECK(host.result.empty());
  CHECK(run("x", "Content-Encoding: pack200\r\n") != 0);
  CHECK(host.failure_kind == BATUTA_FAIL_FINAL);
  CHECK(host.failure.find("pack200") != std::string::npos);
  host.parameters["do_xcom_push"] = false;
  CHECK(run("\xff\xfe\xfd", "") == 0);
  CHECK(host.result.empty());
}

TEST_CASE("an answer that cannot be handed on fails the task and says so") {
  FakeHost host;
  host.context = json::object();
  const auto run = [&](const std::string& body) {
    CannedServer server{{answer("200 OK", body)}};
    host.parameters["url"] = server.url();
    return host.run("http");
  };
  CHECK(run(std::string(70'000, 'x')) == 0);
  CHECK(host.result.size() == 70'002);
  host.result.clear();
  CHECK(run(std::string((8 << 20) + 1, 'x')) != 0);
  CHECK(host.failure_kind == BATUTA_FAIL_FINAL);
  CHECK(host.result.empty());
}

struct Scratch {
  Scratch() : path(std::filesystem::temp_directory_path() / "batuta-builtin-XXXXXX") {
    REQUIRE(::mkdtemp(path.data()) != nullptr);
  }
  ~Scratch() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST_CASE("a last line that cannot be handed on fails the task and says so") {
  const Scratch scratch;
  FakeHost host;
  host.context = {{"scratch", scratch.path}};
  const auto run = [&](const std::string& command) {
    host.result.clear();
    host.parameters["command"] = command;
    return host.run("shell");
  };
  CHECK(run("head -c 65534 /dev/zero | tr '\\0' x") == 0);
  CHECK(host.result.size() == 64 << 10);
  for (const char* command :
       {"head -c 65535 /dev/zero | tr '\\0' x", "head -c 33000 /dev/zero | tr '\\0' '\"'",
        "head -c 70000 /dev/zero | tr '\\0' x; echo"}) {
    CAPTURE(command);
    CHECK(run(command) != 0);
    CHECK(host.failure_kind == BATUTA_FAIL_FINAL);
    CHECK(host.failure.find("too long for a return value") != std::string::npos);
    CHECK(host.result.empty());
  }
  CHECK(run("printf 'S\\343o'") != 0);
  CHECK(host.failure.find("byte 2 is no text in utf-8") != std::string::npos);
  CHECK(run("head -c 70000 /dev/zero | tr '\\0' x; echo; echo short") == 0);
  CHECK(host.result == "\"short\"");
  host.parameters["do_xcom_push"] = false;
  CHECK(run("head -c 70000 /dev/zero | tr '\\0' x; printf '\\377'") == 0);
}

TEST_CASE("a script stands in no process's arguments, and its programs inherit nothing of it") {
  plugin::ShellCommand command;
  command.folder = std::filesystem::temp_directory_path();
  command.environment = {{"PATH", "/usr/bin:/bin"}};
  command.command =
      "# s3cret-in-a-script\n"
      "tr '\\0' ' ' </proc/$$/cmdline; echo\n"
      "echo \"$0 $#\"\n"
      "ls /proc/self/fd | tr '\\n' ' '";
  const auto end = plugin::run_shell(command);
  CHECK(end.last_line.find(" 9 ") == std::string::npos);
  command.command = "tr '\\0' ' ' </proc/$$/cmdline # s3cret-in-a-script";
  CHECK(plugin::run_shell(command).last_line.find("s3cret") == std::string::npos);
  command.command = "printf '%s %s' \"$0\" $#";
  CHECK(plugin::run_shell(command).last_line == "sh 0");
  command.command = "nonsense )";
  CHECK(plugin::run_shell(command).exit_code == 2);
  command.command = "";
  CHECK(plugin::run_shell(command).exit_code == 0);
}

TEST_CASE("a connection is a file that its owner alone can read, its path in the environment") {
  const Scratch scratch;
  FakeHost host;
  host.secrets["my-api"] = R"({"password":"hunter22"})";
  host.context = {{"scratch", scratch.path}, {"connections", {"my-api"}}};
  host.parameters["command"] =
      "stat -c %a \"$BATUTA_SECRET_MY_API\" | tr '\\n' ' '; cat \"$BATUTA_SECRET_MY_API\"";
  CHECK_MESSAGE(host.run("shell") == 0, host.failure);
  CHECK(host.result == R"("600 {\"password\":\"hunter22\"}")");
  std::filesystem::remove_all(scratch.path + "/.secrets");
  host.secrets["my.api"] = "{}";
  host.context["connections"] = {"my-api", "my.api"};
  CHECK(host.run("shell") != 0);
  CHECK(host.failure.find("BATUTA_SECRET_MY_API") != std::string::npos);
}

TEST_CASE("the HTTP client bounds bodies, hears cancels and refuses forged headers") {
  {
    CannedServer server{{answer("200 OK", std::string(5000, 'x'))}};
    HttpRequest request;
    request.url = server.url();
    request.max_body = 1000;
    CHECK(http_call(request).error().code == Errc::too_large);
  }
  {
    CannedServer server{{answer("200 OK", "late")}};
    HttpRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(server.port);
    request.cancelled = [] { return true; };
    CHECK(http_call(request).error().code == Errc::unavailable);
    request.cancelled = nullptr;
    (void)http_call(request).ok();
  }
  HttpRequest request;
  request.url = "http://127.0.0.1:1/";
  request.headers = {{"X", "a\r\nY: b"}};
  CHECK(http_call(request).error().code == Errc::invalid);
  request.headers = {{"X Y", "a"}};
  CHECK(http_call(request).error().code == Errc::invalid);
}

TEST_CASE("a command runs in its folder with its environment and nothing more") {
  plugin::ShellCommand command;
  command.folder = std::filesystem::temp_directory_path();
  command.environment = {{"PATH", "/usr/bin:/bin"}, {"A", "1"}};
  ::setenv("BATUTA_NOT_FOR_YOU", "x", 1);
  command.command = "echo first; printf '%s %s %s' \"$PWD\" \"$A\" \"$BATUTA_NOT_FOR_YOU\"";
  const auto end = plugin::run_shell(command);
  CHECK(end.exit_code == 0);
  CHECK(end.last_line == command.folder + " 1 ");
  command.command = "kill -9 $$";
  CHECK(plugin::run_shell(command).signal == SIGKILL);
  command.command = "sleep 60";
  command.cancelled = [] { return true; };
  CHECK(plugin::run_shell(command).signal == SIGTERM);
}

TEST_CASE("variables that change what is run are refused") {
  for (const char* name : {"LD_PRELOAD", "LD_LIBRARY_PATH", "IFS", "PATH", "GCONV_PATH", "BASH_ENV",
                           "ENV", "BASH_FUNC_x%%", "A=B", "", "1A", "A B", "MALLOC_CHECK_"}) {
    CHECK_MESSAGE(!plugin::allowed_variable(name), name);
  }
  for (const char* name : {"A", "_x", "MY_TOKEN", "PYTHONPATH", "TMPDIR"}) {
    CHECK_MESSAGE(plugin::allowed_variable(name), name);
  }
  FakeHost host;
  host.context = {{"scratch", "/tmp"}};
  host.parameters = {{"command", "true"}, {"env", {{"LD_PRELOAD", "/tmp/x.so"}}}};
  CHECK(host.run("shell") != 0);
  CHECK(host.failure_kind == BATUTA_FAIL_FINAL);
}

}  // namespace
}  // namespace batuta
