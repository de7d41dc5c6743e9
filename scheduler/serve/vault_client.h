// Secrets of a HashiCorp Vault's KV engine, version 2 or 1, by its HTTP API.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/http_client.h"
#include "common/result.h"
#include "common/time.h"
#include "scheduler/store/secret_reference.h"

namespace batuta {

struct VaultOptions {
  std::string url;         // without a slash at its end
  std::string name_space;  // empty: none
  // Where the token is, looked up for each secret anew, for who put it there may replace it.
  std::optional<SecretReference> token;
  std::string role_id;  // of AppRole, where there is no `token`; empty too: nothing is sent
  std::optional<SecretReference> secret_id;  // looked up for each login anew
  std::string auth = "approle";              // where AppRole is mounted, below auth/
  // For tests.
  std::function<Result<HttpAnswer>(const HttpRequest&)> http = http_call;
  std::function<std::chrono::steady_clock::time_point()> now = std::chrono::steady_clock::now;
};

// Any thread. The token of a login is in memory alone; it is renewed when two thirds of its lease
// are over, and logged in for again when that is refused or it has ended. A renewal that
// gets no answer takes a third of a read's time and 3 s at most, and is tried again after 30 s.
class VaultClient {
 public:
  using Clock = std::chrono::steady_clock;
  explicit VaultClient(VaultOptions options) : options_(std::move(options)) {}

  // `words`: the path behind /v1/, and the field; without one all fields as JSON. Blocks for
  // `limit`, or until `stop` (may be empty) says so. Errors are Errc::unavailable and say what of
  // the vault failed and how to mend it, never what was sent or read.
  Result<std::string> read(const std::vector<std::string>& words, Duration limit,
                           const std::function<bool()>& stop);

 private:
  struct Until {
    Clock::time_point end;
    std::function<bool()> stop;  // may be empty
  };
  struct Login {
    std::string token;
    bool renewable = false;
    Duration lease{};        // as it was last given; zero: without an end
    Duration first_lease{};  // as its login gave it
    Clock::time_point renew_at, ends;
  };
  Result<HttpAnswer> ask(const char* method, const std::string& path, const std::string& token,
                         const std::string& body, const Until& until) const;
  Result<std::string> look_up(const SecretReference& reference, const char* setting,
                              const Until& until) const;
  Result<std::string> token(const std::string& refused, const Until& until);
  void renew(const Until& all);
  Result<Login> log_in(const Until& until) const;
  void take_lease(Login& login, const nlohmann::json& auth) const;
  Error failed(const std::string& why) const;
  Error refusal_of(const std::string& path, const HttpAnswer& answer) const;
  Result<std::string> value_of(const std::vector<std::string>& words,
                               const HttpAnswer& answer) const;

  const VaultOptions options_;
  mutable HttpConnections connections_;
  std::mutex mutex_;
  std::condition_variable free_;
  bool taken_ = false;  // by who asks for the token, or logs in: what follows is theirs meanwhile
  std::optional<Login> login_;
};

}  // namespace batuta
