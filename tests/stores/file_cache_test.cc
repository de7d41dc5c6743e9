// Objects as local files: whole, bounded, shared by processes, and none taken away from who reads
// it.
#include "stores/file_cache.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "common/uuid.h"
#include "lakelog/branch.h"
#include "stores/lake.h"
#include "tests/lakelog/memory_storage.h"
#include "tests/stores/store_server.h"

using namespace batuta;
using namespace batuta::stores;
using lakelog::MemoryStorage;
namespace fs = std::filesystem;

namespace {

struct CacheFolder {
  CacheFolder() {
    Uuid id;
    random_bytes(id.bytes.data(), id.bytes.size());
    path = fs::temp_directory_path() / ("batuta-cache-" + to_string(id));
  }
  ~CacheFolder() { fs::remove_all(path); }
  std::size_t kept() const {
    const auto files = fs::directory_iterator(path + "/files");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }
  std::size_t in_use() const {
    const auto files = fs::directory_iterator(path + "/use");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }
  std::string path;
};

std::unique_ptr<FileCache> cache_of(const CacheFolder& folder, std::int64_t most = 1 << 20,
                                    const std::string& name = "s3://lake") {
  auto cache = FileCache::open(folder.path, name, most);
  REQUIRE(cache.ok());
  return *std::move(cache);
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Counts what is read, of a storage that may forget.
struct Remote {
  MemoryStorage objects;
  void put(const std::string& key, const std::string& bytes) {
    REQUIRE(objects.put(key, bytes).ok());
  }
};

void used_at(const std::string& path, int second) {
  const timespec times[2] = {{second, 0}, {second, 0}};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace

TEST_CASE("an object becomes a file once, for every process that asks for it") {
  const CacheFolder folder;
  Remote remote;
  remote.put("silver/a/part-1", "one");
  const auto first = cache_of(folder);
  const auto second = cache_of(folder);
  const auto path = first->get(remote.objects, "silver/a/part-1", 3);
  REQUIRE(path.ok());
  CHECK(path->ends_with("/silver/a/part-1"));
  CHECK(bytes_of(*path) == "one");
  // What is kept is not asked for again: the store has lost it.
  REQUIRE(remote.objects.remove("silver/a/part-1").ok());
  const auto again = second->get(remote.objects, "silver/a/part-1", 3);
  REQUIRE(again.ok());
  CHECK(bytes_of(*again) == "one");
  CHECK(*again != *path);
  CHECK(*first->get(remote.objects, "silver/a/part-1", 3) == *path);
  CHECK(folder.kept() == 1);
}

TEST_CASE("a file of another size than the log's is no file of the table, and nothing is kept") {
  const CacheFolder folder;
  Remote remote;
  remote.put("t/part", "four");
  const auto cache = cache_of(folder);
  for (const std::int64_t told : {3, 5}) {
    const auto refused = cache->get(remote.objects, "t/part", told);
    REQUIRE(!refused.ok());
    CHECK(refused.error().code == Errc::malformed);
    CHECK(refused.error().message ==
          "t/part has 4 bytes in the store; the table's log says " + std::to_string(told));
  }
  CHECK(folder.kept() == 0);
  CHECK(cache->get(remote.objects, "t/none", 3).error().code == Errc::not_found);
  // One that was torn in the cache, by whatever, is fetched again.
  const auto path = cache->get(remote.objects, "t/part", 4);
  REQUIRE(path.ok());
  std::ofstream(*path, std::ios::trunc) << "x";
  const auto other = cache_of(folder);
  CHECK(bytes_of(*other->get(remote.objects, "t/part", 4)) == "four");
}

TEST_CASE("of one size unknown the bytes of now are given, and not kept") {
  const CacheFolder folder;
  Remote remote;
  remote.put("t/_delta_log/1.checkpoint.parquet", "old");
  const auto cache = cache_of(folder);
  CHECK(bytes_of(*cache->get(remote.objects, "t/_delta_log/1.checkpoint.parquet", -1)) == "old");
  remote.put("t/_delta_log/1.checkpoint.parquet", "new");
  CHECK(bytes_of(*cache->get(remote.objects, "t/_delta_log/1.checkpoint.parquet", -1)) == "new");
  CHECK(folder.kept() == 0);
}

TEST_CASE("what was used longest ago makes room, and never what somebody reads") {
  const CacheFolder folder;
  Remote remote;
  for (const char* key : {"a", "b", "c", "d"}) remote.put(key, std::string(400, *key));
  const auto reader = cache_of(folder, 1000);
  std::string read;
  {
    const auto gone = cache_of(folder, 1000);
    used_at(*gone->get(remote.objects, "a", 400), 1000);
    read = *reader->get(remote.objects, "a", 400);
    used_at(read, 1000);
    used_at(*gone->get(remote.objects, "b", 400), 2000);
  }
  CHECK(folder.kept() == 2);
  // "a" is older and in use: "b" goes.
  const auto later = cache_of(folder, 1000);
  REQUIRE(later->get(remote.objects, "c", 400).ok());
  CHECK(folder.kept() == 2);
  CHECK(bytes_of(read) == std::string(400, 'a'));
  // Both are in use now, and a third has no room beside them.
  const auto full = cache_of(folder, 1000)->get(remote.objects, "d", 400);
  REQUIRE(!full.ok());
  CHECK(full.error().code == Errc::unavailable);
  CHECK(full.error().message.find("lake.cache is 1 MiB") == 0);
  // What one reader alone needs never fits, however often it is tried.
  const auto own = later->get(remote.objects, "d", 700);
  REQUIRE(!own.ok());
  CHECK(own.error().code == Errc::too_large);
}

TEST_CASE("what a killed process held and staged is taken away by the next one") {
  const CacheFolder folder;
  Remote remote;
  remote.put("t/part", "bytes");
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto cache = FileCache::open(folder.path, "s3://lake", 1 << 20);
    if (!cache || !(*cache)->get(remote.objects, "t/part", 5)) ::_exit(1);
    std::ofstream((*cache)->staging() + "/half") << "written";
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  CHECK(folder.in_use() == 2);  // a lock that nobody holds, and its folder
  const auto live = cache_of(folder);
  CHECK(folder.in_use() == 2);
  CHECK(fs::is_empty(live->staging()));
  CHECK(folder.kept() == 1);
  // And who lives is left alone.
  const auto other = cache_of(folder);
  CHECK(folder.in_use() == 4);
  CHECK(bytes_of(*live->get(remote.objects, "t/part", 5)) == "bytes");
}

TEST_CASE("a folder is a lake that opens and looks at nothing for a local file") {
  const Lake lake("/no/such/lake");
  CHECK(lake.is_folder());
  CHECK(*lake.local_file("silver/a/part", 12) == "/no/such/lake/silver/a/part");
  CHECK(lake.kept() == nullptr);
  CHECK(lake.ask_elsewhere().ok());
  CHECK(Lake("file:///lake").folder() == "/lake");
  CHECK(!fs::exists("/no/such/lake"));
}

TEST_CASE("a store's access is handed on as a secret, and says what must not be shown") {
  const std::map<std::string, std::string> environment = {
      {"AWS_ACCESS_KEY_ID", "AKIATEST"}, {"AWS_SECRET_ACCESS_KEY", "hidden"}, {"HOME", "/root"}};
  const auto variable = [&](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  auto access = store_access("s3://lake/prod/", variable);
  REQUIRE(access.ok());
  CHECK(access->secrets() == std::vector<std::string>{"hidden"});
  const auto read = StoreAccess::from_json(access->to_json());
  REQUIRE(read.ok());
  CHECK(read->url == "s3://lake/prod");
  CHECK(read->variables == std::map<std::string, std::string>{{"AWS_ACCESS_KEY_ID", "AKIATEST"},
                                                              {"AWS_SECRET_ACCESS_KEY", "hidden"}});
  CHECK(store_access("ftp://x/y", variable).error().code == Errc::invalid);
}

TEST_CASE("a lake in a store stages here, puts there, and reads back through its cache") {
  StoreServer& server = fresh_server();
  const CacheFolder folder;
  StoreAccess access;
  access.url = "s3://lake/prod";
  access.variables = {{"AWS_ACCESS_KEY_ID", "AKIATEST"},
                      {"AWS_SECRET_ACCESS_KEY", "secret/of+the=tests"},
                      {"BATUTA_STORE_ENDPOINT", server.endpoint()}};
  const Lake lake(access, folder.path, true, without_pauses);
  bool elsewhere = false;
  SUBCASE("on the caller's thread") {}
  SUBCASE("on a thread of its own") {
    elsewhere = true;
  }
  if (elsewhere) {
    REQUIRE(lake.ask_elsewhere().ok());
  }
  const auto storage = lake.storage();
  if (!storage.ok()) FAIL(storage.error().message);
  const auto staged = (*storage)->stage("silver/t");
  REQUIRE(staged.ok());
  CHECK(staged->starts_with(folder.path + "/_store/use/"));
  std::ofstream(*staged + "/part-1") << "parquet";
  REQUIRE((*storage)->sync({"silver/t/part-1"}).ok());
  CHECK(!fs::exists(*staged + "/part-1"));
  (void)server.asked();
  const auto path = lake.local_file("silver/t/part-1", 7);
  if (!path.ok()) FAIL(path.error().message);
  CHECK(bytes_of(*path) == "parquet");
  CHECK(path->starts_with(folder.path + "/_store/use/"));
  const std::size_t once = server.asked().size();
  CHECK(once == 2);  // a look and a read
  CHECK(*lake.local_file("silver/t/part-1", 7) == *path);
  CHECK(server.asked().empty());
  // Gone with the last who holds it.
  std::shared_ptr<const void> kept = lake.kept();
  CHECK(kept != nullptr);
}

TEST_CASE("a branch of a lake in a store has its own files, and the lake's where it has none") {
  StoreServer& server = fresh_server();
  const CacheFolder folder;
  StoreAccess access;
  access.url = "s3://lake/prod";
  access.variables = {{"AWS_ACCESS_KEY_ID", "AKIATEST"},
                      {"AWS_SECRET_ACCESS_KEY", "secret/of+the=tests"},
                      {"BATUTA_STORE_ENDPOINT", server.endpoint()}};
  const Lake lake(access, folder.path, true, without_pauses);
  const auto storage = *lake.storage();
  REQUIRE(storage->put("silver/a/t/part-1", "the lake's").ok());
  const auto branch = lakelog::create_branch(*storage, {"fix", "", "ana"});
  if (!branch.ok()) FAIL(branch.error().message);
  const Lake on_branch = lake.on_branch(branch->ref());
  const auto seen = *on_branch.storage();
  const auto staged = seen->stage("silver/a/t");
  REQUIRE(staged.ok());
  std::ofstream(*staged + "/part-2") << "the branch's";
  REQUIRE(seen->sync({"silver/a/t/part-1", "silver/a/t/part-2"}).ok());
  CHECK(bytes_of(*on_branch.local_file("silver/a/t/part-2", 12)) == "the branch's");
  CHECK(bytes_of(*on_branch.local_file("silver/a/t/part-1", 10)) == "the lake's");
  CHECK(lake.local_file("silver/a/t/part-2", 12).error().code == Errc::not_found);
  // Which of both a file of the lake's is, is asked once.
  (void)server.asked();
  CHECK(on_branch.local_file("silver/a/t/part-1", 10).ok());
  CHECK(server.asked().empty());
  CHECK(*seen->put_if_absent("silver/a/t/part-1", "mine") == lakelog::Put::exists);
  CHECK(seen->list("")->prefixes == std::vector<std::string>{"silver/"});
  REQUIRE(lakelog::drop_branch(*storage, "fix").ok());
  CHECK(storage->list("_branches/")->objects.empty());
  CHECK(storage->list("_branches/")->prefixes.empty());
  CHECK(seen->put("silver/a/t/part-3", "late").error().code == Errc::conflict);
}
