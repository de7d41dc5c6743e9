// What an agent and its slot share: descriptors, a page of memory, and two framed bodies.
//
// The page lets either side decide without waking the other. The agent may hand a slot a few short
// attempts ahead; each has a claim word, and whoever changes it first from `handed` has decided:
// the slot to `started`, or the agent to `recalled`. So a recall is exact, and a slot that dies
// leaves no doubt about which attempts began.
//
// The log pipe carries the plugin's raw output. Two marks stand inside it, both led by `mark_byte`:
//   mark_byte level        a line of host->log begins; level is 'D', 'I', 'W' or 'E'
//   mark_byte 'S' nonce n  from here on the output belongs to attempt n (nonce: 16 bytes, n: 8, LE)
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/message.h"
#include "common/result.h"
#include "worker/plugin_folder.h"

namespace batuta {

inline constexpr int slot_control_fd = 3;
inline constexpr int slot_page_fd = 4;
inline constexpr int slot_lock_fd = 5;

inline constexpr char mark_byte = '\x1e';
inline constexpr std::size_t nonce_bytes = 16;
inline constexpr std::size_t switch_mark_bytes = 2 + nonce_bytes + 8;

// Attempts a slot may hold at once, the running one included.
inline constexpr std::uint64_t slot_window = 16;

enum class Claim : std::uint64_t { handed = 0, started = 1, recalled = 2 };

// One attempt's place on the page. `word` is number * 4 + Claim.
struct ClaimPlace {
  std::atomic<std::uint64_t> word{0};
  std::atomic<std::int64_t> started_boot_us{0};
};

struct SlotPage {
  std::atomic<std::int64_t> agent_tick_us{0};  // boot_us() of the agent's last turn
  std::atomic<std::int64_t> lease_us{0};       // silent for longer: the slot kills its own group
  std::atomic<std::uint64_t> cancelled{0};     // number of the attempt that should stop
  // boot_us() since when the agent has had no scheduler; 0: it has one.
  std::atomic<std::int64_t> scheduler_away_us{0};
  // Checkpoints are numbered by the slot, over all of its attempts; the newest that is durable, and
  // the newest that nobody will keep.
  std::atomic<std::uint64_t> checkpoint_kept{0};
  std::atomic<std::uint64_t> checkpoint_refused{0};
  ClaimPlace places[slot_window];
  char nonce[nonce_bytes] = {};
  // Whole percents that the attempt of the number above them is done with, as it told last; 0: it
  // has told nothing. See progress_word().
  std::atomic<std::uint64_t> progress{0};
  // New ones go here: a slot may be of a newer package than the agent that still runs.

  ClaimPlace& place(std::uint64_t number) { return places[number % slot_window]; }
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(sizeof(SlotPage) <= 4096);

// An attempt's progress, from 0 to 100, as one word that tells whose it is.
inline std::uint64_t progress_word(std::uint64_t number, std::uint64_t percent) {
  return number * 128 + percent;
}
// Of that attempt; -1: it has told none.
inline int progress_of(std::uint64_t word, std::uint64_t number) {
  return word / 128 == number ? static_cast<int>(word % 128) : -1;
}

inline std::uint64_t claim_word(std::uint64_t number, Claim claim) {
  return number * 4 + static_cast<std::uint64_t>(claim);
}

// Agent to slot: one attempt and the file that holds its plugin. Numbers start at 1 and grow by 1.
struct SlotLaunch {
  std::uint64_t number = 0;
  PluginFile file;
  Launch launch;
};
// `encoded_launch`: the body as the scheduler sent it, so that the agent need not encode it again.
std::string encode_slot_launch(std::uint64_t number, const PluginFile& file,
                               std::string_view encoded_launch);
Result<SlotLaunch> decode_slot_launch(std::string_view body);

// Slot to agent: how an attempt ended, or a checkpoint of it.
struct SlotReport {
  std::uint64_t number = 0;
  bool retire = false;  // the slot has grown or leaks: give it nothing more
  Finished finished;
  std::optional<TaskCheckpoint> checkpoint{};  // then the attempt goes on, and nothing else counts
};
std::string encode_slot_report(const SlotReport& report);
Result<SlotReport> decode_slot_report(std::string_view body);

}  // namespace batuta
