// One partition of the file log: a folder of segments, each named after the offset that it begins
// with (20 digits, ".log"), and a lock file. Appends and repairs happen under the exclusive lock.
// A reader takes the shared lock only to find out how far the partition is whole, and syncs what it
// is about to hand out, so that nobody acts on what a power cut could take back.
//
// What a killed producer left behind at the end is set aside (".torn-<offset>-<bytes>" beside the
// segment) by the next one, and said in the log. What is broken anywhere else is an error.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "common/fd.h"
#include "common/result.h"
#include "common/time.h"
#include "stream/record_codec.h"
#include "stream/stream.h"

namespace batuta::stream {

struct LogBounds {
  std::int64_t segment_bytes = 64 << 20;
  std::int64_t retention_bytes = -1;
  Duration retention{-1};
};

// One thread at a time.
class PartitionLog {
 public:
  PartitionLog(std::string folder, int partition)
      : folder_(std::move(folder)), partition_(partition) {}

  // Durable on return: all of them or, after an error, none that a reader would see. The offset of
  // the first. Applies the retention when a new segment begins. Records are within their limits.
  Result<std::int64_t> append(std::span<const NewRecord* const> records, const LogBounds& bounds,
                              Time now);
  // What can be read, all of it durable.
  Result<Span> span();
  // Records from `from` up to, not including, `end`, one after the other, until `taker` says false
  // of one, which then is not read. Both lie within what span() told. Errc::not_found: retention
  // has taken the segment meanwhile. Errc::internal: what lies there is broken.
  Result<std::int64_t> read(std::int64_t from, std::int64_t end,
                            const std::function<bool(Record&&)>& taker);
  // Removes whole segments that the bounds do not keep; the newest record always stays readable
  // unless time has taken all.
  Status retain(const LogBounds& bounds, Time now);
  // Removes whole segments all of whose records lie before `offset`; where that is all there is,
  // the last one too.
  Status drop_before(std::int64_t offset);
  // Of all segments.
  Result<std::int64_t> bytes();

 private:
  std::string segment_path(std::int64_t base) const;
  Status list_segments();
  Status open_last();
  Status find_end(bool may_repair);
  Status set_aside(std::int64_t size);
  Status roll();
  Error taken_back(Error failure);
  Status retain_locked(const LogBounds& bounds, Time now);
  Result<std::int64_t> read_segment(std::int64_t base, std::int64_t from, std::int64_t end,
                                    const std::function<bool(Record&&)>& taker, bool& stopped);

  std::string folder_;
  int partition_;
  std::vector<std::int64_t> bases_;  // as last listed
  // The last segment, and how far it is known to be whole.
  UniqueFd last_;
  std::int64_t base_ = -1, valid_ = 0, next_ = 0;
  bool synced_ = true;
  // Where the last read ended, so that the next need not look for its place.
  std::int64_t cursor_base_ = -1, cursor_offset_ = 0, cursor_at_ = 0;
};

}  // namespace batuta::stream
