#include "tests/lakelog/storage_conformance.h"

#include <doctest/doctest.h>

#include <vector>

namespace batuta::lakelog {
namespace {

std::vector<std::string> keys(const Listing& listing) {
  std::vector<std::string> out;
  for (const ObjectInfo& object : listing.objects) out.push_back(object.key);
  return out;
}

using Keys = std::vector<std::string>;

void check_puts(Storage& storage) {
  CHECK(*storage.put_if_absent("a/b/one", "first") == Put::done);
  CHECK(*storage.put_if_absent("a/b/one", "second") == Put::exists);
  CHECK(*storage.read("a/b/one") == "first");
  REQUIRE(storage.put("a/b/one", "third").ok());
  CHECK(*storage.read("a/b/one") == "third");
  REQUIRE(storage.put("top", std::string("\0\xff", 2)).ok());
  CHECK(*storage.read("top") == std::string("\0\xff", 2));
  REQUIRE(storage.put("empty", "").ok());
  CHECK(storage.read("empty")->empty());
}

void check_ranges(Storage& storage) {
  REQUIRE(storage.put("r", "0123456789").ok());
  CHECK(*storage.read("r", {2, 3}) == "234");
  CHECK(*storage.read("r", {8, 100}) == "89");
  CHECK(storage.read("r", {10, 1})->empty());
  CHECK(storage.read("r", {50, 1})->empty());
  CHECK(storage.read("r", {0, 0})->empty());
}

void check_absent(Storage& storage) {
  CHECK(storage.read("none").error().code == Errc::not_found);
  CHECK(storage.read("none/below").error().code == Errc::not_found);
  CHECK(storage.stat("none").error().code == Errc::not_found);
  CHECK(storage.sync({"none"}).error().code == Errc::not_found);
  CHECK(storage.remove("none").ok());
  CHECK(storage.remove("none/below").ok());
  REQUIRE(storage.put("x/gone", "1").ok());
  REQUIRE(storage.remove("x/gone").ok());
  CHECK(storage.read("x/gone").error().code == Errc::not_found);
  CHECK(*storage.put_if_absent("x/gone", "2") == Put::done);
  CHECK(storage.stat("x").error().code == Errc::not_found);  // a prefix is no object
}

void check_lists(Storage& storage) {
  for (const char* key : {"t/b", "t/a", "t/c/1", "t/c/2", "t/d/e/f", "u"})
    REQUIRE(storage.put(key, "12").ok());
  const auto all = storage.list("t/");
  REQUIRE(all.ok());
  CHECK(keys(*all) == Keys{"t/a", "t/b"});
  CHECK(all->prefixes == Keys{"t/c/", "t/d/"});
  CHECK(all->objects[0].size == -1);
  CHECK(storage.list("")->prefixes == Keys{"t/"});
  CHECK(keys(*storage.list("")) == Keys{"u"});
  CHECK(keys(*storage.list("t/", {.start_after = "t/a"})) == Keys{"t/b"});
  const auto one = storage.list("t/", {.limit = 1});
  CHECK(one->objects.size() + one->prefixes.size() == 1);
  CHECK(storage.list("nowhere/")->objects.empty());
  const auto detailed = storage.list("t/", {.details = true});
  CHECK(detailed->objects[0].size == 2);
  CHECK(detailed->objects[0].modified_ms > 1'600'000'000'000);
  // Where objects have one at all, it is another one where the bytes are.
  if (const std::string etag = detailed->objects[0].etag; !etag.empty()) {
    const std::string key = detailed->objects[0].key;
    const std::string bytes = *storage.read(key);
    REQUIRE(storage.put(key, bytes == "xy" ? "yz" : "xy").ok());
    CHECK(storage.list("t/", {.details = true})->objects[0].etag != etag);
    REQUIRE(storage.put(key, bytes).ok());
  }
}

void check_staging(const StorageUnderTest& under_test) {
  Storage& storage = under_test.storage;
  CHECK_FALSE(storage.stage("s/table")->empty());
  under_test.write_staged("s/table/day=1/part-1", "rows");
  REQUIRE(storage.sync({"s/table/day=1/part-1"}).ok());
  CHECK(*storage.read("s/table/day=1/part-1") == "rows");
  CHECK(storage.stat("s/table/day=1/part-1")->size == 4);
  REQUIRE(storage.put("s/table/log", "x").ok());
  CHECK(storage.sync({"s/table/log"}).ok());
}

void check_keys(Storage& storage) {
  for (const char* bad : {"", "/etc/passwd", "a//b", "a/", "./a", "a/../b", ".."}) {
    CAPTURE(bad);
    CHECK(storage.read(bad).error().code == Errc::invalid);
    CHECK(storage.put(bad, "x").error().code == Errc::invalid);
    CHECK(storage.put_if_absent(bad, "x").error().code == Errc::invalid);
    CHECK(storage.remove(bad).error().code == Errc::invalid);
    CHECK(storage.stat(bad).error().code == Errc::invalid);
    CHECK(storage.sync({bad}).error().code == Errc::invalid);
    CHECK(storage.stage(bad).error().code == Errc::invalid);
  }
  for (const char* bad : {"a", "/", "../", "a//"})
    CHECK(storage.list(bad).error().code == Errc::invalid);
}

}  // namespace

void check_storage(const StorageUnderTest& under_test) {
  SUBCASE("an object is there once, whole, and replaced whole") {
    check_puts(under_test.storage);
  }
  SUBCASE("a range ends where the object ends") {
    check_ranges(under_test.storage);
  }
  SUBCASE("what is absent is not found, and removing it is no error") {
    check_absent(under_test.storage);
  }
  SUBCASE("a list shows what lies directly below, in order") {
    check_lists(under_test.storage);
  }
  SUBCASE("a staged object is final once it is synced") {
    check_staging(under_test);
  }
  SUBCASE("what is no key is refused by every operation") {
    check_keys(under_test.storage);
  }
}

}  // namespace batuta::lakelog
