// How a record lies in a segment of the file log. Little-endian:
//
//    0 u32 magic "BTS1"      16 u32 left: records after it in its batch
//    4 u32 CRC-32 of 8..end  20 i64 offset
//    8 u32 size, whole       28 i64 time, microseconds
//   12 u32 index in batch    36 i32 bytes of the key, -1 none    40 i32 of the value, -1 tombstone
//   44 u32 headers, then each: u32 u32 bytes of name and value, name, value; then key; then value
//
// The records of one produce are a batch: there whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "stream/stream.h"

namespace batuta::stream {

constexpr std::size_t record_head = 48;
// A record with its head, and what a thousand headers add.
constexpr std::size_t max_stored_bytes = max_record_bytes + record_head + 1000 * 8;

struct Place {
  std::int64_t offset = 0;
  std::uint32_t index = 0, left = 0;  // in its batch
};

void append_record(std::string& out, const NewRecord& record, const Place& place, Time time);

struct Stored {
  Place place;
  std::size_t size = 0;  // bytes in the segment
};
enum class Look { whole, too_short, broken };
// The record at the beginning of `bytes`: whole, its CRC right; too_short: more bytes are needed to
// tell; broken: no record begins here.
Look look_at(std::string_view bytes, Stored& out);
// Of bytes that look_at() found whole.
Record read_record(std::string_view bytes);

// Whether anywhere in `bytes` a whole record lies that is of another batch than the one that begins
// at offset `first`: then what is broken before it is no torn end.
bool another_batch_follows(std::string_view bytes, std::int64_t first);

}  // namespace batuta::stream
