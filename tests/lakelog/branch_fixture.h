// A branch of a lake in memory, and what runs on it publish.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "lakelog/branch.h"
#include "lakelog/publish.h"
#include "tests/lakelog/kept_table.h"

namespace batuta::lakelog {

// What a test calls a storage that it owns itself.
std::shared_ptr<Storage> shared(MemoryStorage& storage);

Branch made_branch(Storage& lake, const std::string& name = "fix");

// The names of the files of one version of the table, each of which is there.
std::string live_on(Storage& storage, std::int64_t version = latest_version);

// One file `name` beside what is there, or in the place of `gone`, as a run on the branch does it.
Result<Published> publish_on(MemoryStorage& lake, const Branch& branch, const std::string& name,
                             const std::string& gone = "", std::int64_t number = 1000);

// On a branch at version 2, made when the lake was at 1: a and b, then a and c.
struct Forked {
  KeptTable table;
  Branch branch;
  std::shared_ptr<Storage> seen;
  Forked() {
    table.publish_files({"a"});
    table.publish_files({"b"});
    branch = made_branch(table.storage);
    seen = branch_storage(shared(table.storage), branch.ref());
    const auto done = publish_on(table.storage, branch, "c", "b");
    if (!done.ok()) FAIL(done.error().message);
    CHECK(done->version == 2);
  }
};

}  // namespace batuta::lakelog
