#include "scheduler/serve/home.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/serve/serve_fixture.h"

using namespace batuta;
using namespace std::chrono_literals;

namespace {

// A variable of the environment for as long as a test lasts.
class HomeVariable {
 public:
  HomeVariable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~HomeVariable() { ::unsetenv(name_); }
  HomeVariable(const HomeVariable&) = delete;
  HomeVariable& operator=(const HomeVariable&) = delete;

 private:
  const char* name_;
};

mode_t mode_of(const std::string& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_mode & 07777;
}

std::string error_of(const Folder& folder, const std::string& settings) {
  folder.write("batuta.json", settings);
  const auto home = Home::open(folder.path());
  return home ? "" : home.error().message;
}

}  // namespace

TEST_CASE("a new home is private and has its folders") {
  const Folder folder;
  const auto home = Home::open(folder.path("made/here/"));
  REQUIRE(home);
  CHECK(home->folder() == folder.path("made/here"));
  for (const char* sub : {"", "/run", "/run/slots", "/logs", "/lake", "/backups"}) {
    CHECK(mode_of(home->folder() + sub) == 0700);
  }
  CHECK(home->settings().lease == 10s);
}

TEST_CASE("settings come from batuta.json, and the environment goes before it") {
  const Folder folder;
  folder.write("batuta.json", R"({"heartbeat": "1s", "lease": 4, "allowed_hosts": ["A.example"]})");
  const HomeVariable heartbeat("BATUTA_HEARTBEAT", "500ms");
  const auto home = Home::open(folder.path());
  REQUIRE(home);
  CHECK(home->settings().heartbeat == 500ms);
  CHECK(home->settings().lease == 4s);
  CHECK(home->settings().allowed_hosts == std::vector<std::string>{"a.example"});
}

TEST_CASE("trusted proxies are IP addresses, written one way") {
  const Folder folder;
  folder.write("batuta.json", R"({"trusted_proxies": ["::FFFF:10.0.0.1", " 2001:DB8::0:1"]})");
  CHECK(settings_of(folder.path())->trusted_proxies ==
        std::vector<std::string>{"10.0.0.1", "2001:db8::1"});
  const HomeVariable variable("BATUTA_TRUSTED_PROXIES", "127.0.0.1, ::1");
  CHECK(settings_of(folder.path())->trusted_proxies ==
        std::vector<std::string>{"127.0.0.1", "::1"});
  for (const char* bad : {"proxy.example", "10.0.0.0/8", "127.0.0.1:80", "127.0.0.1,,"}) {
    CAPTURE(bad);
    const HomeVariable wrong("BATUTA_TRUSTED_PROXIES", bad);
    const auto refused = settings_of(folder.path());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("a list of IP addresses") != std::string::npos);
  }
}

TEST_CASE(
    "bundles are a list of names and folders, and what is wrong of it is told with its place") {
  const Folder folder;
  folder.write("batuta.json", R"({"bundles": [{"name": "risk", "path": "/srv/risk/"}]})");
  const auto settings = settings_of(folder.path());
  REQUIRE(settings);
  REQUIRE(settings->bundles.size() == 1);
  CHECK(settings->bundles[0].path == "/srv/risk");
  const HomeVariable variable("BATUTA_BUNDLES",
                              R"([{"name": "sales", "git": "ssh://git@x/y", "subdir": "a/b",)"
                              R"("every": "5m", "keep": 2, "allow_errors": true}])");
  const auto sales = settings_of(folder.path())->bundles[0];
  CHECK(sales.name == "sales");
  CHECK(sales.ref == "main");
  CHECK(sales.every == 5min);
  CHECK(sales.keep == 2);
  CHECK(sales.allow_errors);
  const std::pair<const char*, const char*> wrong[] = {
      {"{}", "must be a list"},
      {"[1]", "bundles[0]: must be an object"},
      {R"([{"name": "risk"}])", "needs one of \"path\", a folder, \"git\""},
      {R"([{"name": "a", "path": "/r", "git": "/r"}])", "needs one of"},
      {R"([{"name": "a", "store": "s3://bkt/r", "git": "/r"}])", "needs one of"},
      {R"([{"name": "a", "store": "s3://key:secret@bkt/r"}])", "without credentials"},
      {R"([{"name": "a", "store": "/srv/r"}])", "\"store\" must be s3://bucket/prefix"},
      {R"([{"name": "a", "store": "s3://bkt/r", "ref": "x"}])", "(\"git\") only"},
      {R"([{"name": "a", "git": "/r", "connection": "x"}])", "(\"store\") only"},
      {R"([{"name": "a", "path": "/r", "every": "1m"}])", "of a repository"},
      {R"([{"name": "a", "git": "--upload-pack=x"}])", "must be the absolute path of a repository"},
      {R"([{"name": "a", "git": "ext::sh -c x"}])", "must be the absolute path of a repository"},
      {R"([{"name": "a", "git": "https://me:pw@x/y"}])", "user or password"},
      {R"([{"name": "a", "git": "/r", "ref": "--all"}])", "no name of a branch"},
      {R"([{"name": "a", "git": "/r", "ref": "a:b"}])", "no name of a branch"},
      {R"([{"name": "a", "git": "/r", "subdir": "../x"}])", "a path in the repository"},
      {R"([{"name": "a", "git": "/r", "every": "10ms"}])", "at least 1s"},
      {R"([{"name": "a", "git": "/r", "keep": 0}])", "from 1 to 100"},
      {R"([{"name": "risk", "path": "risk"}])", "\"path\" must be the absolute path"},
      {R"([{"name": "Risk", "path": "/r"}])", "no name of a bundle"},
      {R"([{"name": "default", "path": "/r"}])", "is the bundle of the DAG folder"},
      {R"([{"name": "a", "path": "/r"}, {"name": "a", "path": "/s"}])", "bundles[1]: the name"},
      {R"([{"name": "a", "path": "/r", "branch": "x"}])", "unknown \"branch\""}};
  for (const auto& [bundles, told] : wrong) {
    const auto& of = bundles;  // Clang 14 keeps no structured binding
    CAPTURE(of);
    const HomeVariable bad("BATUTA_BUNDLES", bundles);
    const auto refused = settings_of(folder.path());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find(told) != std::string::npos);
    CHECK(refused.error().message.starts_with("BATUTA_BUNDLES: "));
  }
}

TEST_CASE("a wrong setting is refused with the file, its name and what it expects") {
  const Folder folder;
  CHECK(error_of(folder, R"({"leese": "10s"})").find("unknown setting \"leese\"") !=
        std::string::npos);
  CHECK(error_of(folder, R"({"retention_days": 0})").find("a number of days from 1") !=
        std::string::npos);
  CHECK(error_of(folder, R"({"allowed_hosts": ["http://x"]})").find("without scheme and port") !=
        std::string::npos);
  CHECK(error_of(folder, R"({"lease": "2s"})").find("twice the heartbeat") != std::string::npos);
  CHECK(error_of(folder, "[]").find("must be a JSON object") != std::string::npos);
}

TEST_CASE("what commands find in their environment is a setting whose values are not shown") {
  const Folder folder;
  folder.write("batuta.json", R"({"worker.env": {"TZ": "Asia/Tokyo", "TOKEN": "s3cret"}})");
  auto home = Home::open(folder.path());
  REQUIRE(home);
  CHECK(home->settings().worker_env == R"({"TOKEN":"s3cret","TZ":"Asia/Tokyo"})");
  for (const auto& [name, value] : shown_settings(home->settings())) {
    CHECK(value.find("s3cret") == std::string::npos);
    if (name == "worker.env") CHECK(value.find("TOKEN") != std::string::npos);
  }
  for (const char* env :
       {"[]", "{\"A\": 1}", "{\"BATUTA_X\": \"\"}", "{\"A=B\": \"\"}", "\"TZ=UTC\""}) {
    CHECK(error_of(folder, std::string(R"({"worker.env": )") + env + "}")
              .find("an object of texts by name") != std::string::npos);
  }
}

TEST_CASE("who runs containers, and which, are settings") {
  const Folder folder;
  folder.write("batuta.json", R"({"worker.container_socket": "/run/docker.sock",
                                  "worker.container_images": ["python:3.12", "a.example.org/*"]})");
  auto home = Home::open(folder.path());
  REQUIRE(home);
  CHECK(home->settings().worker_container_socket == "/run/docker.sock");
  CHECK(home->settings().worker_container_images ==
        std::vector<std::string>{"python:3.12", "a.example.org/*"});
  CHECK(error_of(folder, R"({"worker.container_socket": "tcp://x:2375"})")
            .find("the absolute path of a container engine's socket") != std::string::npos);
  // An empty list would allow every image: whoever wrote one meant none.
  for (const char* images : {"[]", "\"\"", "[\"\"]", "[1]", "{}"}) {
    CHECK(error_of(folder, std::string(R"({"worker.container_images": )") + images + "}")
              .find("a list of images that may be run") != std::string::npos);
  }
}

TEST_CASE("how a worker stops, whom its slots are and what they may have are settings") {
  const Folder folder;
  folder.write("batuta.json", R"({"stop_drain": "90s", "worker.memory_limit": "2GiB"})");
  auto home = Home::open(folder.path());
  REQUIRE(home);
  CHECK(home->settings().stop_drain == 90s);
  CHECK(home->settings().worker_memory_limit == std::int64_t{2} << 30);
  folder.write("batuta.json", R"({"worker.memory_limit": 0})");
  CHECK(Home::open(folder.path())->settings().worker_memory_limit == 0);
  for (const char* limit :
       {"\"1MiB\"", "-1", "\"2 GB\"", "\"\"", "true", "5", "\"9999999999GiB\""}) {
    CHECK(error_of(folder, std::string(R"({"worker.memory_limit": )") + limit + "}")
              .find("a size of at least 64MiB") != std::string::npos);
  }
  for (const char* range : {"64000", "5-9", "64001-64000", "64000-x", "-", "1000-9000"}) {
    CHECK(error_of(folder, std::string(R"({"worker.user_range": ")") + range + "\"}")
              .find("two user ids") != std::string::npos);
  }
  CHECK(error_of(folder, R"({"worker.user_range": "64000-64003"})").find("needs worker.user") !=
        std::string::npos);
}

TEST_CASE("settings are shown as the file takes them") {
  const Folder folder;
  folder.write("batuta.json", R"({"lake.memory": "1GiB", "lease": "2500ms", "heartbeat": "1s"})");
  const auto home = Home::open(folder.path());
  REQUIRE(home);
  std::string file = "{";
  for (const auto& [name, value] : shown_settings(home->settings())) {
    if (value.empty()) continue;  // not set, and an empty text is no setting
    file += (file == "{" ? "\"" : ", \"") + name + "\": ";
    const bool number = value.find_first_not_of("0123456789") == std::string::npos;
    file += number ? value : "\"" + value + "\"";
  }
  folder.write("batuta.json", file + "}");
  const auto again = Home::open(folder.path());
  REQUIRE(again);
  CHECK(shown_settings(again->settings()) == shown_settings(home->settings()));
  CHECK(again->settings().lease == 2500ms);
}

TEST_CASE("a private file is readable by its owner alone and replaces the one before") {
  const Folder folder;
  const auto home = Home::open(folder.path());
  REQUIRE(home);
  REQUIRE(home->write_private("admin.json", "first"));
  REQUIRE(home->write_private("admin.json", "second"));
  std::stringstream text;
  text << std::ifstream(home->path("admin.json")).rdbuf();
  CHECK(text.str() == "second");
  CHECK(mode_of(home->path("admin.json")) == 0600);
  CHECK(!home->write_private("no/such/folder.json", "x"));
}

TEST_CASE(
    "the lake's engine has settings, in the units of memory, and reading them makes nothing") {
  const Folder folder;
  folder.write("batuta.json", R"({"lake.memory": "2GiB", "lake.sql_timeout": "2m"})");
  const HomeVariable threads("BATUTA_LAKE_THREADS", "3");
  auto settings = settings_of(folder.path());
  REQUIRE(settings);
  CHECK(settings->lake_memory == std::int64_t{2} << 30);
  CHECK(settings->lake_threads == 3);
  CHECK(settings->lake_sql_timeout == 120s);
  CHECK(settings->lake_sql_slots == 1);
  folder.write("batuta.json",
               R"({"lake.sql_slots": 2, "lake.sql_rows": 50, "lake.sql_bytes": "8MiB"})");
  settings = settings_of(folder.path());
  REQUIRE(settings);
  CHECK(settings->lake_sql_slots == 2);
  CHECK(settings->lake_sql_rows == 50);
  CHECK(settings->lake_sql_bytes == 8 << 20);
  CHECK_FALSE(settings->page_edit_dags);
  folder.write("batuta.json", R"({"page.edit_dags": true})");
  CHECK(settings_of(folder.path())->page_edit_dags);
  for (const char* bad :
       {R"({"page.edit_dags": 1})", R"({"lake.sql_slots": 0})", R"({"lake.sql_rows": 1000001})",
        R"({"lake.sql_bytes": "17MiB"})", R"({"lake.sql_bytes": 0})"}) {
    CAPTURE(bad);
    folder.write("batuta.json", bad);
    CHECK_FALSE(settings_of(folder.path()));
  }
  folder.write("batuta.json", "{}");
  const HomeVariable memory("BATUTA_LAKE_MEMORY", "48MiB");
  settings = settings_of(folder.path("nowhere"));
  REQUIRE(settings);
  CHECK(settings->lake_memory == 48 << 20);
  struct stat found {};
  CHECK(::stat(folder.path("nowhere").c_str(), &found) != 0);
  for (const char* bad : {"1MiB", "2", "0", "lots", "5TiB", "-1GiB", "", "99999999GiB"}) {
    CAPTURE(bad);
    const HomeVariable wrong("BATUTA_LAKE_MEMORY", bad);
    const auto refused = settings_of(folder.path());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("a size of at least 32MiB") != std::string::npos);
  }
}

TEST_CASE("how requests leave the machine are settings; a proxy's password is not shown") {
  const Folder folder;
  folder.write("ca.pem", "-----BEGIN CERTIFICATE-----");
  folder.write("batuta.json", R"({"outgoing.proxy": "http://me:s3cret@proxy:3128/",
      "outgoing.no_proxy": ".example.org", "base_url": "https://batuta.example.org/"})");
  const HomeVariable file("BATUTA_OUTGOING_CA_FILE", folder.path("ca.pem").c_str());
  const auto settings = settings_of(folder.path());
  REQUIRE(settings);
  CHECK(settings->outgoing_proxy == "http://me:s3cret@proxy:3128");
  CHECK(settings->outgoing_no_proxy == ".example.org");
  CHECK(settings->outgoing_ca_file == folder.path("ca.pem"));
  CHECK(settings->base_url == "https://batuta.example.org");
  for (const auto& [name, value] : shown_settings(*settings)) {
    CHECK(value.find("s3cret") == std::string::npos);
  }
  for (const char* bad : {"proxy:3128", "ftp://proxy", "http://", "http://a b", ""}) {
    CAPTURE(std::string(bad));
    const HomeVariable wrong("BATUTA_OUTGOING_PROXY", bad);
    const auto refused = settings_of(folder.path());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("the address of a proxy") != std::string::npos);
  }
  const HomeVariable missing("BATUTA_OUTGOING_CA_FILE", "/nowhere/ca.pem");
  CHECK_FALSE(settings_of(folder.path()));
}

TEST_CASE("a settings file that cannot be read, or is gone when it is read again, is no defaults") {
  const Folder folder;
  REQUIRE(settings_of(folder.path()));
  const auto gone = settings_of(folder.path(), nullptr, SettingsFile::must_be_there);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().message.find("batuta.json is not there") != std::string::npos);
  REQUIRE(::symlink("batuta.json", folder.path("batuta.json").c_str()) == 0);  // of itself
  const auto unreadable = settings_of(folder.path());
  REQUIRE_FALSE(unreadable);
  CHECK(unreadable.error().message.find("batuta.json cannot be read: ") != std::string::npos);
}
