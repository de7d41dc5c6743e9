// Looks up what references to secrets refer to, off the control thread, and keeps it for a minute.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/store/secret_reference.h"

namespace batuta {

class AwsSecrets;
class VaultClient;

inline constexpr std::size_t max_secret_bytes = std::size_t{64} << 10;

// One look-up; blocking. Of what a file has or a program prints, without the line's end. An error
// says what failed, never what was read: Errc::forbidden where `sources` do not list it, also when
// a file turns out to lie elsewhere behind a link; Errc::unavailable for all else. A program gets
// our environment without BATUTA_*, no input, and is killed with all it started after `limit`, when
// it prints more than max_secret_bytes, or when `stop` says so. Not of vaults, which a
// SecretLookup asks.
Result<std::string> look_up_secret(const SecretReference& reference, const SecretSources& sources,
                                   Duration limit, const std::function<bool()>& stop);

// Of a reference in the settings themselves, which whoever may write them lists by naming it.
SecretSources sources_for(const SecretReference& reference);

// Any thread. Values are in memory alone.
class SecretLookup : public SecretOpener {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    Duration limit = std::chrono::seconds(10);        // of one look-up
    Duration keep = std::chrono::minutes(1);          // what was found
    Duration keep_failure = std::chrono::seconds(5);  // that nothing was
    Duration patience = std::chrono::seconds(15);     // of value_of(): it may wait for its turn
    // Where too many are known or looked up already, find() says that it is being looked up, and
    // whoever asks again gets its turn; else it is an error.
    bool waits_for_room = false;
    std::shared_ptr<VaultClient> vault{};     // null: there is none
    std::shared_ptr<const AwsSecrets> aws{};  // null: it is not asked
    // For tests.
    std::function<Clock::time_point()> now = Clock::now;
    std::function<Result<std::string>(const SecretReference&)> look{};
  };
  explicit SecretLookup(SecretSources sources);
  SecretLookup(SecretSources sources, Options options);
  ~SecretLookup() override;

  Status check(const SecretReference& reference) const override;
  // Blocks for `patience` at most.
  Result<std::string> value_of(const SecretReference& reference, bool anew) override;
  // Never blocks: nullopt while it is being looked up, which this begins if need be.
  std::optional<Result<std::string>> find(const SecretReference& reference) override;
  // Blocks until it is known, at most `longest`: then Errc::unavailable.
  Result<std::string> wait(const SecretReference& reference, Duration longest);
  // What is known of it is looked up anew by whoever asks next.
  void forget(const SecretReference& reference);
  // No look-up is begun any more, and those under way end.
  void stop();

  FindSecret finder();

 private:
  struct Entry {
    bool pending = true;
    Result<std::string> value = std::string();
    Clock::time_point until{};
  };
  std::optional<Result<std::string>> find_locked(const SecretReference& reference);
  Result<std::string> look(const SecretReference& reference) const;
  bool make_room();
  void run();

  const SecretSources sources_;
  const Options options_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;  // guards what follows
  std::condition_variable work_, done_;
  std::map<SecretReference, Entry> known_;
  std::deque<SecretReference> queue_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
};

}  // namespace batuta
