// Files of tables' rows that were made for somebody and are kept a while, so that a download can be
// resumed and one that is asked for again need not be made again. Private to the room.
#pragma once

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
  explicit ExportFolder(std::string path) : path_(std::move(path)) {}
  ~ExportFolder();
  ExportFolder(const ExportFolder&) = delete;
  ExportFolder& operator=(const ExportFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

struct ExportedFile {
  std::shared_ptr<const ExportFolder> folder;
  std::string path;
  std::int64_t bytes = 0, rows = 0;
  std::vector<std::string> masked{}, bare{};  // columns: hidden, or shown as a right
};

// Any thread. What is kept goes 15 minutes after it was last asked for, and earlier, the one that
// was not asked for longest first, when all are more than 4 GiB; both are seen to when a file is
// asked for or kept. What a server before this one left is deleted with the first file.
class LakeExports {
 public:
  static constexpr std::chrono::minutes kept_for{15};
  static constexpr std::int64_t most_bytes = std::int64_t{4} << 30;

  explicit LakeExports(std::string folder) : folder_(std::move(folder)) {}
  ~LakeExports();

  // Errc::unavailable: the disk says no.
  Result<std::shared_ptr<const ExportFolder>> begin();
  void keep(const std::string& key, const ExportedFile& file, Time now);
  std::optional<ExportedFile> find(const std::string& key, Time now);

 private:
  struct Kept {
    ExportedFile file;
    Time used;
  };
  void sweep(Time now);  // mutex_ is held

  const std::string folder_;
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

// nullptr: the file is gone.
std::shared_ptr<Stream> export_stream(const ExportedFile& file, const ByteRange& range);

}  // namespace batuta::http
