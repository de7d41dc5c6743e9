#include "lakelog/log_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "common/failpoint.h"
#include "common/uuid.h"
#include "lakelog/posix_file.h"

namespace batuta::lakelog {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t version_digits = 20;
// A temporary file this old belongs to a process that died between write and unlink.
constexpr std::int64_t stale_temporary_s = 3600;
constexpr std::string_view temporary_prefix = ".batuta-";

std::string padded(std::int64_t version) {
  std::string digits = std::to_string(version);
  return std::string(version_digits - digits.size(), '0') + digits;
}

std::string compacted_file_name(std::int64_t end) {
  return padded(0) + "." + padded(end) + ".compacted.json";
}

bool parse_version(std::string_view digits, std::int64_t& out) {
  if (digits.size() != version_digits) return false;
  const auto [ptr, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return ec == std::errc{} && ptr == digits.data() + digits.size();
}

void take_name(std::string_view name, LogListing& listing) {
  std::int64_t version = 0;
  if (name.size() < version_digits || !parse_version(name.substr(0, version_digits), version))
    return;
  const auto rest = name.substr(version_digits);
  if (rest == ".json") {
    listing.commits.push_back(version);
  } else if (rest.starts_with(".checkpoint.")) {
    listing.has_checkpoint = true;
  } else if (rest.ends_with(".compacted.json") && version == 0 &&
             parse_version(rest.substr(1, std::min(version_digits, rest.size() - 1)), version)) {
    listing.compactions.push_back(version);
  }
}

// Leftovers of killed writers would pile up for ever otherwise.
void sweep_stale_temporaries(const std::string& folder) {
  std::error_code ec;
  const auto now = std::time(nullptr);
  for (fs::directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec)) {
    const std::string name = it->path().filename().string();
    struct stat info {};
    if (name.starts_with(temporary_prefix) && ::lstat(it->path().c_str(), &info) == 0 &&
        now - info.st_mtime > stale_temporary_s) {
      ::unlink(it->path().c_str());
    }
  }
}

}  // namespace

std::string commit_file_name(std::int64_t version) {
  return padded(version) + ".json";
}

LogFolder::LogFolder(std::string table_folder)
    : table_(std::move(table_folder)), log_(table_ + "/_delta_log") {}

Result<LogListing> LogFolder::list() const {
  LogListing listing;
  std::error_code ec;
  fs::directory_iterator it(log_, ec);
  if (ec == std::errc::no_such_file_or_directory || ec == std::errc::not_a_directory)
    return listing;
  for (const fs::directory_iterator end; !ec && it != end; it.increment(ec))
    take_name(it->path().filename().string(), listing);
  if (ec) return {Errc::unavailable, "cannot list " + log_ + ": " + ec.message()};
  std::sort(listing.commits.begin(), listing.commits.end());
  std::sort(listing.compactions.begin(), listing.compactions.end());
  return listing;
}

Result<std::string> LogFolder::read(std::int64_t version) const {
  return read_whole_file(log_ + "/" + commit_file_name(version), max_commit_bytes);
}

Result<std::string> LogFolder::read_compacted(std::int64_t end) const {
  return read_whole_file(log_ + "/" + compacted_file_name(end), max_commit_bytes);
}

std::int64_t LogFolder::modified_ms(std::int64_t version) const {
  struct stat info {};
  if (::stat((log_ + "/" + commit_file_name(version)).c_str(), &info) != 0) return 0;
  return static_cast<std::int64_t>(info.st_mtim.tv_sec) * 1000 + info.st_mtim.tv_nsec / 1'000'000;
}

Result<Put> LogFolder::put_if_absent(std::int64_t version, const std::string& text) const {
  if (auto made = make_folders(log_); !made) return made.error();
  return put_file(commit_file_name(version), text);
}

Status LogFolder::put_compacted(std::int64_t end, const std::string& text) const {
  sweep_stale_temporaries(log_);
  auto put = put_file(compacted_file_name(end), text);
  if (!put) return put.error();
  return success();
}

Result<Put> LogFolder::put_file(const std::string& name, const std::string& text) const {
  Uuid id;
  random_bytes(id.bytes.data(), id.bytes.size());
  const std::string temporary = log_ + "/" + std::string(temporary_prefix) + to_string(id);
  const std::string target = log_ + "/" + name;
  failpoint("publish_before_write");
  if (auto written = write_new_file(temporary, text); !written) {
    ::unlink(temporary.c_str());
    return written.error();
  }
  failpoint("publish_before_link");
  const int rc = ::link(temporary.c_str(), target.c_str());
  const int reason = errno;
  ::unlink(temporary.c_str());
  if (rc != 0 && reason == EEXIST) return Put::exists;
  if (rc != 0) return {Errc::unavailable, "cannot link " + target + ": " + std::strerror(reason)};
  failpoint("publish_after_link");
  if (auto synced = sync_folder(log_); !synced) return synced.error();
  return Put::done;
}

}  // namespace batuta::lakelog
