// Passwords in a run's conf (params with "format": "password"), as the store keeps them: each
// sealed with the installation's key in its own place, so that whoever prints a conf without
// thinking of it prints no secret.
//
//   {"day":"2024-05-01","token":{"batuta:sealed":"<base64url>"}}
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "scheduler/core/event.h"
#include "scheduler/store/crypto.h"

namespace batuta {

// Seals the texts of `names` in a conf that has been checked; empty ones are no secrets. Bound to
// DAG and name: a box opens nowhere else. False when there was none.
bool seal_conf(const SecretKey& key, const std::string& dag_id,
               const std::vector<std::string>& names, std::string& conf_json);

// The same of a run that is asked for. The digest that is kept to know a request again is then
// keyed, for a bare one of its body would let weak passwords be guessed; its idempotency key stays,
// so it must hold nothing of the body.
void seal_request(const SecretKey& key, const std::vector<std::string>& names,
                  RunRequested& request);

// Whether there may be boxes in it; quick.
bool may_hold_boxes(const std::string& conf_json);

struct OpenedConf {
  std::string json;
  std::vector<std::string> hidden;  // to be masked wherever the conf goes
  std::vector<std::string> closed;  // names of what the key does not open: stays as it is
};
// nullopt: nothing in it is sealed.
std::optional<OpenedConf> open_conf(const SecretKey& key, const std::string& dag_id,
                                    const std::string& conf_json);

// From one key to another. False when the first did not open all of it: what it did not stays.
bool reseal_conf(const SecretKey& from, const SecretKey& to, const std::string& dag_id,
                 std::string& conf_json);

// What people may see of a conf: "***" in the place of each password.
std::string shown_conf(std::string conf_json);

}  // namespace batuta
