// A storage in memory that can lose power: what was not made durable is dropped, kept or torn, as
// a disk would. Every step in which something changes is counted, and the power can be cut at any.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "lakelog/storage.h"

namespace batuta::lakelog {

// Thrown out of the operation under which the power went.
struct PowerCut {};

// Used from one thread.
class MemoryStorage final : public Storage {
 public:
  Result<Listing> list(const std::string& prefix, const ListOptions& options = {}) const override;
  Result<std::string> read(const std::string& key, ByteRange range = {}) const override;
  Result<Put> put_if_absent(const std::string& key, std::string_view bytes) override;
  Status put(const std::string& key, std::string_view bytes) override;
  Status remove(const std::string& key) override;
  Result<ObjectInfo> stat(const std::string& key) const override;
  // A folder that is not there: a test writes with write_staged().
  Result<std::string> stage(const std::string& prefix) override;
  Status sync(const std::vector<std::string>& keys) override;

  // As an engine does through the staging folder: neither bytes nor name are durable.
  void write_staged(const std::string& key, std::string bytes);

  // What is written from now on has this time; see ObjectInfo.
  void set_clock(std::int64_t ms) { clock_ms_ = ms; }

  // From now on nobody is told this object's size and time; empty = all are told again.
  void fail_stat(const std::string& key) { untold_ = key; }

  // From now on the step with this number (the first is 0) does not take place: PowerCut instead.
  void cut_at(std::int64_t step);
  std::int64_t steps() const { return steps_; }

  enum class Loss {
    everything,  // whatever was not durable is gone, removals too
    nothing,     // all of it had reached the disk by chance
    tears,       // names and removals had, bytes had not: such objects are short or hold zeros
    dice,        // each on its own
  };
  // The machine starts again. Everything that is there then is durable.
  void lose_power(Loss loss, std::mt19937& random);
  // The process died, the machine did not: nothing is lost, and the power is no longer cut.
  void restart_process() { cut_ = -1; }

  // The bytes that are there, whole, by key.
  const std::map<std::string, std::string>& objects() const { return live_; }

 private:
  void step();
  void name_is_durable(const std::string& folder);

  std::map<std::string, std::string> live_;
  std::map<std::string, std::string> durable_;   // what a power cut cannot take
  std::map<std::string, bool> synced_;           // of live ones: whether the bytes are durable
  std::map<std::string, std::int64_t> written_;  // when, where it is not the first time
  std::string untold_;
  std::int64_t clock_ms_ = 1'700'000'000'000;
  std::int64_t steps_ = 0;
  std::int64_t cut_ = -1;
};

}  // namespace batuta::lakelog
