// Delta's commits on an object store: what lakelog promises on a disk holds there too.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "stores/object_storage.h"
#include "tests/lakelog/lake_fixture.h"
#include "tests/stores/store_server.h"

using namespace batuta;
using namespace batuta::stores;
using namespace batuta::lakelog;
using nlohmann::json;

namespace {

// A temporary lake's folder stages the files; the store is the lake.
std::unique_ptr<Storage> store_of(const StoreServer& server, const TempLake& staging) {
  Options options;
  options.endpoint = server.endpoint();
  options.access_key = "AKIATEST";
  options.secret_key = "secret/of+the=tests";
  options.staging = staging.path();
  auto storage = open_store("s3://lake/prod", options, without_pauses());
  REQUIRE(storage.ok());
  return std::move(*storage);
}

Result<Published> publish_into(Storage& store, const TempLake& staging, const json& add,
                               std::int64_t number, const std::string& app) {
  Publication what = publication(staging, append_payload({add}), number, app);
  what.storage = &store;
  return publish(what);
}

}  // namespace

TEST_CASE("four writers with five commits each lose nothing on a store that falters") {
  StoreServer& server = fresh_server();
  const TempLake staging;
  server.control({{"faults",
                   {{{"method", "PUT"}, {"status", 503}, {"times", 2}},
                    {{"method", "PUT"}, {"status", 0}, {"after", true}, {"times", 3}},
                    {{"method", "GET"}, {"status", 500}, {"times", 2}}}}});
  // The table is there: who finds it made meanwhile has a conflict, and begins again from its
  // sources.
  {
    const auto store = store_of(server, staging);
    const json add = data_file(staging.path(), "first");
    REQUIRE(store->sync({std::string(test_table) + "/day=2026-11-20/first"}).ok());
    REQUIRE(publish_into(*store, staging, add, 1, "first").ok());
  }
  std::vector<std::thread> writers;
  std::vector<std::string> failures(4);
  for (int who = 0; who < 4; ++who) {
    writers.emplace_back([&, who] {
      const auto store = store_of(server, staging);
      const std::string app = "racer-" + std::to_string(who);
      for (int i = 0; i < 5; ++i) {
        const std::string name = app + "-" + std::to_string(i);
        const json add = data_file(staging.path(), name);
        // As a task does before it hands its files in.
        if (const auto put = store->sync({std::string(test_table) + "/day=2026-11-20/" + name});
            !put.ok())
          failures[static_cast<std::size_t>(who)] = put.error().message;
        const auto published = publish_into(*store, staging, add, i + 1, app);
        if (!published.ok()) failures[static_cast<std::size_t>(who)] = published.error().message;
      }
    });
  }
  for (auto& writer : writers) writer.join();
  for (const std::string& failure : failures) CHECK(failure == "");
  const auto store = store_of(server, staging);
  const auto snapshot = read_snapshot(LogFolder(*store, test_table));
  REQUIRE(snapshot.ok());
  CHECK(snapshot->version == 20);
  CHECK(snapshot->files.size() == 21);
  for (const auto& [path, add] : snapshot->files)
    CHECK(store->stat(std::string(test_table) + "/" + path)->size == add.size);
}

TEST_CASE(
    "cut off between its files and its commit a publication shows nothing, and then comes once") {
  StoreServer& server = fresh_server();
  const TempLake staging;
  const auto store = store_of(server, staging);
  const json add = data_file(staging.path(), "part-1");
  // The file is put, the entry is refused.
  REQUIRE(store->sync({std::string(test_table) + "/day=2026-11-20/part-1"}).ok());
  server.control({{"faults", {{{"method", "PUT"}, {"status", 403}}}}});
  const auto refused = publish_into(*store, staging, add, 1, "app");
  REQUIRE(!refused.ok());
  CHECK(refused.error().code == Errc::unavailable);
  CHECK(read_snapshot(LogFolder(*store, test_table)).error().code == Errc::not_found);

  // From another machine, where nothing is staged.
  const TempLake elsewhere;
  const auto again = store_of(server, elsewhere);
  CHECK(publish_into(*again, elsewhere, add, 1, "app")->version == 0);
  CHECK(publish_into(*store, staging, add, 1, "app")->already_done);
  CHECK(read_snapshot(LogFolder(*store, test_table))->files.size() == 1);
}
