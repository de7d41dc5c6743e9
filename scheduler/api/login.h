// The parts of logging in that are not requests: one-time codes, the brake on guessing, CSRF
// tokens.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/time.h"

namespace batuta::http {

// Codes for the link that the start prints ("…/#login=<code>"). Only hashes are kept. Any thread.
class LoginCodes {
 public:
  static constexpr Duration lifetime = std::chrono::minutes(10);

  // A fresh code (32 random bytes, base64url) that logs `user` in once. At most 16 are alive; the
  // oldest gives way.
  std::string issue(std::string user, Time now);
  // The user, and the code is spent; nullopt when unknown, spent or old.
  std::optional<std::string> redeem(std::string_view code, Time now);

 private:
  struct Code {
    std::string hash;
    std::string user;
    Time expires;
  };
  std::mutex mutex_;
  std::deque<Code> codes_;  // oldest first; guarded by mutex_
};

// Slows down guessing without ever touching tokens: those who are logged in stay so. It is the
// guesser who waits, a name from an address; what bounds many names from an address, and a name
// from many addresses, is so wide that an office behind one proxy does not meet it, and does not
// hold up those who have logged in from there before. Single-threaded; every map is bounded.
class LoginLimiter {
 public:
  struct Limits {
    int per_account_and_address = 5;  // failures within the window
    int per_address = 200;
    int per_account = 100;
    Duration window = std::chrono::minutes(1);
    std::size_t entries = 4096;  // per map
  };
  LoginLimiter() : LoginLimiter(Limits{}) {}
  explicit LoginLimiter(Limits limits) : limits_(limits) {}

  // Whole seconds to wait before a try is looked at, or nullopt when it may go on.
  std::optional<int> blocked(const std::string& account, const std::string& address, Time now);
  // Every try counts when it begins, so that many at once cannot slip through together.
  void began(const std::string& account, const std::string& address, Time now);
  // A right password gives the account and address their tries back, and the two are remembered.
  void succeeded(const std::string& account, const std::string& address, Time now);

 private:
  struct Count {
    int tries = 0;
    Time since;
  };
  using Counts = std::map<std::string, Count, std::less<>>;
  std::optional<int> wait(const Counts& counts, const std::string& key, int limit, Time now) const;
  // The entry of `key`, fresh unless there is one. When all are taken the one with the fewest tries
  // goes, so that many names do not wash away who is braked.
  Count& entry(Counts& counts, const std::string& key) const;
  void count(Counts& counts, const std::string& key, Time now) const;

  Limits limits_;
  Counts pairs_, addresses_, accounts_;
  Counts welcome_;  // pairs that got in; `since`: the last time
};

// How many logins are written into the event log: nobody must be able to fill it, strangers with
// guesses no more than a user with a script.
// Single-threaded.
class AuditBrake {
 public:
  static constexpr int burst = 30;
  static constexpr Duration refill = std::chrono::minutes(1);  // for one more

  // How many were left out since the last one that was written, or nullopt: leave this one out.
  std::optional<int> admit(Time now);

 private:
  int left_ = burst;
  Time since_;
  int left_out_ = 0;
};

// The value the page sends back in X-CSRF-Token: one-way from the session's token, so that it needs
// no storing and survives a restart.
std::string csrf_token(std::string_view session_token);
// Compares in time that depends only on the lengths.
bool same_secret(std::string_view a, std::string_view b);

}  // namespace batuta::http
