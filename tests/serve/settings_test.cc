#include "scheduler/serve/settings.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/safe_json.h"
#include "scheduler/serve/home.h"
#include "scheduler/serve/lake_place.h"
#include "tests/serve/serve_fixture.h"

using namespace batuta;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

class SetVariable {
 public:
  SetVariable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~SetVariable() { ::unsetenv(name_); }
  SetVariable(const SetVariable&) = delete;
  SetVariable& operator=(const SetVariable&) = delete;

 private:
  const char* name_;
};

std::string file_text(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::vector<std::string> cells(const std::string& row) {
  std::vector<std::string> out;
  std::size_t from = 2;  // behind "| "
  for (auto at = row.find(" |", from); at != row.npos; at = row.find(" |", from)) {
    out.push_back(row.substr(from, at - from));
    from = std::min(at + 3, row.size());
  }
  return out;
}

std::string changed_names(const std::vector<SettingChange>& changes) {
  std::string out;
  for (const SettingChange& one : changes) out += one.name + " ";
  return out;
}

}  // namespace

TEST_CASE("every setting has its row in docs/configuration.md: variable, default, reload") {
  std::map<std::string, std::vector<std::string>> rows;
  const char* source = std::getenv("BATUTA_SOURCE_DIR");
  std::istringstream page(file_text(std::string(source ? source : ".") + "/docs/configuration.md"));
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("| `") && cells(line).size() == 5) rows[cells(line)[0]] = cells(line);
  }
  CHECK(rows.size() == settings_table().size());
  const Settings defaults;
  for (const Setting& setting : settings_table()) {
    const std::string name = setting.name;
    CAPTURE(name);
    const auto row = rows.find("`" + name + "`");
    REQUIRE(row != rows.end());
    CHECK(row->second[1] == "`" + setting.variable() + "`");
    CHECK(row->second[3] == (setting.live ? "yes" : ""));
    const std::string written = row->second[2];
    if (written.starts_with('`')) {
      Settings read;
      REQUIRE(setting.read(read, *parse_untrusted(written.substr(1, written.size() - 2))));
      CHECK(setting.same(read, defaults));
    } else {
      CHECK(setting.show(defaults).empty());  // told in words: there is none
    }
  }
}

TEST_CASE("the schema of batuta.json knows every setting, and takes what the program takes") {
  const auto schema = parse_untrusted(settings_schema());
  REQUIRE(schema);
  CHECK((*schema)["additionalProperties"] == false);
  const json& known = (*schema)["properties"];
  CHECK(known.size() == settings_table().size() + 1);  // $schema
  const json& of_bundles = known["bundles"]["items"];
  CHECK(of_bundles["properties"].contains("store"));
  CHECK(of_bundles["oneOf"].size() == 3);
  for (const Setting& setting : settings_table()) {
    const std::string name = setting.name;
    CAPTURE(name);
    REQUIRE(known.contains(name));
    const json& one = known[name];
    CHECK(one["description"].get<std::string>().find(setting.expected()) != std::string::npos);
    Settings read;
    if (one.contains("default") && one["default"] != json::array()) {
      CHECK(setting.read(read, one["default"]));
      CHECK(setting.same(read, Settings{}));
    }
    if (!one.contains("examples") || name == "outgoing.ca_file") continue;  // no such file here
    CHECK(setting.read(read, one["examples"][0]));
  }
  CHECK(known["retention_days"]["minimum"] == 1);
  CHECK(known["retention_days"]["maximum"] == 36500);
}

TEST_CASE("all that is wrong in a batuta.json is told, each with its line and what was meant") {
  int settings = 0;
  const auto problems = check_settings_text(R"({
  "$schema": "./batuta.schema.json",
  "leese": "10s",
  "retention_days": 0,
  "lake": {"memory": "1GiB"},
  "lake.maintenance": "* * *",
  "worker.env": {"TOKEN": 5}
})",
                                            "f.json", settings);
  REQUIRE(problems.size() == 5);
  CHECK(problems[0] ==
        "f.json:3:12: unknown setting \"leese\"; did you mean \"lease\"? (`batuta config schema` "
        "lists all)");
  CHECK(problems[1] ==
        "f.json:4:21: \"retention_days\" must be a number of days from 1 to 36500, not 0");
  CHECK(problems[2].find("written with a dot, as \"lake.memory\"") != std::string::npos);
  CHECK(problems[3].starts_with("f.json:6:"));
  CHECK(problems[4].find("an object of texts by name") != std::string::npos);
  CHECK(problems[4].find("TOKEN") == std::string::npos);  // what may be a secret is not repeated
  CHECK(check_settings_text("{\"lease\": \"1h\",}", "f.json", settings).size() == 1);
  CHECK(check_settings_text(R"({"lease": "2s"})", "f.json", settings).size() == 1);
  CHECK(check_settings_text(R"({"$schema": "x", "lease": "1m"})", "f.json", settings).empty());
  CHECK(settings == 1);
}

TEST_CASE("the token of lineage goes under TLS, or stays on this machine") {
  int settings = 0;
  const auto fault_of = [&](const std::string& url) {
    const auto problems = check_settings_text(
        R"({"lineage.token": {"$env": "T"}, "lineage.url": ")" + url + "\"}", "f.json", settings);
    return problems.empty() ? "" : problems[0];
  };
  CHECK(fault_of("https://marquez.example.org") == "");
  CHECK(fault_of("http://localhost:5000") == "");
  CHECK(fault_of("http://marquez.example.org").find("lineage.url must be https") !=
        std::string::npos);
}

TEST_CASE("a lake's store is named by a URL without credentials, and none of them is repeated") {
  const Folder folder;
  folder.write("batuta.json", R"({"lake.url": "s3://my-bucket/plant/", "lake.cache": "1GiB"})");
  const auto settings = settings_of(folder.path());
  REQUIRE(settings);
  CHECK(settings->lake_url == "s3://my-bucket/plant");
  CHECK(settings->lake_cache == std::int64_t{1} << 30);
  int count = 0;
  const auto wrong = [&](const std::string& value) {
    const auto problems = check_settings_text("{\"lake.url\": \"" + value + "\"}", "f.json", count);
    REQUIRE(problems.size() == 1);
    CHECK(problems[0].find("s3://bucket/prefix, gs://") != std::string::npos);
    return problems[0];
  };
  CHECK(wrong("s3://key:hidden-word@my-bucket").find("hidden-word") == std::string::npos);
  CHECK(wrong("azblob://account/box?sig=hidden-word").find("hidden-word") == std::string::npos);
  wrong("/srv/lake");
  wrong("file:srv/lake");
  wrong("file:///srv/../lake");
  CHECK(check_settings_text(R"({"lake.url": "file:///srv/lake/"})", "f.json", count).empty());
  const auto given = check_settings_text(
      R"({"lake.url": "file:///srv/lake", "worker.user": "nobody"})", "f.json", count);
  REQUIRE(given.size() == 1);
  CHECK(given[0].find("does not go with worker.user") != std::string::npos);
  wrong("s3://B");
  const auto both = check_settings_text(
      R"({"lake.url": "s3://my-bucket", "worker.user": "nobody", "worker.user_range": "64000-64003"})",
      "f.json", count);
  REQUIRE(both.size() == 1);
  CHECK(both[0].find("lake.url does not go with worker.user_range") != std::string::npos);
  const auto nobody = check_settings_text(R"({"worker.run_as_users": ["games"]})", "f.json", count);
  REQUIRE(nobody.size() == 1);
  CHECK(nobody[0].find("worker.run_as_users needs worker.user") != std::string::npos);
  CHECK(check_settings_text(R"({"worker.user": "nobody", "worker.run_as_users": ["root"]})",
                            "f.json", count)[0]
            .find("neither root nor numbers") != std::string::npos);
  const auto users = check_settings_text(
      R"({"lake.url": "s3://my-bucket", "worker.user": "nobody", "worker.run_as_users": ["games"]})",
      "f.json", count);
  REQUIRE(users.size() == 1);
  CHECK(users[0].find("lake.url does not go with worker.run_as_users") != std::string::npos);
  // Its secret may lie elsewhere, and is no part of what is shown.
  folder.write("key", "hidden-word\n");
  folder.write("batuta.json", R"({"lake.url": "s3://my-bucket", "lake.secret": {"$file": ")" +
                                  folder.path() + R"(/key"}})");
  {
    const SetVariable id("AWS_ACCESS_KEY_ID", "AKIATEST");
    const SetVariable overruled("AWS_SECRET_ACCESS_KEY", "another");
    const auto access = lake_store(*settings_of(folder.path()));
    if (!access.ok()) FAIL(access.error().message);
    CHECK((*access)->variables.at("AWS_SECRET_ACCESS_KEY") == "hidden-word");
    CHECK((*access)->secrets() == std::vector<std::string>{"hidden-word"});
    std::filesystem::remove(folder.path() + "/key");
    const auto gone = lake_store(*settings_of(folder.path()));
    CHECK(gone.error().message.find("lake.secret: ") == 0);
  }
  CHECK(check_settings_text(R"({"lake.secret": "hidden-word"})", "f.json", count).size() == 1);
  folder.write("batuta.json", R"({"lake.url": "s3://my-bucket/plant/", "lake.cache": "1GiB"})");
  const SetVariable endpoint("BATUTA_STORE_ENDPOINT", "http://127.0.0.1:9000");
  std::vector<std::string> notes;
  CHECK(settings_of(folder.path(), &notes));
  CHECK(std::none_of(notes.begin(), notes.end(), [](const std::string& note) {
    return note.find("BATUTA_STORE_ENDPOINT") != std::string::npos;
  }));
}

TEST_CASE("a lake may lie in a folder of its own, which is there and to which the home's leads") {
  namespace fs = std::filesystem;
  const Folder folder;
  const std::string link = folder.path() + "/lake", disk = folder.path() + "/disk";
  folder.write("batuta.json", R"({"lake.url": "file://)" + disk + R"(/"})");
  CHECK(settings_of(folder.path())->lake_url == "file://" + disk);
  CHECK(*lake_store(*settings_of(folder.path())) == nullptr);
  fs::create_directory(link);
  const auto said = [&] {
    const Status led = lead_to_folder(link, disk);
    return led ? std::string() : led.error().message;
  };
  CHECK(said() == "lake.url: there is no folder " + disk + ": make it, or mount its disk");
  fs::create_directory(disk);
  fs::create_directory(link + "/gold");
  CHECK(said().find(link + " holds tables") != std::string::npos);
  fs::remove(link + "/gold");
  CHECK(said().empty());
  CHECK(fs::read_symlink(link) == disk);
  CHECK(said().empty());  // as at every later start
  fs::create_directory(disk + "/gold");
  CHECK(fs::exists(link + "/gold"));
  fs::create_directory(folder.path() + "/other");
  CHECK_FALSE(lead_to_folder(link, folder.path() + "/other"));
  CHECK(fs::read_symlink(link) == disk);
}

TEST_CASE("Airflow's variables are taken where they mean the same, after ours, and it is said") {
  const Folder folder;
  const SetVariable theirs("AIRFLOW__CORE__KILLED_TASK_CLEANUP_TIME", "60");
  std::vector<std::string> notes;
  CHECK(settings_of(folder.path(), &notes)->cancel_grace == 60s);
  const std::string said =
      "the setting cancel_grace is taken from AIRFLOW__CORE__KILLED_TASK_CLEANUP_TIME";
  CHECK(std::count(notes.begin(), notes.end(), said) == 1);
  const SetVariable ours("BATUTA_CANCEL_GRACE", "5s");
  CHECK(settings_of(folder.path())->cancel_grace == 5s);
}

TEST_CASE("a variable that looks like ours and is none is told with the one that was meant") {
  const Folder folder;
  const SetVariable slip("BATUTA_LAKE_MEMRY", "1GiB");
  const SetVariable secret("BATUTA_SECRET_MY_API", "x");
  std::vector<std::string> notes;
  REQUIRE(settings_of(folder.path(), &notes));
  const std::string said =
      "BATUTA_LAKE_MEMRY in the environment is no setting; did you mean \"BATUTA_LAKE_MEMORY\"?";
  CHECK(std::count(notes.begin(), notes.end(), said) == 1);
  CHECK(std::none_of(notes.begin(), notes.end(), [](const std::string& note) {
    return note.find("BATUTA_SECRET_") != std::string::npos;
  }));
}

TEST_CASE("a reload takes over what may change while running and names the rest, no secret in it") {
  Settings now;
  Settings next = now;
  next.retention_days = 7;
  next.allowed_hosts = {"a.example"};
  next.lake_threads = 4;
  next.worker_env = R"({"TOKEN":"s3cret"})";
  const auto [settings, told] = reloaded(now, next);
  CHECK(settings.retention_days == 7);
  CHECK(settings.allowed_hosts == next.allowed_hosts);
  CHECK(settings.lake_threads == 1);
  CHECK(settings.worker_env == "{}");
  CHECK(changed_names(told.changed) == "retention_days allowed_hosts ");
  CHECK(changed_names(told.needs_restart) == "worker.env lake.threads ");
  CHECK(told.changed[0].before == "90");
  CHECK(told.changed[0].after == "7");
  CHECK(told.needs_restart[0].after.find("s3cret") == std::string::npos);
  CHECK(reloaded(settings, settings).second.changed.empty());
}

TEST_CASE("the first start writes a batuta.json that names its schema, and never another's") {
  const Folder folder;
  auto home = Home::open(folder.path("new"));
  REQUIRE(home);
  REQUIRE(home->write_first_settings());
  CHECK(file_text(home->path("batuta.json")).find("./batuta.schema.json") != std::string::npos);
  CHECK(file_text(home->path("batuta.schema.json")) == settings_schema());
  CHECK(Home::open(folder.path("new")));  // and reads it
  folder.write("new/batuta.json", R"({"lease": "1m"})");
  folder.write("new/batuta.schema.json", "of an older program");
  REQUIRE(home->write_first_settings());
  CHECK(file_text(home->path("batuta.json")) == R"({"lease": "1m"})");
  CHECK(file_text(home->path("batuta.schema.json")) == settings_schema());
  folder.write("used/batuta.db", "");
  home = Home::open(folder.path("used"));
  REQUIRE(home->write_first_settings());
  CHECK(file_text(home->path("batuta.json")).empty());
}
