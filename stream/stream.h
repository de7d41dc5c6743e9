// A stream of records in topics, whoever keeps it: the embedded file log or a broker of Kafka's
// protocol. Every implementation passes tests/stream/stream_conformance.h.
//
// Delivery: a record is durable when `produce` returns; who is told of a failure and produces again
// may have produced twice. Records of one partition are read in the order of their offsets; offsets
// only grow, and may have holes. Readers say themselves where they read from: nothing is taken away
// by reading, and a group's offsets are a note for others (what it has done, how far it lags),
// never the place a reader that must not lose anything starts from.
//
// One thread at a time per object; several objects, in any number of processes, share a topic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/time.h"

namespace batuta::stream {

// Of key, value and headers together. A longer record is Errc::too_large, at the producer.
constexpr std::size_t max_record_bytes = 8 << 20;
constexpr int max_partitions = 1000;

struct Header {
  std::string name, value;
  bool operator==(const Header&) const = default;
};

// No value is a tombstone: the key is deleted. Without a partition the key decides (murmur2, as
// Kafka's own clients do); without a key too the partitions take turns.
struct NewRecord {
  std::optional<std::string> key, value;
  std::vector<Header> headers;
  std::optional<int> partition;
  OptTime time;  // none: when it is produced
};

struct Record {
  int partition = 0;
  std::int64_t offset = 0;
  Time time{};
  std::optional<std::string> key, value;
  std::vector<Header> headers;
};

struct Position {
  int partition = 0;
  std::int64_t offset = 0;
  bool operator==(const Position&) const = default;
};

// By partition: the offset of the next record to read.
using Offsets = std::map<int, std::int64_t>;

// What a partition holds: [first, next). Empty when they are equal.
struct Span {
  std::int64_t first = 0, next = 0;
  bool operator==(const Span&) const = default;
};
using Spans = std::map<int, Span>;

// What to do about an offset that the partition does not hold any more (or never did).
enum class OnGap { fail, earliest, latest };
std::optional<OnGap> parse_on_gap(std::string_view text);  // "fail", "earliest", "latest"
std::string_view to_text(OnGap policy);

// A reader was to go on at `wanted`; the partition holds `kept`; it goes on at `taken`.
struct Gap {
  int partition = 0;
  std::int64_t wanted = 0;
  Span kept;
  std::int64_t taken = 0;
};
// "partition 2: offset 5 is gone, the oldest is 120: 115 offsets were lost", for people.
std::string to_text(const Gap& gap);

struct FetchLimits {
  std::size_t records = 10'000;
  std::size_t bytes = 16 << 20;  // of keys, values, headers; the first record comes even if longer
  Duration wait{};               // for a first record, where there is none yet
  OnGap on_gap = OnGap::fail;
};

struct Batch {
  std::vector<Record> records;  // of one partition in order; partitions in any
  Offsets next;                 // for the next fetch: every partition that was asked for
  std::vector<Gap> gaps;        // told, never silent
  bool at_end = false;          // all that was there when the fetch began has been read
};

struct TopicSettings {
  int partitions = 1;
  std::int64_t segment_bytes = 64 << 20;  // the file log's; at least 4096
  std::int64_t retention_bytes = -1;      // per partition; -1: no bound
  Duration retention{-1};                 // negative: for ever
};

struct TopicInfo {
  std::string name;
  int partitions = 0;
};

class Stream {
 public:
  virtual ~Stream() = default;

  // All topics, by name.
  virtual Result<std::vector<TopicInfo>> topics() = 0;
  // Errc::conflict when there is one of that name, Errc::invalid for a name or setting that cannot
  // be.
  virtual Status create(const std::string& topic, const TopicSettings& settings) = 0;
  // More partitions; those that there are stay. Errc::invalid for fewer.
  virtual Status grow(const std::string& topic, int partitions) = 0;

  // All of them, in the order given per partition; where each one lies. On an error some may be
  // there. Errc::too_large, Errc::invalid (no such partition) before any is; Errc::not_found.
  virtual Result<std::vector<Position>> produce(const std::string& topic,
                                                std::span<const NewRecord> records) = 0;
  // From those positions on, within the limits; never waits for more when there is something.
  // Errc::conflict: a gap, and the policy is to fail. Errc::not_found: topic or partition.
  virtual Result<Batch> fetch(const std::string& topic, const Offsets& from,
                              const FetchLimits& limits) = 0;
  // Notes how far a group is; partitions that are not named stay. Durable on return.
  virtual Status commit(const std::string& group, const std::string& topic,
                        const Offsets& offsets) = 0;
  // What was committed; partitions without a commit are absent.
  virtual Result<Offsets> committed(const std::string& group, const std::string& topic) = 0;
  // What every partition of the topic holds.
  virtual Result<Spans> offsets(const std::string& topic) = 0;
  // The groups that have committed for the topic, by name.
  virtual Result<std::vector<std::string>> groups(const std::string& topic) = 0;
};

struct PartitionLag {
  int partition = 0;
  std::optional<std::int64_t> committed;
  Span kept;
  std::int64_t lag = 0;   // records that it can still read
  std::int64_t lost = 0;  // that went before it read them
};
// How far a group is behind, by partition; a partition without a commit lags by all it holds.
Result<std::vector<PartitionLag>> lag(Stream& stream, const std::string& group,
                                      const std::string& topic);

// 1 to 249 of letters, digits, '.', '_', '-', not beginning with '.': nearly Kafka's rule for
// topics, and ours for groups too, for both are file names here. Errc::invalid; `what` is "topic"
// or "group".
Status check_name(std::string_view what, std::string_view name);
Status check_settings(const TopicSettings& settings);
// Errc::too_large or Errc::invalid, with the index of the record that is wrong.
Status check_records(std::span<const NewRecord> records, int partitions);
std::size_t size_of(const NewRecord& record);
std::size_t size_of(const Record& record);
// Murmur2 over the key, as Kafka's Java client and librdkafka's murmur2_random place it.
int partition_of(std::string_view key, int partitions);

// Where a reader goes on, by what the partitions hold. Pure. Errc::conflict, Errc::not_found.
struct Settled {
  Offsets from;
  std::vector<Gap> gaps;
};
Result<Settled> settle(const std::string& topic, const Offsets& wanted, const Spans& kept,
                       OnGap policy);

// The embedded default: topics below `folder`, which is made when it is missing.
Result<std::unique_ptr<Stream>> open_file_stream(const std::string& folder);

}  // namespace batuta::stream
