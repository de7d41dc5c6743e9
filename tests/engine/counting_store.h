// A store in memory that counts what is asked of it, and may be unreadable.
#pragma once

#include "tests/support/memory_store.h"

namespace batuta::test {

class CountingStore : public MemoryStore {
 public:
  using MemoryStore::MemoryStore;
  StoredState load() override {
    ++loads;
    if (unreadable) throw StoreError("no answer", true);
    return MemoryStore::load();
  }
  Answers read(const Questions& questions) override {
    ++reads;
    if (unreadable) throw StoreError("no answer", true);
    return MemoryStore::read(questions);
  }
  int loads = 0;
  int reads = 0;
  bool unreadable = false;
};

}  // namespace batuta::test
