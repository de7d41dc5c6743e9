#include "tests/store/store_conformance.h"

#include "tests/support/memory_store.h"

namespace batuta::test {
namespace {

class SqliteHarness {
 public:
  Store& store() { return *store_; }
  void reopen() {
    store_.reset();
    store_ = open_store(folder_.file("batuta.db"));
  }

 private:
  TempFolder folder_;
  std::unique_ptr<SqliteStore> store_ = open_store(folder_.file("batuta.db"));
};

class MemoryHarness {
 public:
  Store& store() { return store_; }
  void reopen() {}

 private:
  MemoryStore store_;
};

BATUTA_STORE_CONFORMANCE(SqliteHarness, MemoryHarness);

}  // namespace
}  // namespace batuta::test
