// Durable small files: the few POSIX steps behind FileStorage, and behind files outside the lake.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.h"

namespace batuta::lakelog {

// At most `length` bytes from `offset` on, fewer where the file ends. Errc::not_found or
// Errc::unavailable.
Result<std::string> read_file_range(const std::string& path, std::uint64_t offset,
                                    std::uint64_t length);

// Creates the file (it must not exist, mode 0644), writes it whole and fsyncs it. Its folder is not
// synced. On failure a partial file may be left behind.
Status write_new_file(const std::string& path, std::string_view text);

// Has the kernel begin to write what the file holds, and does not wait: a sync of many files then
// waits for all of them at once. Nothing is promised by it.
void start_write_back(const std::string& path);
Status sync_file(const std::string& path);
Status sync_folder(const std::string& path);

// mkdir; a folder that is there is success. Not synced.
Status make_one_folder(const std::string& path);
// mkdir -p, with an fsync of every folder that gained an entry.
Status make_folders(const std::string& path);

}  // namespace batuta::lakelog
