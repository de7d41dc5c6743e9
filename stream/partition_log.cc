#include "stream/partition_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "common/failpoint.h"
#include "common/log.h"
#include "stream/files.h"

namespace batuta::stream {
namespace {

constexpr std::size_t read_block = 1 << 20;
constexpr std::string_view suffix = ".log";

std::optional<std::int64_t> base_of(std::string_view name) {
  if (name.size() != 24 || !name.ends_with(suffix)) return std::nullopt;
  std::int64_t base = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + 20, base);
  if (error != std::errc() || end != name.data() + 20) return std::nullopt;
  return base;
}

// A file as a window over its bytes, read block by block.
class Window {
 public:
  Window(int fd, const std::string& path, std::int64_t at, std::int64_t end)
      : fd_(fd), path_(path), at_(at), end_(end) {}

  std::int64_t at() const { return at_; }
  std::string_view bytes() const { return std::string_view(held_).substr(used_); }
  void step(std::size_t size) {
    used_ += size;
    at_ += static_cast<std::int64_t>(size);
  }
  // More bytes behind those that are held; false at the end.
  Result<bool> grow() {
    const std::int64_t from = at_ + static_cast<std::int64_t>(held_.size() - used_);
    if (from >= end_) return false;
    const auto wanted = std::min<std::int64_t>(read_block, end_ - from);
    auto more = read_at(fd_, static_cast<std::size_t>(wanted), from, path_);
    if (!more) return more.error();
    held_.erase(0, used_);
    used_ = 0;
    held_ += *more;
    return !more->empty();
  }
  // The record at the beginning, as look_at() tells.
  Result<Look> look(Stored& out) {
    for (;;) {
      const Look seen = look_at(bytes(), out);
      if (seen != Look::too_short) return seen;
      const auto more = grow();
      if (!more) return more.error();
      if (!*more) return Look::too_short;
    }
  }

 private:
  int fd_;
  const std::string& path_;
  std::int64_t at_, end_;
  std::string held_;
  std::size_t used_ = 0;
};

std::string at_byte(const std::string& path, std::int64_t at) {
  return path + " at byte " + std::to_string(at);
}

}  // namespace

std::string PartitionLog::segment_path(std::int64_t base) const {
  char name[32];
  std::snprintf(name, sizeof name, "/%020lld.log", static_cast<long long>(base));
  return folder_ + name;
}

Status PartitionLog::list_segments() {
  const auto names = list_folder(folder_);
  if (!names) return names.error();
  bases_.clear();
  for (const std::string& name : *names) {
    if (const auto base = base_of(name)) bases_.push_back(*base);
  }
  std::sort(bases_.begin(), bases_.end());
  return success();
}

Status PartitionLog::open_last() {
  if (Status listed = list_segments(); !listed) return listed;
  const std::int64_t base = bases_.empty() ? 0 : bases_.back();
  const std::string path = segment_path(base);
  if (last_ && base == base_) {
    // The same name may be another file: a topic that was removed and made anew.
    struct stat held {
    }, named{};
    if (::fstat(last_.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
        held.st_ino == named.st_ino && held.st_dev == named.st_dev) {
      return success();
    }
  }
  cursor_base_ = -1;
  auto file = open_or_create(path);
  if (!file) return file.error();
  if (bases_.empty()) bases_.push_back(base);
  last_ = *std::move(file);
  base_ = next_ = base;
  valid_ = 0;
  synced_ = false;
  return success();
}

// Under the lock, so that nobody is writing: what is not whole now never will be.
Status PartitionLog::find_end(bool may_repair) {
  if (Status opened = open_last(); !opened) return opened;
  const std::string path = segment_path(base_);
  struct stat info {};
  if (::fstat(last_.get(), &info) != 0) return os_error("stat", path);
  if (info.st_size < valid_) {
    return {Errc::internal, path + " has become shorter than it was; restore it from a copy"};
  }
  Window window(last_.get(), path, valid_, info.st_size);
  std::int64_t expected = next_;
  while (window.at() < info.st_size) {
    Stored found;
    const auto seen = window.look(found);
    if (!seen) return seen.error();
    if (*seen != Look::whole || found.place.offset != expected ||
        found.place.offset - found.place.index != next_) {
      break;
    }
    window.step(found.size);
    ++expected;
    if (found.place.left != 0) continue;
    valid_ = window.at();
    next_ = expected;
    synced_ = false;
  }
  if (valid_ < info.st_size && may_repair) {
    if (Status aside = set_aside(info.st_size); !aside) return aside;
  }
  if (!synced_ && ::fdatasync(last_.get()) != 0) return os_error("fsync", path);
  synced_ = true;
  return success();
}

Status PartitionLog::set_aside(std::int64_t size) {
  const std::string path = segment_path(base_);
  const auto torn = read_at(last_.get(), static_cast<std::size_t>(size - valid_), valid_, path);
  if (!torn) return torn.error();
  if (another_batch_follows(*torn, next_)) {
    return {Errc::internal, at_byte(path, valid_) + " (offset " + std::to_string(next_) +
                                "): what lies there is broken, and whole records follow, so it is "
                                "no torn end. Nothing was changed; restore the file from a copy"};
  }
  const std::string aside = path + ".torn-" + std::to_string(next_) + "-" + std::to_string(size);
  if (Status kept = replace_file(aside, *torn); !kept) return kept;
  if (::ftruncate(last_.get(), valid_) != 0) return os_error("truncate", path);
  synced_ = false;
  log::warn(at_byte(path, valid_) + ": " + std::to_string(torn->size()) +
            " bytes of a produce that never ended were set aside in " + aside);
  return success();
}

Status PartitionLog::roll() {
  const std::int64_t base = next_;
  auto file = open_or_create(segment_path(base));
  if (!file) return file.error();
  last_ = *std::move(file);
  base_ = base;
  valid_ = 0;
  synced_ = true;
  bases_.push_back(base);
  return success();
}

// What was half written is cut off again; where even that fails the next producer sets it aside.
Error PartitionLog::taken_back(Error failure) {
  if (::ftruncate(last_.get(), valid_) != 0) {
    failure.message += "; " + os_error("truncate", segment_path(base_)).message;
  }
  return failure;
}

Result<std::int64_t> PartitionLog::append(std::span<const NewRecord* const> records,
                                          const LogBounds& bounds, Time now) {
  const auto lock = FileLock::take(folder_ + "/lock", true);
  if (!lock) return lock.error();
  if (Status found = find_end(true); !found) return found.error();
  if (valid_ >= bounds.segment_bytes) {
    if (Status rolled = roll(); !rolled) return rolled.error();
    if (Status kept = retain_locked(bounds, now); !kept) return kept.error();
  }
  std::string bytes;
  Place place{next_, 0, static_cast<std::uint32_t>(records.size())};
  for (const NewRecord* record : records) {
    --place.left;
    append_record(bytes, *record, place, record->time.value_or(now));
    ++place.offset;
    ++place.index;
  }
  const std::string path = segment_path(base_);
  failpoint("stream_before_write");
  const std::string_view all = bytes;
  const std::size_t half = all.size() / 2;
  // In two steps, so that the kill tests can end a producer in the middle of a record.
  if (Status written = write_at(last_.get(), all.substr(0, half), valid_, path); !written) {
    return taken_back(written.error());
  }
  failpoint("stream_half_written");
  if (Status written =
          write_at(last_.get(), all.substr(half), valid_ + static_cast<std::int64_t>(half), path);
      !written) {
    return taken_back(written.error());
  }
  failpoint("stream_before_sync");
  if (::fdatasync(last_.get()) != 0) {
    return taken_back(os_error("fsync", path));
  }
  failpoint("stream_after_sync");
  const std::int64_t first = next_;
  valid_ += static_cast<std::int64_t>(bytes.size());
  next_ = place.offset;
  return first;
}

Result<Span> PartitionLog::span() {
  const auto lock = FileLock::take(folder_ + "/lock", false);
  if (!lock) return lock.error();
  if (Status found = find_end(false); !found) return found.error();
  return Span{bases_.front(), next_};
}

Result<std::int64_t> PartitionLog::read_segment(std::int64_t base, std::int64_t from,
                                                std::int64_t end,
                                                const std::function<bool(Record&&)>& taker,
                                                bool& stopped) {
  const std::string path = segment_path(base);
  const auto file = open_to_read(path);
  if (!file) return file.error();
  struct stat info {};
  if (::fstat(file->get(), &info) != 0) return os_error("stat", path);
  std::int64_t offset = base, start = 0;
  if (cursor_base_ == base && cursor_offset_ <= from) {
    offset = cursor_offset_;
    start = cursor_at_;
  }
  Window window(file->get(), path, start, info.st_size);
  while (offset < end && window.at() < info.st_size) {
    Stored found;
    const auto seen = window.look(found);
    if (!seen) return seen.error();
    if (*seen != Look::whole || found.place.offset != offset) {
      return {Errc::internal, at_byte(path, window.at()) + " (offset " + std::to_string(offset) +
                                  "): what lies there is broken; restore the file from a copy"};
    }
    if (offset >= from) {
      Record record = read_record(window.bytes().substr(0, found.size));
      record.partition = partition_;
      if (!taker(std::move(record))) {
        stopped = true;
        break;
      }
    }
    window.step(found.size);
    ++offset;
  }
  cursor_base_ = base;
  cursor_offset_ = offset;
  cursor_at_ = window.at();
  return offset;
}

Result<std::int64_t> PartitionLog::read(std::int64_t from, std::int64_t end,
                                        const std::function<bool(Record&&)>& taker) {
  bool stopped = false;
  const std::vector<std::int64_t> bases = bases_;
  std::int64_t offset = from;
  while (offset < end && !stopped) {
    const auto after = std::upper_bound(bases.begin(), bases.end(), offset);
    if (after == bases.begin()) return {Errc::not_found, "offset is gone"};
    const std::int64_t base = *std::prev(after);
    const std::int64_t until = after == bases.end() ? end : std::min(end, *after);
    const auto reached = read_segment(base, offset, until, taker, stopped);
    if (!reached) return reached.error();
    if (*reached < until && !stopped) {
      return {Errc::internal, segment_path(base) + " ends at offset " + std::to_string(*reached) +
                                  " instead of " + std::to_string(until) +
                                  "; restore it from a copy"};
    }
    offset = *reached;
  }
  return offset;
}

Status PartitionLog::retain(const LogBounds& bounds, Time now) {
  const auto lock = FileLock::take(folder_ + "/lock", true);
  if (!lock) return lock.error();
  if (Status found = find_end(true); !found) return found;
  return retain_locked(bounds, now);
}

Status PartitionLog::drop_before(std::int64_t offset) {
  const auto lock = FileLock::take(folder_ + "/lock", true);
  if (!lock) return lock.error();
  if (Status found = find_end(true); !found) return found;
  if (offset >= next_ && valid_ > 0) {
    if (Status rolled = roll(); !rolled) return rolled;
  }
  bool removed = false;
  while (bases_.size() > 1 && bases_[1] <= offset) {
    const std::string path = segment_path(bases_.front());
    if (Status gone = remove_file(path); !gone) return gone;
    bases_.erase(bases_.begin());
    removed = true;
  }
  return removed ? sync_folder(folder_) : success();
}

Result<std::int64_t> PartitionLog::bytes() {
  const auto lock = FileLock::take(folder_ + "/lock", false);
  if (!lock) return lock.error();
  if (Status listed = list_segments(); !listed) return listed.error();
  std::int64_t total = 0;
  for (const std::int64_t base : bases_) {
    struct stat info {};
    if (::stat(segment_path(base).c_str(), &info) != 0) return os_error("stat", segment_path(base));
    total += info.st_size;
  }
  return total;
}

Status PartitionLog::retain_locked(const LogBounds& bounds, Time now) {
  struct Segment {
    std::int64_t base, bytes;
    Time newest;
  };
  std::vector<Segment> segments;
  std::int64_t total = 0;
  for (const std::int64_t base : bases_) {
    struct stat info {};
    if (::stat(segment_path(base).c_str(), &info) != 0) return os_error("stat", segment_path(base));
    const auto written =
        std::chrono::seconds(info.st_mtim.tv_sec) + std::chrono::nanoseconds(info.st_mtim.tv_nsec);
    segments.push_back({base, info.st_size, Time(std::chrono::duration_cast<Duration>(written))});
    total += info.st_size;
  }
  const auto too_old = [&](const Segment& one) {
    return bounds.retention >= Duration::zero() && now - one.newest > bounds.retention;
  };
  // All too old: the partition goes on at the same offset, empty.
  if (valid_ > 0 && too_old(segments.back())) {
    if (Status rolled = roll(); !rolled) return rolled;
    segments.push_back({base_, 0, now});
  }
  bool removed = false;
  while (segments.size() > 1 && (too_old(segments.front()) ||
                                 (bounds.retention_bytes >= 0 &&
                                  total - segments.front().bytes >= bounds.retention_bytes))) {
    const std::string path = segment_path(segments.front().base);
    if (Status gone = remove_file(path); !gone) return gone;
    total -= segments.front().bytes;
    segments.erase(segments.begin());
    bases_.erase(bases_.begin());
    removed = true;
  }
  return removed ? sync_folder(folder_) : success();
}

}  // namespace batuta::stream
