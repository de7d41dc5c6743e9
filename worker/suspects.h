// Which attempts were running when an agent died. One of them may have killed it, and would kill
// the next one with everybody in it: so after five such deaths an attempt runs while nothing else
// does. If it is the one, it takes nobody along any more, and the scheduler's limit of losses ends
// it.
//
// What runs stands in a mapped file, which costs a few stores an attempt and outlives the process:
// <run>/agent-<id>.running, read by whoever comes after when the agent's lock is free. The tally is
// <run>/suspects, one line per task instance.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/message.h"
#include "common/result.h"

namespace batuta {

// The agent's own list. Not thread-safe.
class RunningJournal {
 public:
  RunningJournal() = default;
  ~RunningJournal();  // takes the file away: an agent that ends by itself was not killed
  RunningJournal(const RunningJournal&) = delete;
  RunningJournal& operator=(const RunningJournal&) = delete;

  // Without it nothing is noted, and nobody suspected.
  Status open(const std::string& path);

  struct Entry {
    std::int64_t run = 0;
    std::uint32_t task = 0;
    std::int32_t map_index = -1;
    std::uint64_t used = 0;  // 0: no entry
  };
  // The entry's place, to be given to clear(); -1 when there is no room.
  int note(const Launch& launch);
  void clear(int place);

 private:
  std::string path_;
  Entry* entries_ = nullptr;
  std::vector<int> free_;
};

// Adds up what dead agents left in `run_folder`. Any agent of the host, at its start and before
// deaths_during; a lock keeps them apart.
void collect_journals(const std::string& run_folder);
// How many agents died while the launch's task instance ran there.
int deaths_during(const std::string& run_folder, const Launch& launch);
// It has ended in an orderly way: nothing is held against it any more.
void forgive(const std::string& run_folder, const Launch& launch);

}  // namespace batuta
