#include "stream/spool.h"

#include <sys/file.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "common/failpoint.h"
#include "stream/files.h"

namespace batuta::stream {
namespace {

constexpr std::int64_t least_bytes = 1 << 20;
constexpr std::size_t sent_together = 1000;
constexpr std::size_t bytes_together = 4 << 20;
// The log has no room for a partition that was asked for: it travels as a header.
constexpr const char* refused_topic = "refused";
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
  const auto root = make_root(folder);
  if (!root) return root.error();
  if (Status made = make_folder(*root + "/log"); !made) return made.error();
  return std::unique_ptr<Spool>(new Spool(*root, max_bytes));
}

bool is_final(Errc code) {
  return code == Errc::invalid || code == Errc::too_large || may_not_send(code);
}

bool may_not_send(Errc code) {
  return code == Errc::forbidden || code == Errc::unauthenticated;
}

Status Spool::bind(const std::string& target) {
  const auto lock = FileLock::take(folder_ + "/put.lock", true);
  if (!lock) return lock.error();
  const std::string path = folder_ + "/topic";
  const auto known = read_small_file(path);
  if (!known && known.error().code == Errc::not_found) return replace_file(path, target);
  if (!known) return known.error();
  if (*known == target) return success();
  return {Errc::conflict, "the spool " + folder_ + " is for " + *known + ", not for " + target +
                              ": take another folder, or, where what waits is to go there after "
                              "all, remove the file topic in it"};
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
  std::vector<NewRecord> kept(records.begin(), records.end());
  for (NewRecord& one : kept) {
    if (one.partition) one.headers.push_back({partition_header, std::to_string(*one.partition)});
  }
  if (Status good = check_records(kept, max_partitions); !good) return good;
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
  std::vector<const NewRecord*> batch;
  for (const NewRecord& one : kept) batch.push_back(&one);
  const auto first = log_.append(batch, bounds(), read_clock().wall);
  return first ? success() : Status(first.error());
}

// How many of them the topic took: all, or fewer where a later one never will be taken.
Result<std::size_t> Spool::send(Stream& stream, const std::string& topic,
                                std::span<const NewRecord> batch, std::int64_t first) {
  for (;;) {
    const auto produced = stream.produce(topic, batch);
    if (produced) return batch.size();
    Error failed = produced.error();
    if (!is_final(failed.code)) return failed;
    if (batch.size() == 1) {
      failed.message = "record " + std::to_string(first) + " of the spool " + folder_ +
                       " is refused, and keeps back what comes after it: " + failed.message;
      return failed;
    }
    batch = batch.first(batch.size() / 2);
  }
}

Status Spool::note(std::int64_t next) {
  if (Status noted = replace_file(folder_ + "/sent", std::to_string(next)); !noted) return noted;
  return log_.drop_before(next);
}

namespace {

Result<UniqueFd> drain_lock(const std::string& folder) {
  auto file = open_or_create(folder + "/drain.lock");
  if (!file) return file.error();
  if (::flock(file->get(), LOCK_EX | LOCK_NB) != 0) {
    return {Errc::conflict, "another process sends what the spool " + folder + " holds"};
  }
  return file;
}

}  // namespace

Result<std::int64_t> Spool::drain(Stream& stream, const std::string& topic, std::int64_t most) {
  const auto lock = drain_lock(folder_);
  if (!lock) return lock.error();
  return drain_locked(stream, topic, most);
}

Result<bool> Spool::skip(Stream& stream, const std::string& topic) {
  const auto lock = drain_lock(folder_);
  if (!lock) return lock.error();
  const auto drained = drain_locked(stream, topic, std::numeric_limits<std::int64_t>::max());
  if (drained) return false;
  // Whoever may not send at all has no record that is wrong.
  const Errc code = drained.error().code;
  if (!is_final(code) || may_not_send(code)) return drained.error();
  const auto span = log_.span();
  if (!span) return span.error();
  const auto from = sent();
  if (!from) return from.error();
  const std::int64_t at = std::max(*from, span->first);
  std::vector<NewRecord> refused;
  const auto read = log_.read(at, at + 1, [&](Record&& record) {
    refused.push_back(to_send(std::move(record)));
    refused.back().partition.reset();
    return true;
  });
  if (!read) return read.error();
  const auto kept = open_file_stream(folder_ + "/stream");
  if (!kept) return kept.error();
  if (Status made = (*kept)->create(refused_topic, {});
      !made && made.error().code != Errc::conflict) {
    return made.error();
  }
  if (const auto put = (*kept)->produce(refused_topic, refused); !put) return put.error();
  if (Status noted = note(at + 1); !noted) return noted.error();
  return true;
}

Result<std::int64_t> Spool::drain_locked(Stream& stream, const std::string& topic,
                                         std::int64_t most) {
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
    const auto taken = send(stream, topic, batch, begin);
    if (!taken) return taken.error();
    failpoint("spool_before_note");
    if (Status noted = note(begin + static_cast<std::int64_t>(*taken)); !noted) {
      return noted.error();
    }
    done += static_cast<std::int64_t>(*taken);
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
  out.put = span->next;
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
