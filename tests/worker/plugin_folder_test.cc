#include "worker/plugin_folder.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "worker/plugin_host.h"

namespace batuta {
namespace {

struct Folder {
  Folder() {
    char text[] = "/tmp/batuta-plugins-XXXXXX";
    REQUIRE(::mkdtemp(text) != nullptr);
    path = text;
  }
  ~Folder() { remove_tree(path); }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream{path + "/" + name} << text;
  }
  std::string path;
};

TEST_CASE("a written manifest lists every plugin with its hash") {
  const Folder folder;
  folder.put("a_bronze.so", "abc");
  folder.put("b.so", "");
  folder.put("notes.txt", "no plugin");
  folder.put(".hidden.so", "no valid name");
  REQUIRE(write_manifest(folder.path).ok());
  const auto manifest = read_manifest(folder.path);
  REQUIRE(manifest.ok());
  const auto& files = manifest->files;
  REQUIRE(files.size() == 2);
  CHECK(files[0] == PluginFile{"a_bronze", "a_bronze.so",
                               "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"});
  CHECK(open_plugin(folder.path, files[0]).ok());
}

TEST_CASE("an absent manifest offers nothing, one that is no list of plugins is refused") {
  const Folder folder;
  CHECK(read_manifest(folder.path)->files.empty());
  for (const char* text : {"", "[]", "{\"plugins\":[]}", "{\"plugins\":{"}) {
    folder.put("manifest.json", text);
    ::chmod((folder.path + "/manifest.json").c_str(), 0644);
    CHECK_MESSAGE(!read_manifest(folder.path).ok(), text);
  }
}

TEST_CASE("a bad entry of the manifest costs that plugin alone, and says where it stands") {
  const Folder folder;
  const std::string good = R"("good":{"file":"good.so","sha256":")" + std::string(64, 'a') + "\"}";
  for (const char* bad :
       {R"("../x":{"file":"../x.so","sha256":"00"})", R"("x":{"file":"y.so","sha256":"00"})",
        R"("x":{"file":"x.so","sha256":"zz"})", R"("x":{"file":"/tmp/x.so"})", R"("x":7)"}) {
    CAPTURE(bad);
    folder.put("manifest.json", R"({"plugins":{)" + std::string{bad} + "," + good + "}}");
    ::chmod((folder.path + "/manifest.json").c_str(), 0644);
    const auto manifest = read_manifest(folder.path);
    REQUIRE(manifest.ok());
    REQUIRE(manifest->files.size() == 1);
    CHECK(manifest->files[0].name == "good");
    REQUIRE(manifest->faults.size() == 1);
    CHECK(manifest->faults.begin()->second.find("manifest.json, /plugins/") == 0);
  }
}

TEST_CASE("a file that is not what the manifest lists is not opened") {
  const Folder folder;
  folder.put("x.so", "abc");
  REQUIRE(write_manifest(folder.path).ok());
  const PluginFile file = read_manifest(folder.path)->files.at(0);
  const std::string path = folder.path + "/x.so";
  REQUIRE(open_plugin(folder.path, file).ok());

  SUBCASE("changed") {
    folder.put("x.so", "abd");
  }
  SUBCASE("gone") {
    ::unlink(path.c_str());
  }
  SUBCASE("a link to the right content") {
    ::rename(path.c_str(), (folder.path + "/y").c_str());
    REQUIRE(::symlink("y", path.c_str()) == 0);
  }
  SUBCASE("writable by others") {
    ::chmod(path.c_str(), 0666);
  }
  SUBCASE("writable by the group") {
    ::chmod(path.c_str(), 0664);
  }
  SUBCASE("in a folder that others may write") {
    ::chmod(folder.path.c_str(), 0777);
  }
  SUBCASE("a pipe") {
    ::unlink(path.c_str());
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }
  CHECK_FALSE(open_plugin(folder.path, file).ok());
}

TEST_CASE("only names in the folder can be opened") {
  const Folder folder;
  for (const char* name : {"../x", "/tmp/x", "x;y", "", ".", "a/b"}) {
    CHECK_FALSE(open_plugin(folder.path, {name, std::string{name} + ".so", ""}).ok());
  }
  CHECK_FALSE(open_plugin(folder.path, {"x", "../x.so", ""}).ok());
}

std::int32_t nothing(const batuta_host*) {
  return 0;
}

TEST_CASE("a table is checked before the first call") {
  static const batuta_param params[] = {{"size", BATUTA_PARAM_INTEGER, 1, nullptr, "help"}};
  const batuta_plugin good{BATUTA_PLUGIN_ABI,
                           sizeof(batuta_plugin),
                           "x",
                           "1",
                           "builtin",
                           "text",
                           params,
                           1,
                           sizeof(batuta_param),
                           nothing};
  const PluginFile file{"x", "x.so", std::string(64, '0')};
  REQUIRE(check_table(&good, file).ok());
  CHECK(check_table(&good, file)->params.at(0).required);
  CHECK_FALSE(check_table(nullptr, file).ok());
  const auto broken = [&](auto change) {
    batuta_plugin table = good;
    change(table);
    return !check_table(&table, file).ok();
  };
  CHECK(broken([](batuta_plugin& t) { t.abi = 2; }));
  CHECK(broken([](batuta_plugin& t) { t.struct_size = 8; }));
  CHECK(broken([](batuta_plugin& t) { t.name = "y"; }));
  CHECK(broken([](batuta_plugin& t) { t.name = nullptr; }));
  CHECK(broken([](batuta_plugin& t) { t.kind = "virus"; }));
  CHECK(broken([](batuta_plugin& t) { t.execute = nullptr; }));
  CHECK(broken([](batuta_plugin& t) { t.param_size = 4; }));
  CHECK(broken([](batuta_plugin& t) { t.params = nullptr; }));
  CHECK(broken([](batuta_plugin& t) { t.param_count = 100'000; }));
  static const batuta_param bad_type[] = {{"size", 42, 0, nullptr, nullptr}};
  CHECK(broken([](batuta_plugin& t) { t.params = bad_type; }));
  static const batuta_param bad_default[] = {{"size", 0, 0, "{", nullptr}};
  CHECK(broken([](batuta_plugin& t) { t.params = bad_default; }));
  static const batuta_param no_name[] = {{nullptr, 0, 0, nullptr, nullptr}};
  CHECK(broken([](batuta_plugin& t) { t.params = no_name; }));
}

}  // namespace
}  // namespace batuta
