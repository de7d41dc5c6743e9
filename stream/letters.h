// Dead letters in their topic (<topic>.dlq): which are open, and what becomes of them.
//
// A letter is a record with the headers below. What was done with one is a record too, behind it in
// the same topic: without a value, keyed by the letter's place, with the header batuta-dlq-done. So
// the topic tells its own history, whoever keeps it, and every command begins by reading it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "stream/stream.h"

namespace batuta::stream {

namespace letter_header {
inline constexpr const char* topic = "batuta-dlq-topic";
inline constexpr const char* partition = "batuta-dlq-partition";
inline constexpr const char* offset = "batuta-dlq-offset";
inline constexpr const char* reason = "batuta-dlq-reason";
inline constexpr const char* message = "batuta-dlq-message";
inline constexpr const char* first_seen = "batuta-dlq-first-seen";
inline constexpr const char* moved = "batuta-dlq-moved";
inline constexpr const char* attempt = "batuta-dlq-attempt";
inline constexpr const char* contract_version = "batuta-dlq-contract-version";
inline constexpr const char* value = "batuta-dlq-value";  // why the letter has none
inline constexpr const char* done = "batuta-dlq-done";    // replayed, repaired, discarded
inline constexpr const char* note = "batuta-dlq-note";
}  // namespace letter_header

struct Letter {
  Position at;                           // in the topic of dead letters
  std::string topic, partition, offset;  // where it came from
  std::string reason, message, first_seen, moved, contract_version;
  std::int64_t attempt = 1;
  std::string no_value;  // why the letter does not hold what was sent; empty: it does
  Record record;         // key, value and headers as they were sent, without ours
};

// "2:17": a letter's place, as people name it. nullopt for anything else.
std::string place_text(const Position& at);
std::optional<Position> parse_place(std::string_view text);

// Every letter that nothing was done with yet, in the order of the topic, to `each` until it says
// false. Of letters of one record and attempt, which a run that was tried again leaves twice, the
// first. Holds the places of at most a million letters (Errc::too_large). The topic is read twice:
// `stop` is asked before each fetch, and ends it with Errc::unavailable.
Status each_open_letter(
    Stream& stream, const std::string& topic, const std::function<bool(const Letter&)>& each,
    const std::function<bool()>& stop = [] { return false; });

// Sends it to where it came from, with its history in headers, then notes "replayed"; with a value
// that takes the place of its own, "repaired". Dying between the two leaves it open, and it may be
// sent twice. Errc::conflict: it does not hold its value, and none is given.
Status send_again(Stream& stream, const std::string& topic, const Letter& letter,
                  const std::optional<std::string>& value = std::nullopt);
// Notes that it is given up. `note` says why.
Status discard(Stream& stream, const std::string& topic, const Letter& letter,
               const std::string& note);

}  // namespace batuta::stream
