// A durable, bounded queue on disk in front of a topic: who produces goes on while the broker is
// away, and stops, told why, when the queue is full. In order; nothing is dropped.
//
// What was put is on disk. What was sent is noted after the broker has it, so that a drain that
// dies between the two sends its last batch again: readers that must not see a record twice tell
// records apart by key or content, as silver does. Any number of processes put; one drains at a
// time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "stream/partition_log.h"
#include "stream/stream.h"

namespace batuta::stream {

struct SpoolState {
  std::int64_t put = 0;      // records that ever were
  std::int64_t waiting = 0;  // of them, not sent
  std::int64_t bytes = 0;    // on disk; what was sent leaves in pieces of a sixteenth of the bound
  OptTime oldest;            // when the first that waits was put
};

// Trying again helps nothing: the record itself is refused, or who sends it.
bool is_final(Errc code);
// Of these: who sends it.
bool may_not_send(Errc code);

class Spool {
 public:
  // The folder is made when it is missing; `max_bytes` (1 MiB at least) is what it may take on
  // disk.
  static Result<std::unique_ptr<Spool>> open(const std::string& folder,
                                             std::int64_t max_bytes = std::int64_t{1} << 30);

  // What waits is for one topic: `target` names it and where it lies, and is noted at the first
  // call. Errc::conflict: the spool is another one's, which the message names.
  Status bind(const std::string& target);
  // All of them or none, durable on return. Errc::rate_limited: it is full; how much waits, and
  // since when, is in the message. Nothing is put then: try again when something has been sent.
  Status put(std::span<const NewRecord> records);
  // Sends what waits, oldest first, at most `most` records; how many were sent. The error of the
  // first produce that fails; what was sent before stays sent. Errc::conflict: another drains.
  // What never will be taken as it is (is_final()) is told with the record's offset in the spool,
  // after all before it was sent.
  Result<std::int64_t> drain(Stream& stream, const std::string& topic,
                             std::int64_t most = 1'000'000);
  // The same, but the first record that never will be taken moves to the topic "refused" of the
  // embedded log in <folder>/stream; false: there was none, and all that waits was sent.
  Result<bool> skip(Stream& stream, const std::string& topic);
  Result<SpoolState> state();

 private:
  Spool(std::string folder, std::int64_t max_bytes);
  Result<std::int64_t> sent() const;
  LogBounds bounds() const;
  Result<std::int64_t> drain_locked(Stream& stream, const std::string& topic, std::int64_t most);
  Result<std::size_t> send(Stream& stream, const std::string& topic,
                           std::span<const NewRecord> batch, std::int64_t first);
  Status note(std::int64_t next);

  std::string folder_;
  std::int64_t max_bytes_;
  PartitionLog log_;
};

}  // namespace batuta::stream
