#include "scheduler/api/lake_exports.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "common/fd.h"
#include "scheduler/api/lake_questions.h"

namespace batuta::http {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t stream_piece = 256 << 10;

// The file is opened for the whole of the answer. One that ends early ends the answer, whose length
// has been told.
class ExportStream final : public Stream {
 public:
  ExportStream(ExportedFile file, UniqueFd fd, const ByteRange& range)
      : file_(std::move(file)), fd_(std::move(fd)), at_(range.from), left_(range.size) {}

  std::string next() override {
    std::string piece(static_cast<std::size_t>(std::min(left_, stream_piece)), '\0');
    const auto got = piece.empty() ? 0 : ::pread(fd_.get(), piece.data(), piece.size(), at_);
    if (got <= 0) {
      left_ = 0;
      return {};
    }
    piece.resize(static_cast<std::size_t>(got));
    at_ += got;
    left_ -= got;
    return piece;
  }
  bool ended() const override { return left_ == 0; }

 private:
  const ExportedFile file_;  // its folder is there as long as this is
  const UniqueFd fd_;
  std::int64_t at_ = 0, left_ = 0;
};

}  // namespace

ExportFolder::~ExportFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  *living_ -= bytes_;
}

void ExportFolder::count(std::int64_t bytes) const {
  *living_ += bytes - bytes_.exchange(bytes);
}

Result<std::int64_t> take_export(const std::string& folder, const std::string& file) {
  const Error strange{Errc::internal, "the export gave no plain file of its own", {}};
  const UniqueFd in(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct ::stat of {};
  if (!in || ::fstat(in.get(), &of) != 0) return strange;
  // First the folder: from here on nobody else puts another file in the place of this one.
  const auto ours = ::geteuid();
  if (::fchown(in.get(), ours, static_cast<::gid_t>(-1)) != 0 || ::fchmod(in.get(), S_IRWXU) != 0)
    return strange;
  const UniqueFd fd(
      ::openat(in.get(), file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct ::stat there {};
  if (file.find('/') != file.npos || !fd || ::fstat(fd.get(), &there) != 0 ||
      !S_ISREG(there.st_mode) || there.st_nlink != 1 || there.st_uid != of.st_uid)
    return strange;
  if (::fchown(fd.get(), ours, static_cast<::gid_t>(-1)) != 0 ||
      ::fchmod(fd.get(), S_IRUSR | S_IWUSR) != 0)
    return strange;
  return std::int64_t{there.st_size};
}

LakeExports::~LakeExports() {
  kept_.clear();
  std::error_code ignored;
  if (begun_) fs::remove(folder_, ignored);  // where nobody reads from it any more
}

Result<std::shared_ptr<const ExportFolder>> LakeExports::begin() {
  std::string path = folder_ + "/export-XXXXXX";
  const std::lock_guard lock(mutex_);
  std::error_code failure;
  remove_left();
  if (*living_ > most_bytes)
    return {Errc::unavailable,
            "files that are being downloaded take all the room for exports: try again when they "
            "have ended"};
  fs::create_directories(folder_, failure);
  struct ::statvfs disk {};
  if (::statvfs(folder_.c_str(), &disk) == 0 &&
      lacks_room(std::uint64_t{disk.f_bavail} * disk.f_frsize,
                 std::uint64_t{disk.f_blocks} * disk.f_frsize))
    return {Errc::unavailable, "the disk under " + folder_ + " has no room for an export"};
  // The user that slots run as goes through to the folder that is given to it.
  fs::permissions(folder_, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec,
                  failure);
  if (::mkdtemp(path.data()) == nullptr)
    return {Errc::unavailable, "cannot make a folder in " + folder_};
  return std::make_shared<const ExportFolder>(std::move(path), living_);
}

void LakeExports::keep(const std::string& key, const ExportedFile& file, Time now) {
  const std::lock_guard lock(mutex_);
  file.folder->count(file.bytes);
  kept_.insert_or_assign(key, Kept{file, now});
  sweep_kept(now);
}

std::optional<ExportedFile> LakeExports::find(const std::string& key, Time now) {
  const std::lock_guard lock(mutex_);
  sweep_kept(now);
  const auto found = kept_.find(key);
  if (found == kept_.end()) return std::nullopt;
  struct ::stat now_there {};
  if (::lstat(found->second.file.path.c_str(), &now_there) != 0 ||
      now_there.st_size != found->second.file.bytes) {
    kept_.erase(found);
    return std::nullopt;
  }
  found->second.used = now;
  return found->second.file;
}

void LakeExports::remove_left() {
  std::error_code ignored;
  if (!std::exchange(begun_, true)) fs::remove_all(folder_, ignored);
}

void LakeExports::sweep(Time now) {
  const std::lock_guard lock(mutex_);
  remove_left();
  sweep_kept(now);
}

void LakeExports::sweep_kept(Time now) {
  std::erase_if(kept_, [now](const auto& one) { return now - one.second.used > kept_for; });
  // Those that are read from give no room back, whoever lets go of them.
  const auto later = [](const auto& a, const auto& b) {
    const bool a_read = a.second.file.folder.use_count() > 1;
    const bool b_read = b.second.file.folder.use_count() > 1;
    return a_read != b_read ? b_read : a.second.used < b.second.used;
  };
  while (*living_ > most_bytes && kept_.size() > 1) {
    const auto oldest = std::min_element(kept_.begin(), kept_.end(), later);
    if (oldest->second.file.folder.use_count() > 1) break;
    kept_.erase(oldest);
  }
}

RangeAnswer read_range(std::string_view header, std::int64_t bytes) {
  constexpr std::string_view unit = "bytes=";
  if (!header.starts_with(unit)) return {};
  header.remove_prefix(unit.size());
  const auto dash = header.find('-');
  if (dash == header.npos || header.find(',') != header.npos) return {};
  const std::string_view first = header.substr(0, dash), last = header.substr(dash + 1);
  const auto from = number_from_text(first), to = number_from_text(last);
  if ((!first.empty() && !from) || (!last.empty() && !to) || (first.empty() && last.empty()))
    return {};
  if (from && to && *to < *from) return {};
  RangeAnswer out;
  out.fault = RangeFault::unsatisfiable;
  if (from) {
    if (*from >= bytes) return out;
    const std::int64_t end = to ? std::min(*to, bytes - 1) : bytes - 1;
    out.range = ByteRange{*from, end - *from + 1};
  } else {
    const std::int64_t size = std::min(*to, bytes);  // the last so many
    if (size == 0) return out;
    out.range = ByteRange{bytes - size, size};
  }
  return out;
}

bool lacks_room(std::uint64_t free, std::uint64_t all) {
  return free < std::min(all / 10, std::uint64_t{2} << 30);
}

std::shared_ptr<Stream> export_stream(const ExportedFile& file, const ByteRange& range) {
  UniqueFd fd(::open(file.path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct ::stat there {};
  if (!fd || ::fstat(fd.get(), &there) != 0 || there.st_size != file.bytes) return nullptr;
  return std::make_shared<ExportStream>(file, std::move(fd), range);
}

}  // namespace batuta::http
