// Another key of pseudonyms: every table that has pseudonyms of the old one gets them by the new
// one, in one version each.
//
// Nobody makes the new pseudonym of the old one: it is made of the value, which bronze has. So all
// texts of bronze are hashed by both keys first, and a table is rewritten by that list. Where a
// pseudonym stands of which bronze has no text any more nothing at all is begun.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "plugins/lake/erase_order.h"
#include "plugins/lake/session.h"
#include "stores/lake.h"

namespace batuta::lake {

// The property of a table that says by which key its pseudonyms are; absent: by the first there
// was.
inline constexpr const char* mask_key_property = "batuta.maskKeyId";
// What tells keys apart, and is none: 16 hexadecimal digits.
std::string mask_key_id(Session& session, const std::string& key);

struct RotateOptions {
  std::string key, previous;  // the new one, the old one
  // Of the contracts that name this key.
  ContractFacts facts;
  bool apply = false;       // false: nothing is written, only counted
  std::string info_json{};  // who did it; see lakelog::Change
  std::function<bool()> cancelled{};
  int key_tries = 3000;  // sets of columns that may be the keys of a history, of each one
  // For tests: called before each step that changes something, with its name.
  std::function<void(const char*)> step{};
};

struct RotatedTable {
  std::string table;
  std::vector<std::string> columns;  // that have pseudonyms
  std::int64_t rows = 0;             // with old ones that bronze knows
  std::int64_t unknown = 0;          // pseudonyms of which bronze has no text
  std::int64_t version = -1;         // the one that was put; -1: none
  // Of a history: rows that were written anew with the change_hash of their old pseudonyms, as
  // nobody can tell of which columns it is.
  std::int64_t kept_hashes = 0;
  std::string problem;  // why it cannot be rotated; empty: it can, or is
};

struct Rotation {
  std::int64_t texts = 0;  // of bronze, that were hashed
  std::vector<RotatedTable> tables;
  bool unused = false;  // nothing is under the old key any more
};

// Safe beside runs: each table turns in one version, which refuses whoever read it before (its task
// runs again); silver is written by the key that its table bears. Killed anywhere, another call
// goes on. Throws plugin::FinalError, with nothing begun, where a table cannot be rotated;
// plugin::RetryableError when the storage says no, or others changed a table again and again.
Rotation rotate_key(Session& session, const stores::Lake& lake, const RotateOptions& options);

}  // namespace batuta::lake
