// What every Storage must do, the file system's and each fake.
#pragma once

#include <functional>
#include <string>

#include "lakelog/storage.h"

namespace batuta::lakelog {

struct StorageUnderTest {
  Storage& storage;  // empty
  // As an engine writes into the staging folder of the key's prefix.
  std::function<void(const std::string& key, const std::string& bytes)> write_staged;
};

// One call for each implementation, from a test case of its own.
void check_storage(const StorageUnderTest& under_test);

}  // namespace batuta::lakelog
