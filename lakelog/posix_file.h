// Durable small files: the few POSIX steps that the log and the staged writers share.
#pragma once

#include <string>

#include "common/result.h"

namespace batuta::lakelog {

// Errc::not_found, Errc::too_large (over `limit` bytes) or Errc::unavailable.
Result<std::string> read_whole_file(const std::string& path, std::size_t limit);

// Creates the file (it must not exist, mode 0644), writes it whole and fsyncs it. Its folder is not
// synced. On failure a partial file may be left behind.
Status write_new_file(const std::string& path, const std::string& text);

Status sync_file(const std::string& path);
Status sync_folder(const std::string& path);

// mkdir -p, with an fsync of every folder that gained an entry.
Status make_folders(const std::string& path);

}  // namespace batuta::lakelog
