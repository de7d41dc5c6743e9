#include "stream/spool.h"

#include <sys/file.h>

#include <algorithm>
#include <charconv>

#include "common/failpoint.h"
#include "stream/files.h"

namespace batuta::stream {
namespace {

constexpr std::int64_t least_bytes = 1 << 20;
constexpr std::size_t sent_together = 1000;
constexpr std::size_t bytes_together = 4 << 20;
// The log has no room for a partition that was asked for: it travels as a header.
constexpr const char* partition_header = "batuta-spool-partition";

std::size_t stored_bytes(std::span<const NewRecord> records) {
  std::size_t bytes = 0;
  for (const NewRecord& one : records) {
    bytes += record_head + size_of(one) + 8 * (one.headers.size() + 1) + 32;
  }
  return bytes;
}

NewRecord to_send(Record&& record) {
  NewRecord out;
  out.key = std::move(record.key);
  out.value = std::move(record.value);
  out.time = record.time;
  for (Header& header : record.headers) {
    int partition = 0;
    const char* end = header.value.data() + header.value.size();
    if (header.name == partition_header &&
        std::from_chars(header.value.data(), end, partition).ptr == end) {
      out.partition = partition;
    } else {
      out.headers.push_back(std::move(header));
    }
  }
  return out;
}

}  // namespace

Spool::Spool(std::string folder, std::int64_t max_bytes)
    : folder_(std::move(folder)), max_bytes_(max_bytes), log_(folder_ + "/log", 0) {}

Result<std::unique_ptr<Spool>> Spool::open(const std::string& folder, std::int64_t max_bytes) {
  if (max_bytes < least_bytes) {
    return {Errc::invalid, "a spool takes 1 MiB at least, not " + std::to_string(max_bytes)};
  }
  if (Status made = make_folder(folder + "/log"); !made) return made.error();
  return std::unique_ptr<Spool>(new Spool(folder, max_bytes));
}

LogBounds Spool::bounds() const {
  LogBounds out;
  out.segment_bytes = std::max<std::int64_t>(max_bytes_ / 16, 64 << 10);
  return out;
}

Result<std::int64_t> Spool::sent() const {
  const auto text = read_small_file(folder_ + "/sent");
  if (!text) {
    if (text.error().code == Errc::not_found) return std::int64_t{0};
    return text.error();
  }
  std::int64_t offset = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), offset);
  if (error != std::errc() || end != text->data() + text->size() || offset < 0) {
    return {Errc::internal, folder_ +
                                "/sent holds no offset; remove it, and all that the spool "
                                "still has is sent again"};
  }
  return offset;
}

Status Spool::put(std::span<const NewRecord> records) {
  if (records.empty()) return success();
  if (Status good = check_records(records, max_partitions); !good) return good;
  const auto lock = FileLock::take(folder_ + "/put.lock", true);
  if (!lock) return lock.error();
  const auto used = log_.bytes();
  if (!used) return used.error();
  const auto wanted = static_cast<std::int64_t>(stored_bytes(records));
  if (*used + wanted > max_bytes_) {
    const auto now = state();
    std::string told = "the spool " + folder_ + " is full: ";
    if (now) {
      told += std::to_string(now->waiting) + " records wait" +
              (now->oldest ? " since " + to_iso(*now->oldest) : std::string()) + ", ";
    }
    return {Errc::rate_limited, told + std::to_string(*used) + " of " + std::to_string(max_bytes_) +
                                    " bytes are taken"};
  }
  std::vector<NewRecord> kept(records.begin(), records.end());
  std::vector<const NewRecord*> batch;
  for (NewRecord& one : kept) {
    if (one.partition) one.headers.push_back({partition_header, std::to_string(*one.partition)});
    batch.push_back(&one);
  }
  const auto first = log_.append(batch, bounds(), read_clock().wall);
  return first ? success() : Status(first.error());
}

Result<std::int64_t> Spool::drain(Stream& stream, const std::string& topic, std::int64_t most) {
  auto file = open_or_create(folder_ + "/drain.lock");
  if (!file) return file.error();
  if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
    return {Errc::conflict, "another process sends what the spool " + folder_ + " holds"};
  }
  std::int64_t done = 0;
  while (done < most) {
    const auto span = log_.span();
    if (!span) return span.error();
    const auto from = sent();
    if (!from) return from.error();
    const std::int64_t begin = std::max(*from, span->first);
    if (begin >= span->next) break;
    std::vector<NewRecord> batch;
    std::size_t bytes = 0;
    const auto next = log_.read(begin, span->next, [&](Record&& record) {
      const std::size_t size = size_of(record);
      const bool full = batch.size() >= sent_together ||
                        static_cast<std::int64_t>(batch.size()) >= most - done ||
                        (!batch.empty() && bytes + size > bytes_together);
      if (full) return false;
      bytes += size;
      batch.push_back(to_send(std::move(record)));
      return true;
    });
    if (!next) return next.error();
    const auto produced = stream.produce(topic, batch);
    if (!produced) return produced.error();
    failpoint("spool_before_note");
    if (Status noted = replace_file(folder_ + "/sent", std::to_string(*next)); !noted) {
      return noted.error();
    }
    if (Status dropped = log_.drop_before(*next); !dropped) return dropped.error();
    done += static_cast<std::int64_t>(batch.size());
  }
  return done;
}

Result<SpoolState> Spool::state() {
  const auto span = log_.span();
  if (!span) return span.error();
  const auto from = sent();
  if (!from) return from.error();
  const auto bytes = log_.bytes();
  if (!bytes) return bytes.error();
  SpoolState out;
  out.bytes = *bytes;
  const std::int64_t begin = std::max(*from, span->first);
  out.waiting = std::max<std::int64_t>(0, span->next - begin);
  if (out.waiting == 0) return out;
  const auto read = log_.read(begin, begin + 1, [&](Record&& record) {
    out.oldest = record.time;
    return true;
  });
  if (!read) return read.error();
  return out;
}

}  // namespace batuta::stream
