// A new secret.key: whatever is sealed is sealed anew, in one transaction. Beside <key> lie, while
// that goes on and after it:
//
//   <key>.new           the new key, until it is <key>
//   <key>.<16 digits>   a key that was, by a digest of it: copies of the store made before need it
//
// Whoever opens a store calls settle_key() first. So a rotation that was killed is taken back or
// brought to its end, and a copy of before a rotation opens.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/time.h"

namespace batuta {

class Database;

struct RotatedKey {
  std::int64_t sealed = 0;  // values that are sealed with the new key
  std::int64_t closed =
      0;             // results and confs that the old key did not open: they stay as they are
  std::string kept;  // the path of the old key
};

// Called after each step that a kill could come behind; tests end the process in it.
using RotationStep = std::function<void(const char* step)>;

// The store at `path`, which nobody else has open: hold the home's lock. A rotation that was not
// committed goes on with the key it made. StoreError with what to do, nothing changed, when the
// key is missing or does not open a variable or connection, or the disk is full.
RotatedKey rotate_key(const std::string& path, const std::string& key_path, Time now,
                      const RotationStep& after = {});

// Makes the key at `key_path` the one that opens the store: when it does not, and a key beside it
// does, that takes its place and the one that was there is kept. Nothing to do where none does, or
// nothing tells. StoreError when files cannot be moved.
void settle_key(Database& db, const std::string& key_path);

}  // namespace batuta
