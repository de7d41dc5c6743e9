// Files of tables' rows that were made for somebody and are kept a while, so that a download can be
// resumed and one that is asked for again need not be made again. Private to the room.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/time.h"
#include "scheduler/http/exchange.h"

namespace batuta::http {

// A folder of one file's own; gone with the object, which lives as long as somebody reads from it.
class ExportFolder {
 public:
  // `living`: bytes of all folders that are there, this one's too once they are counted.
  ExportFolder(std::string path, std::shared_ptr<std::atomic<std::int64_t>> living)
      : path_(std::move(path)), living_(std::move(living)) {}
  ~ExportFolder();
  ExportFolder(const ExportFolder&) = delete;
  ExportFolder& operator=(const ExportFolder&) = delete;
  const std::string& path() const { return path_; }
  void count(std::int64_t bytes) const;  // its file has so many; the last call holds

 private:
  const std::string path_;
  const std::shared_ptr<std::atomic<std::int64_t>> living_;
  mutable std::atomic<std::int64_t> bytes_ = 0;
};

// Takes the file that a process of lake_sql wrote, whose user tasks may run as, too: the folder and
// the file become ours alone. Its size; Errc::internal: `file` is no plain file of who was given
// the folder, or has another name in it as well.
Result<std::int64_t> take_export(const std::string& folder, const std::string& file);

struct ExportedFile {
  std::shared_ptr<const ExportFolder> folder;
  std::string path;
  std::int64_t bytes = 0, rows = 0;
  std::vector<std::string> masked{}, bare{};  // columns: hidden, or shown as a right
  std::string mark{};                         // of these very bytes, in the tag of masked ones
};

// Any thread. What is kept goes 15 minutes after it was last asked for, and earlier, the one that
// was not asked for longest first, when all that is there is more than 4 GiB; one that somebody
// reads from is there until he ends. What a server before this one left is deleted at the first
// sweep.
class LakeExports {
 public:
  static constexpr std::chrono::minutes kept_for{15};
  static constexpr std::int64_t most_bytes = std::int64_t{4} << 30;

  explicit LakeExports(std::string folder) : folder_(std::move(folder)) {}
  ~LakeExports();

  // Errc::unavailable: the disk says no, or files that are being read leave no room.
  Result<std::shared_ptr<const ExportFolder>> begin();
  void keep(const std::string& key, const ExportedFile& file, Time now);
  std::optional<ExportedFile> find(const std::string& key, Time now);
  void sweep(Time now);

 private:
  struct Kept {
    ExportedFile file;
    Time used;
  };
  void remove_left();         // mutex_ is held
  void sweep_kept(Time now);  // mutex_ is held

  const std::string folder_;
  const std::shared_ptr<std::atomic<std::int64_t>> living_ =
      std::make_shared<std::atomic<std::int64_t>>(0);
  std::mutex mutex_;
  // Guarded by mutex_.
  bool begun_ = false;
  std::map<std::string, Kept> kept_;  // by what was asked for
};

// The part of `bytes` that a Range header asks for.
struct ByteRange {
  std::int64_t from = 0, size = 0;
};
enum class RangeFault { ignored, unsatisfiable };
// RangeFault::ignored for what is no single range of bytes: the whole is the answer then.
struct RangeAnswer {
  std::optional<ByteRange> range;
  RangeFault fault = RangeFault::ignored;
};
RangeAnswer read_range(std::string_view header, std::int64_t bytes);

// Whether a disk with so many bytes free has no room for one more export: it would have less than
// two of the largest, or a tenth where that is less.
bool lacks_room(std::uint64_t free, std::uint64_t all);

// nullptr: the file is gone.
std::shared_ptr<Stream> export_stream(const ExportedFile& file, const ByteRange& range);

}  // namespace batuta::http
