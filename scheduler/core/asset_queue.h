// What a DAG that waits for assets has yet to consume: kept so that an event costs the same,
// however many are queued. Inside this folder only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/time.h"
#include "scheduler/core/asset.h"
#include "scheduler/core/cron.h"

namespace batuta {

// What makes partitions of events, by asset; the mappers are those of a DAG's version.
using AssetMappers = std::map<std::int64_t, const PartitionMapper*>;

class AssetQueue {
 public:
  struct Event {
    std::int64_t id = 0;
    Time queued_at;
    std::string key;  // the event's own; empty: it is of no partition
  };
  // Of one asset under one partition: never empty.
  class Events {
   public:
    const std::map<std::int64_t, Event>& all() const { return all_; }  // by number: oldest first
    std::size_t size() const { return all_.size(); }
    // Of a window that `mapper` rolls up: whether enough of its parts have come. Costs the same
    // whatever is queued where it is the mapper that the queue was told, else as much as the window
    // has parts.
    bool are_enough(const PartitionMapper& mapper, const Zone* zone,
                    const std::string& partition) const;

   private:
    friend class AssetQueue;
    std::map<std::int64_t, Event> all_;
    // Where windows are rolled up, else null:
    const PartitionMapper* mapper_ = nullptr;
    std::map<std::string, std::set<std::int64_t>> parts_;  // that have come; never empty sets
    std::set<std::int64_t> spare_;  // events that are not the newest of their part
    std::size_t came_ = 0;          // parts that the window has
    std::size_t needed_ = 0;
  };
  using Partition = std::map<std::int64_t, Events>;  // by asset; never empty
  struct Place {
    std::string partition;
    std::int64_t asset = 0;
    std::int64_t event = 0;
  };

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // By key; of a DAG without partitions the one "".
  const std::map<std::string, Partition>& partitions() const { return partitions_; }
  std::size_t size_of(std::int64_t asset) const;  // looks at each partition
  std::set<std::int64_t> assets() const;          // likewise

  // False: the event stands there already. `mapper` and zone (null: UTC) stay as long as the queue,
  // or until remap().
  bool add(const std::string& partition, std::int64_t asset, Event event,
           const PartitionMapper* mapper, const Zone* zone);
  // It must stand there.
  void remove(const Place& place);
  // Another version of the DAG: all mappers that were told before are gone.
  void remap(const AssetMappers& mappers, const Zone* zone);

  // What leaves when the queue is full; not of an empty one. The oldest of the asset, and
  // partition, that has most. Every asset keeps one at least, and every window one of each part, so
  // that what the condition says of the queue stays; where none has two, the oldest of all, and
  // what it was queued for with it.
  Place next_to_leave() const;

  // Partitions that are not now as they were when they were taken last: what the condition says of
  // them may be another. In their order; of those that are gone none.
  std::set<std::string> take_changed();
  void look_again();  // all have changed
  // Which partitions meet the condition, as whoever looked at them says; none that are gone.
  void set_due(const std::string& partition, bool due);
  const std::set<std::string>& due() const { return due_; }

 private:
  struct Spare {
    std::size_t count = 0;  // of events that may leave, and one more
    std::int64_t event = 0;
    const std::string* partition = nullptr;  // a key of partitions_
    std::int64_t asset = 0;
    bool operator<(const Spare& other) const;  // leaves before the other
  };
  static Spare spare_of(const std::string& partition, std::int64_t asset, const Events& events);
  void index(const std::string& partition, Events& events, const Event& event);
  void unindex(const std::string& partition, Events& events, const Event& event);

  std::map<std::string, Partition> partitions_;
  std::size_t size_ = 0;
  std::set<Spare> spare_;                // of each asset under each partition
  std::set<std::string> changed_, due_;  // keys of partitions_
  const Zone* zone_ = nullptr;
};

}  // namespace batuta
