// Which publications the outbox owes, and what may run now: pure bookkeeping, no threads, no clock.
//
// Order: serial per table, parallel across tables; the publications of one attempt go in their
// listed order even across tables. Acceptance gives every table the same order
// of attempts, so these two rules cannot wait for each other in a circle.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scheduler/core/rows.h"

namespace batuta {

struct OutboxItem {
  OutboxRow row;
  PublicationRow publication;
};

class OutboxQueue {
 public:
  // Ids already known are ignored, so a reload may repeat them.
  void add(OutboxItem item);
  // Settled, refused or dropped: forgets it; a running one is forgotten when it is put back.
  void remove(std::int64_t outbox_id);
  // The next item that may run at `now`, marked as running. Lowest id first.
  std::optional<OutboxItem> take(Time now);
  // It needs another try at item.row.next_try_at; false when it was removed meanwhile.
  bool put_back(OutboxItem item);
  // It is carried out. It stays, blocking what must come after it, until remove().
  void carried_out(std::int64_t outbox_id);
  // The store was read again: what is not in `pending` is gone, and results that were handed over
  // but did not reach the store are worked out once more.
  void resync(std::vector<OutboxItem> pending);
  // Lets an item that waits for its next try go at once (`outbox retry`).
  void retry_now(std::int64_t outbox_id);
  // When the earliest waiting item is due; nullopt when nothing waits for time.
  OptTime next_due() const;
  std::size_t size() const { return items_.size(); }

 private:
  enum class Phase { waiting, running, carried_out };
  struct Entry {
    OutboxItem item;
    Phase phase = Phase::waiting;
  };
  bool first_of_attempt(const PublicationRow& publication) const;

  std::map<std::int64_t, Entry> items_;                                    // by id
  std::map<std::string, std::set<std::int64_t>> by_table_;                 // table -> ids
  std::map<AttemptKey, std::map<std::int32_t, std::int64_t>> by_attempt_;  // position -> id
};

}  // namespace batuta
