// Folders as one stream of bytes and back: tar, as POSIX has it (ustar, with pax headers where a
// name or a size needs one).
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta {

// Moves every plain file below `folder` into the new file `path`, in the order of their names:
// without times and owners, so that the same files give the same bytes, and each leaves the disk
// once it is in. The folder is gone in the end. The archive's size. Errc::too_large: it would have
// more than `most_bytes`; Errc::invalid: there is something else than files and folders;
// Errc::unavailable: the disk says no. What is there of the archive then is the caller's to delete.
Result<std::int64_t> move_to_tar(const std::string& folder, const std::string& path,
                                 std::int64_t most_bytes);

// Writes an archive's files below a folder as its bytes come. Of one thread.
class TarReader {
 public:
  // `folder` is there, and nobody else writes in it.
  explicit TarReader(std::string folder) : folder_(std::move(folder)) {}

  // Errc::invalid: it is no such archive, or a name in it leads out of the folder, is there already
  // or is neither a file's nor a folder's; Errc::unavailable: the disk says no. After an error the
  // reader takes no more.
  Status take(std::string_view bytes);
  // Errc::invalid: the archive ends too early.
  Status finish();
  std::int64_t files() const { return files_; }
  std::int64_t bytes() const { return bytes_; }  // of its files

 private:
  enum class Next { header, pax, file, padding, end };

  Status block();  // buffer_ is a whole header
  Status begin_file(const std::string& name);
  Status end_member();
  Status write(std::string_view bytes);

  const std::string folder_;
  Next next_ = Next::header;
  std::string buffer_;         // of a header, or of pax records
  std::uint64_t left_ = 0;     // of the member's bytes
  std::uint64_t padding_ = 0;  // behind them
  std::string pax_name_;       // of the next member; empty: its header has it
  std::uint64_t pax_size_ = 0;
  bool has_pax_size_ = false;
  int empty_blocks_ = 0;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_{nullptr, &std::fclose};
  std::int64_t files_ = 0, bytes_ = 0;
};

}  // namespace batuta
