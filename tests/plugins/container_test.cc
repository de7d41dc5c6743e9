// Containers without an engine: names of images, the framed stream, whose a container is.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "plugins/builtin/container_engine.h"
#include "plugins/builtin/container_frames.h"
#include "plugins/builtin/container_owner.h"
#include "plugins/sdk/plugin.h"
#include "tests/plugins/fake_host.h"

namespace batuta {
namespace {

using plugin::image_allowed;
using plugin::image_name;

std::string whole(const char* name) {
  const auto image = image_name(name);
  return image ? image->text() : "refused: " + image.error().message;
}

bool allowed(const char* name, const std::vector<std::string>& patterns) {
  return image_allowed(*image_name(name), patterns);
}

std::string frame(int stream, const std::string& text) {
  std::string head(8, '\0');
  head[0] = static_cast<char>(stream);
  head[6] = static_cast<char>(text.size() >> 8 & 0xff);
  head[7] = static_cast<char>(text.size() & 0xff);
  return head + text;
}

std::string began_of(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string text, word;
  std::getline(file, text);
  std::istringstream rest(text.substr(text.rfind(')') + 1));
  for (int field = 3; field <= 22; ++field) rest >> word;
  return word;
}

struct Outputs {
  std::string out, err;
  plugin::ContainerFrames frames{
      [this](int descriptor, std::string_view bytes) { (descriptor == 1 ? out : err) += bytes; }};
};

}  // namespace

TEST_CASE("an image's name is made whole as engines do it") {
  CHECK(whole("python") == "docker.io/library/python:latest");
  CHECK(whole("etl/load:1.4") == "docker.io/etl/load:1.4");
  CHECK(whole("docker.io/python:3") == "docker.io/library/python:3");
  CHECK(whole("localhost/load") == "localhost/load:latest");
  CHECK(whole("registry.example.org:5000/a/b/load") == "registry.example.org:5000/a/b/load:latest");
  CHECK(whole("python:3@sha256:0123") == "docker.io/library/python@sha256:0123");
  for (const char* wrong : {"", "a b", "a/", "/a", "a//b", "a:", "a@", "a@sha256",
                            "registry.example.org/", "a?b", "a/../b", "x@sha256:1/../y", "a:1:2"}) {
    CAPTURE(wrong);
    CHECK(whole(wrong).find("is not the name of an image") != std::string::npos);
  }
}

TEST_CASE("an image is run only if the worker's list names it, whoever's name it begins with") {
  CHECK(allowed("anything/at:all", {}));
  CHECK(allowed("python:3.12", {"python"}));
  CHECK(allowed("docker.io/library/python:3.12", {"python:3.*"}));
  CHECK(allowed("registry.example.org/etl/a/b:1", {"x", "registry.example.org/etl/*"}));
  CHECK(allowed("anything/at:all", {"*"}));
  CHECK(allowed("python@sha256:01", {"python"}));
  CHECK(allowed("python@sha256:01", {"python@sha256:01"}));
  CHECK_FALSE(allowed("python:2.7", {"python:3.*"}));
  CHECK_FALSE(allowed("evil/python:3.12", {"python"}));
  CHECK_FALSE(allowed("evil.example.org/library/python:3", {"python:3"}));
  CHECK_FALSE(
      allowed("evil.example.org/registry.example.org/etl/a", {"registry.example.org/etl/*"}));
  CHECK_FALSE(allowed("registry.example.org/etlx", {"registry.example.org/etl/*"}));
  CHECK_FALSE(allowed("python:3.12@sha256:99", {"python:3.12"}));
  CHECK_FALSE(allowed("python@sha256:99", {"python@sha256:01"}));
}

TEST_CASE("a framed stream is taken apart wherever it is cut") {
  const std::string stream = frame(1, "one\n") + frame(2, "aside") + frame(1, "") + frame(3, "!") +
                             frame(1, std::string(300, 'x'));
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    Outputs seen;
    CHECK(seen.frames.feed(std::string_view(stream).substr(0, cut)));
    CHECK(seen.frames.feed(std::string_view(stream).substr(cut)));
    CHECK(seen.out == "one\n" + std::string(300, 'x'));
    CHECK(seen.err == "aside!");
    CHECK(seen.frames.whole());
  }
  Outputs half;
  CHECK(half.frames.feed(frame(1, "abc").substr(0, 10)));
  CHECK(half.out == "ab");
  CHECK_FALSE(half.frames.whole());
}

TEST_CASE("what is no framed stream is told, and nothing more of it taken") {
  Outputs seen;
  CHECK(seen.frames.feed(frame(1, "a")));
  CHECK_FALSE(seen.frames.feed("plain text\n"));
  CHECK_FALSE(seen.frames.feed(frame(1, "b")));
  CHECK(seen.out == "a");
}

TEST_CASE_FIXTURE(FakeHost,
                  "a container belongs to the process that waits for it, as long as it is there") {
  context = {{"execution_id", "0190"}, {"dag_id", "d"},   {"run_id", "r"}, {"task_id", "t"},
             {"map_index", 3},         {"try_number", 2}, {"fence", 7}};
  const batuta_host host = table();
  const plugin::Context attempt(host);
  plugin::Labels labels = plugin::container_labels(attempt, "/nowhere/container-7");
  CHECK(labels["batuta.task_id"] == "t");
  CHECK(labels["batuta.fence"] == "7");
  CHECK(plugin::container_name(attempt) == "batuta-0190-3.t");
  auto changed = [&](const char* name, const std::string& value) {
    plugin::Labels out = labels;
    out[name] = value;
    return plugin::is_remnant(attempt, out);
  };
  const std::string owner = labels["batuta.owner"];
  const auto pid = " " + std::to_string(::getpid()) + " ";
  const std::string boot = owner.substr(0, owner.find(pid));
  CHECK(changed("batuta.owner", boot + pid + "1"));      // the number is another process's now
  CHECK(changed("batuta.owner", boot + " 99999999 5"));  // nobody has it
  CHECK(changed("batuta.owner", "another-boot" + pid + owner.substr(owner.rfind(' ') + 1)));
  // We have begun none yet, so it is of an attempt before: its removal or its making failed.
  CHECK(plugin::is_remnant(attempt, labels));
  CHECK_FALSE(changed("batuta.owner", boot + " 1 " + began_of("1")));
  CHECK_FALSE(changed("batuta.host", "elsewhere pid:[1]"));
  CHECK_FALSE(changed("batuta.owner", "?"));
  CHECK_FALSE(plugin::is_remnant(attempt, {}));
}

TEST_CASE_FIXTURE(FakeHost,
                  "a container of the same home whose attempt's folder is gone has no owner, "
                  "whatever the processes are called there") {
  namespace fs = std::filesystem;
  std::string home = (fs::temp_directory_path() / "batuta-home-XXXXXX").string();
  REQUIRE(::mkdtemp(home.data()) != nullptr);
  const std::string slots = home + "/run/scratch", other = slots + "/agent-1/work/container-3";
  fs::create_directories(other);
  fs::create_directories(slots + "/agent-2/work");
  context = {{"execution_id", "0190"}, {"task_id", "t"}, {"fence", 7}};
  context["scratch"] = slots + "/agent-2/work";
  {
    const batuta_host host = table();
    const plugin::Context attempt(host);
    plugin::Labels labels = plugin::container_labels(attempt, other);
    labels["batuta.host"] = "a-container-before pid:[1]";
    CHECK_FALSE(plugin::is_remnant(attempt, labels));
    fs::remove_all(slots + "/agent-1");
    CHECK(plugin::is_remnant(attempt, labels));
    auto changed = [&](const char* name, const std::string& value) {
      plugin::Labels out = labels;
      out[name] = value;
      return plugin::is_remnant(attempt, out);
    };
    CHECK_FALSE(changed("batuta.home", slots + " 1"));  // the same path, and another disk
    CHECK_FALSE(changed("batuta.home", ""));
    CHECK_FALSE(changed("batuta.folder", ""));
    CHECK_FALSE(changed("batuta.folder", "/elsewhere/container-3"));
  }
  fs::remove_all(home);
}

TEST_CASE_FIXTURE(FakeHost, "a worker without an engine says which setting is missing") {
  parameters = {{"image", "python"}};
  CHECK(run("container") != 0);
  CHECK(failure_kind == BATUTA_FAIL_FINAL);
  CHECK(failure.find("worker.container_socket") != std::string::npos);
  ::setenv("BATUTA_CONTAINERS", R"({"socket":"/nowhere/docker.sock","images":["a"]})", 1);
  CHECK(run("container") != 0);
  CHECK(failure.find("docker.io/library/python:latest may not be run") != std::string::npos);
  parameters["image"] = "a:1";
  CHECK(run("container") != 0);
  CHECK(failure_kind == BATUTA_FAIL_RETRYABLE);
  CHECK(failure ==
        "cannot reach the container engine at /nowhere/docker.sock: No such file or directory");
  ::unsetenv("BATUTA_CONTAINERS");
}

TEST_CASE_FIXTURE(FakeHost,
                  "a container joins a network by its name, and nobody else's container") {
  ::setenv("BATUTA_CONTAINERS", R"({"socket":"/nowhere/docker.sock"})", 1);
  parameters = {{"image", "a:1"}};
  for (const char* network : {"container:batuta-1.load", "ns:/proc/1/ns/net", "a/b", "-x", "a b",
                              "slirp4netns:allow_host_loopback=true"}) {
    CAPTURE(network);
    parameters["network"] = network;
    CHECK(run("container") != 0);
    CHECK(failure_kind == BATUTA_FAIL_FINAL);
    CHECK(failure.starts_with("parameter network: none, host, or the name of a network"));
  }
  for (const char* network : {"none", "host", "etl_default", "a.b-c"}) {
    CAPTURE(network);
    parameters["network"] = network;
    CHECK(run("container") != 0);
    CHECK(failure.starts_with("cannot reach the container engine"));
  }
  ::unsetenv("BATUTA_CONTAINERS");
}

}  // namespace batuta
