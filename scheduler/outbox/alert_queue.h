// Which alerts go next, and which of them in one message: pure bookkeeping, no threads, no clock.
//
// One message at a time per connection. DAGs of a connection take turns, so that nothing of one
// waits behind another's storm; what a DAG has waiting for the same channel goes as one message.
// Where an interval is asked for, a group that has sent is closed for so long: what comes meanwhile
// goes together when it opens.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scheduler/core/rows.h"

namespace batuta {

class AlertQueue {
 public:
  // What one message takes along: rows, and bytes of their payloads (Slack cuts a text at 40,000
  // characters without saying so).
  static constexpr std::size_t max_rows = 100;
  static constexpr std::size_t max_bytes = 24 << 10;

  // `together`: false sends each alert in a message of its own.
  explicit AlertQueue(bool together = true) : together_(together) {}

  // An id already known is ignored, so a reload may repeat it.
  void add(OutboxRow row);
  // Sent, given up or dropped: forgets it; a running one is forgotten when it is put back.
  void remove(std::int64_t outbox_id);
  // The alerts of the next message that may go at `now`, marked as running, oldest first; empty
  // when there is none.
  std::vector<OutboxRow> take(Time now);
  // It needs another try at row.next_try_at; false when it was removed meanwhile. `alone`: in a
  // message of its own, for one with others was refused.
  bool put_back(OutboxRow row, bool alone);
  // Nothing goes to this connection before `until`.
  void hold(const std::string& connection, Time until);
  // Lets an alert that waits, and its connection, go at once.
  void retry_now(std::int64_t outbox_id);
  // The store was read again: what is not in `pending` is gone.
  void resync(std::vector<OutboxRow> pending);
  // When the earliest waiting alert is due; nullopt when nothing waits for time.
  OptTime next_due() const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    OutboxRow row;
    std::string group;  // DAG, channel and name of the sender
    Duration every{};
    bool running = false;
    bool alone = false;
  };
  struct Group {
    std::uint64_t turn = 0;  // when it had one last, or came
    std::set<std::int64_t> ids;
    OptTime closed_until{};   // what has not been tried yet waits
    std::int64_t opened = 0;  // what goes before it closes: ids up to this one; 0: it is not open
  };
  struct Lane {
    std::map<std::string, Group> groups;
    std::size_t running = 0;
    OptTime held_until;
  };
  static void open_groups(Lane& lane, Time now);
  Lane* next_lane(Time now, std::string& group);
  std::optional<std::int64_t> first_due(const Group& group, Time now) const;
  bool may_go(const Entry& entry, const Group& group, Time now) const;
  static void close_when_done(Group& group, Duration every, Time now,
                              const std::map<std::int64_t, Entry>& entries);
  void stop_running(Entry& entry);

  const bool together_;
  std::map<std::int64_t, Entry> entries_;  // by id
  std::map<std::string, Lane> lanes_;      // by connection
  std::uint64_t turns_ = 0;
};

}  // namespace batuta
