// A task's return value that holds secrets, as the store keeps it: sealed with the installation's
// key, and beside it what people may see. So neither the database nor a backup nor the page shows
// more than the task's log, and the tasks after it get the value all the same.
//
//   {"batuta:sealed":"<base64url>","shown":<JSON>}
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/message.h"
#include "scheduler/store/crypto.h"

namespace batuta {

// Replaces result_json by its sealed form when the report names secrets in it (`shown_json`), and
// forgets both. Bound to the run: it opens in no other.
void seal_result(const SecretKey& key, Finished& report);

struct OpenedValue {
  std::string json;
  std::vector<std::string> hidden;  // to be masked wherever the value goes
};
// nullopt: not sealed (then it is its own value), or not for this run and key.
std::optional<OpenedValue> open_value(const SecretKey& key, RunSeq run, std::string_view stored);

// From one key to another. False, and unchanged, when the first does not open it.
bool reseal_value(const SecretKey& from, const SecretKey& to, RunSeq run, std::string& stored);

inline constexpr std::string_view sealed_head = "{\"batuta:sealed\":\"";
inline bool is_sealed(std::string_view stored) {
  return stored.starts_with(sealed_head);
}

// What people may see of a stored value: itself, unless it is sealed.
std::string shown_value(std::string stored);

}  // namespace batuta
