#include "scheduler/api/lake_exports.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
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
  if (!std::exchange(begun_, true)) fs::remove_all(folder_, failure);
  fs::create_directories(folder_, failure);
  // The user that slots run as goes through to the folder that is given to it.
  fs::permissions(folder_, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec,
                  failure);
  if (::mkdtemp(path.data()) == nullptr)
    return {Errc::unavailable, "cannot make a folder in " + folder_};
  return std::make_shared<const ExportFolder>(std::move(path));
}

void LakeExports::keep(const std::string& key, const ExportedFile& file, Time now) {
  const std::lock_guard lock(mutex_);
  kept_.insert_or_assign(key, Kept{file, now});
  sweep(now);
}

std::optional<ExportedFile> LakeExports::find(const std::string& key, Time now) {
  const std::lock_guard lock(mutex_);
  sweep(now);
  const auto found = kept_.find(key);
  if (found == kept_.end()) return std::nullopt;
  struct ::stat now_there {};
  if (::stat(found->second.file.path.c_str(), &now_there) != 0 ||
      now_there.st_size != found->second.file.bytes) {
    kept_.erase(found);
    return std::nullopt;
  }
  found->second.used = now;
  return found->second.file;
}

void LakeExports::sweep(Time now) {
  std::erase_if(kept_, [now](const auto& one) { return now - one.second.used > kept_for; });
  std::int64_t bytes = 0;
  for (const auto& [key, kept] : kept_) bytes += kept.file.bytes;
  while (bytes > most_bytes && kept_.size() > 1) {
    const auto oldest = std::min_element(
        kept_.begin(), kept_.end(),
        [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
    bytes -= oldest->second.file.bytes;
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

std::shared_ptr<Stream> export_stream(const ExportedFile& file, const ByteRange& range) {
  UniqueFd fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC));
  struct ::stat there {};
  if (!fd || ::fstat(fd.get(), &there) != 0 || there.st_size != file.bytes) return nullptr;
  return std::make_shared<ExportStream>(file, std::move(fd), range);
}

}  // namespace batuta::http
