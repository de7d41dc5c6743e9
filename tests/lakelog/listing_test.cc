// A listing that was made while others wrote.
#include <doctest/doctest.h>

#include <set>

#include "tests/lakelog/lake_fixture.h"

using namespace batuta;
using namespace batuta::lakelog;

namespace {

// Does not list some objects, as a folder may that is read while they come.
class Listed : public Storage {
 public:
  explicit Listed(Storage& storage) : storage_(storage) {}
  Result<Listing> list(const std::string& prefix, const ListOptions& options) const override {
    auto found = storage_.list(prefix, options);
    if (found) {
      std::erase_if(found->objects,
                    [&](const ObjectInfo& object) { return unseen.contains(object.key); });
    }
    return found;
  }
  Result<std::string> read(const std::string& key, ByteRange range) const override {
    return storage_.read(key, range);
  }
  Result<Put> put_if_absent(const std::string& key, std::string_view bytes) override {
    return storage_.put_if_absent(key, bytes);
  }
  Status put(const std::string& key, std::string_view bytes) override {
    return storage_.put(key, bytes);
  }
  Status remove(const std::string& key) override { return storage_.remove(key); }
  Result<ObjectInfo> stat(const std::string& key) const override { return storage_.stat(key); }
  Result<std::string> stage(const std::string& prefix) override { return storage_.stage(prefix); }
  Status sync(const std::vector<std::string>& keys) override { return storage_.sync(keys); }

  std::set<std::string> unseen;

 private:
  Storage& storage_;
};

}  // namespace

TEST_CASE("a version that a listing missed while it shows a later one is found by its name") {
  TempLake lake;
  for (int i = 1; i <= 5; ++i) {
    const auto add = data_file(lake.path(), "file-" + std::to_string(i));
    REQUIRE(publish(publication(lake, append_payload({add}), i, "one")).ok());
  }
  const LogFolder log = test_log(lake);
  Listed storage(log.storage());
  const LogFolder seen(storage, log.table());
  using Versions = std::vector<std::int64_t>;
  for (const std::set<int>& missed :
       {std::set<int>{0}, std::set<int>{1, 2}, std::set<int>{0, 3}, std::set<int>{0, 1, 2, 3}}) {
    storage.unseen.clear();
    for (const int version : missed) {
      storage.unseen.insert(log.table() + "/_delta_log/" + commit_file_name(version));
    }
    CHECK(seen.list()->commits == Versions{0, 1, 2, 3, 4});
    CHECK(*seen.commits_after(-1) == Versions{0, 1, 2, 3, 4});
    CHECK(*seen.commits_after(1) == Versions{2, 3, 4});
    CHECK(read_snapshot(seen)->files.size() == 5);
  }
  // What is gone stays gone.
  REQUIRE(storage.remove(log.table() + "/_delta_log/" + commit_file_name(2)).ok());
  storage.unseen.clear();
  CHECK(seen.list()->commits == Versions{0, 1, 3, 4});
}
